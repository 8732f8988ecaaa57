"""The whole query language: the meaning of each form, the column of each mistake, the limits."""

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import QueryError
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)
from indexer.model.text import fold, words
from search_api.query import QUERY_MAX, plain_query
from search_api.query.parser import DEPTH_MAX, TERMS_MAX
from tests.search_api.query.asking import both, list_parts, mistake, parsed, random_text

FORMS: list[tuple[str, Query]] = [
    # Everything
    ("", Everything()),
    (" \t\n\u00a0\u3000", Everything()),
    ("***", Everything()),
    ("/", Everything()),
    ("()", Everything()),
    ("(())", Everything()),
    ("* *", Everything()),
    ("nginx *", Word("nginx")),
    # Words
    ("nginx", Word("nginx")),
    ("NGINX", Word("nginx")),
    ("nginx ingress", both(Word("nginx"), Word("ingress"))),
    ("  nginx\tingress ", both(Word("nginx"), Word("ingress"))),
    ("nginx\u3000ingress", both(Word("nginx"), Word("ingress"))),
    ("caf\u00e9", Word("cafe")),
    ("cafe\u0301", Word("cafe")),
    ("数据库", Word("数据库")),
    ("ΣΊΣΥΦΟΣ", Word(fold("ΣΊΣΥΦΟΣ"))),
    ("_", Word("_")),
    ("%", Word("%")),
    ("\\\\", Word("\\")),
    ("web-", Word("web-")),
    ("-", Word("-")),
    ("a -", both(Word("a"), Word("-"))),
    ("a\0b", Word("a\0b")),
    ("\ufffd\ufffd", Word("\ufffd\ufffd")),
    ("C++", Word("c++")),
    (":x", Word(":x")),
    # Phrases
    ('"Reverse,  PROXY!"', Phrase(("reverse", "proxy"))),
    ('"(a b)"', Phrase(("a", "b"))),
    ('"OR"', Word("or")),
    ('"a" "b c"', both(Word("a"), Phrase(("b", "c")))),
    ("“reverse proxy”", Phrase(("reverse", "proxy"))),
    ("„reverse proxy“ x", both(Phrase(("reverse", "proxy")), Word("x"))),
    ('x"y z"', Word("xy z")),
    # Literal signs
    ("\\*", Word("*")),
    ("registry\\:2", both(Path("registry"), Condition("tag", "2"))),
    ('"say \\"yes\\""', Phrase(("say", "yes"))),
    ('"O"R', Word("or")),
    # Wildcards and close spellings
    ("NGIN*", Prefix("ngin")),
    ("caf\u00e9*", Prefix("cafe")),
    ("a POSTGERS~", both(Word("a"), Fuzzy("postgers"))),
    # Booleans
    ("a OR b", Or((Word("a"), Word("b")))),
    ("a OR b OR c", Or((Word("a"), Word("b"), Word("c")))),
    ("a b OR c d", both(Word("a"), Or((Word("b"), Word("c"))), Word("d"))),
    ("a or b", both(Word("a"), Word("or"), Word("b"))),
    ("a AND b", both(Word("a"), Word("b"))),
    ("AND a", Word("a")),
    ("-a", Not(Word("a"))),
    ("--a", Not(Not(Word("a")))),
    ("NOT a", Not(Word("a"))),
    ("NOT NOT a", Not(Not(Word("a")))),
    ("a -b", both(Word("a"), Not(Word("b")))),
    ("-*", Not(Everything())),
    ('-"a b"', Not(Phrase(("a", "b")))),
    ("-(a OR b)", Not(Or((Word("a"), Word("b"))))),
    ("a OR -b", Or((Word("a"), Not(Word("b"))))),
    ("a OR AND b", Or((Word("a"), Word("b")))),
    ("(a OR b) c", both(Or((Word("a"), Word("b"))), Word("c"))),
    ("(a)(b)", both(Word("a"), Word("b"))),
    ("a(b c)", both(Word("a"), both(Word("b"), Word("c")))),
    ("not a", both(Word("not"), Word("a"))),
    # References
    ("team/web nginx", both(Path("team/web"), Word("nginx"))),
    ("docker pull team/web:1.4", both(Path("team/web"), Condition("tag", "1.4"))),
    ("docker pull", both(Word("docker"), Word("pull"))),
    # Conditions
    ("-label:x", Not(Condition("label", "x"))),
    ("tag:a OR tag:b", Or((Condition("tag", "a"), Condition("tag", "b")))),
]

