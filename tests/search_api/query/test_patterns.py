"""Wildcards: the parts of a pattern, and the patterns that no engine should search for."""

import pytest

from indexer.errors import QueryError
from search_api.query.patterns import WILDCARDS_MAX, TypedPattern, has_wildcards, read_pattern
from tests.search_api.query.asking import typed


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*", TypedPattern("*", "", 0)),
        ("ngin*", TypedPattern("ngin*", "ngin", 4)),
        ("NGIN**", TypedPattern("ngin*", "ngin", 4)),
        ("*gress", TypedPattern("*gress", None, 5)),
        ("w?b", TypedPattern("w?b", None, 2)),
        ("w?", TypedPattern("w?", None, 1)),
        ("a***b??*", TypedPattern("a*b??*", None, 2)),
        ("Café*é", TypedPattern("cafe*e", None, 5)),
        ("ﬁ?", TypedPattern("fi?", None, 2)),
        (r"a\*b*", TypedPattern("a*b*", "a*b", 3)),
        ("＊a*", TypedPattern("*a*", "*a", 2)),
    ],
)
def test_a_pattern_is_folded(text: str, pattern: TypedPattern) -> None:
    assert read_pattern(typed(text)) == pattern


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("a*" * WILDCARDS_MAX + "?", 17, "more than 8 wildcards in one pattern"),
        ("?" * 9, 9, "more than 8 wildcards in one pattern"),
        (r"a\*b*c", 1, "a pattern cannot ask for a * or ? itself"),
        (r"*b\?", 2, "a pattern cannot ask for a * or ? itself"),
        ("*？", 2, "a pattern cannot ask for a * or ? itself"),
    ],
)
def test_a_pattern_has_limits(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_pattern(typed(text))
    assert str(caught.value).startswith(message)
    assert caught.value.column == column


def test_as_many_wildcards_as_are_allowed() -> None:
    assert read_pattern(typed("a*" * WILDCARDS_MAX)).fixed == WILDCARDS_MAX


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", False), ("a*", True), ("?", True), (r"\*", False), ('"*?"', False), (r"\**", True)],
)
def test_a_literal_sign_is_no_wildcard(text: str, expected: bool) -> None:
    assert has_wildcards(typed(text)) is expected
