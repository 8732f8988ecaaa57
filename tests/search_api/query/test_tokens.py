"""The tokens of a query: their borders, quotes and backslashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import QueryError
from search_api.query.tokens import TokenType, tokens
from tests.search_api.query.asking import only_token


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("a b", ["word a", "word b"]),
        ("a\u3000b\tc\u00a0d", ["word a", "word b", "word c", "word d"]),
        ("(a)(-b)", ["( (", "word a", ") )", "( (", "- -", "word b", ") )"]),
        ("-a --b -", ["- -", "word a", "- -", "- -", "word b", "word -"]),
        ("a-b", ["word a-b"]),
        ("- a", ["word -", "word a"]),
        ('"a b" c', ["phrase a b", "word c"]),
        ('"a"b "c"', ["word ab", "phrase c"]),
        ('a"b c"', ["word ab c"]),
        ('"a""b"', ["word ab"]),
        ("“a b” „c d“ ‟e”", ["phrase a b", "phrase c d", "phrase e"]),
        (r"a\ b", ["word a b"]),
        (r"\-a", ["word -a"]),
        (r"a\(b\)", ["word a(b)"]),
        (r'"a \" b"', ['phrase a " b']),
        (r'"a\\"', ["phrase a\\"]),
        (r"\"a", ['word "a']),
        ('label:"a b"=c d', ["word label:a b=c", "word d"]),
        ("it's", ["word it's"]),
    ],
)
def test_a_text_is_cut(text: str, pieces: list[str]) -> None:
    assert [f"{token.type} {token.typed.text}" for token in tokens(text)] == pieces


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("a*b", "a*b"),
        (r"a\*b", "a\0b"),
        ('a"*"b', "a\0b"),
        ('"*"', "\0"),
        (r'"\*"*', "\0*"),
        ("“*”", "\0"),
    ],
)
def test_what_is_literal_is_no_sign(text: str, signs: str) -> None:
    assert only_token(text).typed.signs == signs


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ab", (1, 2, 3)),
        ("  ab", (3, 4, 5)),
        (r"a\*b", (1, 3, 4, 5)),
        (r"\*b", (1, 3, 4)),
        ('a"b c"d', (1, 3, 4, 5, 7, 8)),
        ('"a"', (1, 4)),
        ('""', (1,)),
    ],
)
def test_every_character_knows_its_column(text: str, columns: tuple[int, ...]) -> None:
    assert only_token(text).typed.columns == columns


def test_a_part_keeps_its_columns() -> None:
    typed = only_token(r"tag:\*b*").typed
    part = typed.part(4)
    assert (part.text, part.signs, part.column) == ("*b*", "\0b*", 6)
    assert typed.part(0, 3).text == "tag"
    assert typed.part(7).column == 9
    stripped = only_token("///a/b//").typed.strip("/")
    assert (stripped.text, stripped.columns) == ("a/b", (4, 5, 6, 7))
    assert only_token("//").typed.strip("/").text == ""


def test_operators_are_words_without_quotes() -> None:
    assert only_token("OR").is_operator("OR")
    for text in ("or", '"OR"', r"\OR", 'O"R"', "AND"):
        assert not only_token(text).is_operator("OR")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ('"', 1, 'a " that is not closed'),
        ('a "b', 3, 'a " that is not closed'),
        ('"a" b"', 6, 'a " that is not closed'),
        (r'"a\"', 1, 'a " that is not closed'),
        ("a \\", 3, "a \\ with nothing behind it"),
        ('"\\', 2, "a \\ with nothing behind it"),
    ],
)
def test_what_is_left_open_is_named(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        tokens(text)
    assert (caught.value.column, str(caught.value)) == (column, message)


@given(st.text(alphabet='ab "“()-\\*:', max_size=30))
def test_tokens_follow_each_other_and_hold_everything_but_white_space(text: str) -> None:
    try:
        found = tokens(text)
    except QueryError:
        return
    position = 0
    for token in found:
        assert token.end > token.start >= position
        assert not text[position : token.start].strip()
        assert token.typed.columns[0] == token.column
        assert token.typed.columns[-1] <= token.end + 1
        assert len(token.typed.columns) == len(token.typed.text) + 1 == len(token.typed.signs) + 1
        if token.type is not TokenType.WORD:
            assert text[token.start] in '"“()-'
        position = token.end
    assert not text[position:].strip()