MISTAKES = [
    ("OR", 1, "a word is missing"),
    ("a OR", 5, "a word is missing"),
    ("a OR OR b", 6, "a word is missing"),
    ("OR a", 1, "a word is missing"),
    ("(OR a)", 2, "a word is missing"),
    ("(a OR)", 6, "a word is missing"),
    ("NOT", 4, "a word is missing"),
    ("AND", 4, "a word is missing"),
    ("a NOT", 6, "a word is missing"),
    ("-)", 2, "a word is missing"),
    ("-OR", 2, "a word is missing"),
    ("-(", 2, "a ( that is not closed"),
    (")", 1, "a ) without its ("),
    ("a b)", 4, "a ) without its ("),
    ("(a))", 4, "a ) without its ("),
    ("(", 1, "a ( that is not closed"),
    ("a (b (c)", 3, "a ( that is not closed"),
    ('a "b c', 3, 'a " that is not closed'),
    ('a"b" c"d', 7, 'a " that is not closed'),
    ('""', 1, "a phrase without a word"),
    ('x "*"', 3, "a phrase without a word"),
    ("x TAG:", 7, "tag: without a value"),
    ("web:", 1, "unknown field 'web'"),
    ('"a \\"', 1, 'a " that is not closed'),
    ("“a", 1, 'a " that is not closed'),
    ('x """"', 3, "nothing to search for"),
    ("a \u0301", 3, "nothing to search for"),
    ("x size:>100QB", 12, "size: unknown unit 'QB'; known are B, KB"),
    ("(" * (DEPTH_MAX + 1), DEPTH_MAX + 1, "nested deeper than 20"),
    ("-" * DEPTH_MAX + "a", DEPTH_MAX + 1, "nested deeper than 20"),
    ("NOT " * 5_00, 4 * DEPTH_MAX + 1, "nested deeper than 20"),
    ("(" * QUERY_MAX, DEPTH_MAX + 1, "nested deeper than 20"),
    ("a" * (QUERY_MAX + 1), QUERY_MAX + 1, "a query of more than 2000 characters"),
]


@pytest.mark.parametrize(("text", "tree"), FORMS)
def test_every_form_means_what_it_should(text: str, tree: Query) -> None:
    assert parsed(text) == tree


@pytest.mark.parametrize(("text", "column", "message"), MISTAKES)
def test_every_mistake_is_named_at_its_column(text: str, column: int, message: str) -> None:
    found = mistake(text)
    assert (found.column, str(found)[: len(message)]) == (column, message)


def test_the_limits_themselves_are_allowed() -> None:
    assert parsed("a" * QUERY_MAX) == Word("a" * QUERY_MAX)
    nested = "(" * (DEPTH_MAX - 1) + "a" + ")" * (DEPTH_MAX - 1)
    assert parsed(nested) == Word("a")


def test_many_groups_side_by_side_are_not_deep() -> None:
    found = parsed("(a) -(b) " * 30)
    assert isinstance(found, And)
    assert len(found.parts) == 60


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a " * TERMS_MAX + "b", 2 * TERMS_MAX + 1),
        ("a-" * TERMS_MAX + "b", 1),
        (f'"{"a " * TERMS_MAX}b"', 1),
        (f'title:"{" ".join(map(str, range(TERMS_MAX + 1)))}"', 1),
        ("size:1 " * TERMS_MAX + "(-x)", 7 * TERMS_MAX + 3),
    ],
)
def test_terms_are_bounded_wherever_they_are(text: str, column: int) -> None:
    found = mistake(text)
    assert (found.column, str(found)) == (column, "more than 64 terms in a query")
    assert parsed("a " * TERMS_MAX) == And((Word("a"),) * TERMS_MAX)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("nginx (proxy", both(Word("nginx"), Word("proxy"))),
        ('a "a b', both(Word("a"), Word("b"))),
        ("x:", Word("x")),
        ("OR", Word("or")),
        ("caf\u00e9 -", Word("cafe")),
        # Punctuation is not a wildcard.
        ("(", Word("(")),
        ('"*"', Word('"*"')),
        (" )( ", Word(")(")),
        ("\u0301", Everything()),
        ("a" * 5_000, Word("a" * 64)),
        (" ".join(map(str, range(500))), And(tuple(Word(str(n)) for n in range(TERMS_MAX)))),
    ],
)
def test_plain_words_are_found_in_anything(text: str, tree: Query) -> None:
    assert plain_query(text) == tree


def tree_or_column(text: str) -> tuple[Query, int | None]:
    """Return what a text asks for; its words and the column where it has a mistake."""
    try:
        return parsed(text), None
    except QueryError as error:
        return plain_query(text), error.column


def check(text: str) -> bool:
    """Check what holds for the tree of any text; tell whether it has a mistake."""
    tree, column = tree_or_column(text)
    assert column is None or 1 <= column <= len(text) + 1
    for part in list_parts(tree):
        match part:
            case Word(found) | Path(found) | Prefix(found) | Fuzzy(found) | Condition(_, found):
                assert found == fold(found)
            case Wildcard(found) | Glob(_, found):
                assert found == fold(found)
                assert "*" in found or "?" in found
                assert "**" not in found
            case Phrase(found_words):
                assert len(found_words) > 1
            case _:
                pass
    return column is not None


def test_any_text_is_a_tree_or_a_mistake_at_a_column() -> None:
    """20,000 random texts: nothing but QueryError is raised, and everything is folded."""
    random_ = random.Random(7)
    mistakes = sum(check(random_text(random_)) for _ in range(20_000))
    assert 1_000 < mistakes < 19_000, "the texts are a mix"


@given(st.text(max_size=QUERY_MAX + 1))
def test_any_text_that_hypothesis_finds_is_one_or_the_other(text: str) -> None:
    check(text)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_words_in_quotes_are_words_whatever_they_hold(texts: list[str]) -> None:
    escaped = [re.sub(r'([\\"“”„‟])', r"\\\1", text) for text in texts]
    quoted = " ".join(f'"{text}"' for text in escaped)
    found = [words(text) for text in texts]
    if not all(found):
        assert str(mistake(quoted)) == "a phrase without a word"
        return
    parts = [Phrase(tuple(each)) if len(each) > 1 else Word(each[0]) for each in found]
    assert parsed(quoted) == (And(tuple(parts)) if len(parts) > 1 else parts[0])


@pytest.mark.parametrize(
    "text",
    [
        "a-" * 1_000,
        "a/" * 1_000,
        "a." * 1_000,
        "a:" * 1_000,
        "a__" * 666,
        '"a' * 1_000,
        "-" * 2_000,
        "docker pull " + " " * 1_900 + "x",
        "docker " * 300,
        "https://" + "a/v2/" * 390,
        "size:" + "9" * 1_990,
        "label:" + "a*" * 900,
        "created:" + "1-" * 900,
    ],
)
def test_hostile_texts_take_no_longer_than_others(text: str) -> None:
    """No pattern of ours must try every way to cut a text."""
    # Of this thread alone: the machine may be busy with something else.
    started = time.thread_time()
    tree_or_column(text[:QUERY_MAX])
    assert time.thread_time() - started < 2
