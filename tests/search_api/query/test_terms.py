"""One word of a query."""

import pytest

from indexer.model.query import (
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)
from search_api.query.terms import bare, phrase, term
from tests.search_api.query.asking import NOW, either, mistake, parsed, typed


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("nginx", Word("nginx")),
        ("/nginx", Word("nginx")),
        ("nginx/", Word("nginx")),
        ("nginx-ingress", Word("nginx-ingress")),
        ("nginx.", Word("nginx.")),
        ("a/%", Path("a/%")),
        ("http://%", Path("http://%")),
        ("*", Everything()),
        ("//", Everything()),
        # Patterns
        ("ngin*", Prefix("ngin")),
        ("/ngin*", Prefix("ngin")),
        ("数据*", Prefix("数据")),
        ("nginx-ing*", Wildcard("nginx-ing*")),
        ("web-*", Wildcard("web-*")),
        ("*gress", Wildcard("*gress")),
        ("W?b", Wildcard("w?b")),
        ("team/w*", Condition("repo", "team/w", is_prefix=True)),
        ("team/*", Condition("repo", "team/", is_prefix=True)),
        ("/a/*", Condition("repo", "a/", is_prefix=True)),
        ("*/web", Glob("repo", "*/web")),
        ("team/*/web", Glob("repo", "team/*/web")),
        ("team/w?b", Glob("repo", "team/w?b")),
        # Close spellings
        ("postgers~", Fuzzy("postgers")),
        ("Café~", Fuzzy("cafe")),
        ("abc~", Fuzzy("abc")),
        ("a~b", Word("a~b")),
        (r"abc\~", Word("abc~")),
        # Fields
        ("tag:1", Condition("tag", "1")),
        ("label:x~", Condition("label", "x~")),
        ("ARTIFACT:x", Condition("type", "x")),
    ],
)
def test_a_word_asks_for(text: str, tree: Query) -> None:
    assert term(typed(text), now=NOW) == parsed(text) == tree


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("x a*", 3, "a pattern needs at least 2 characters beside its * and ?"),
        ("x ?", 3, "a pattern needs at least 2 characters"),
        ("x *a?", 3, "a pattern needs at least 2 characters"),
        ("x //*/*", 5, "a pattern needs at least 2 characters"),
        (r"x\ a\*b*", 1, "a pattern cannot ask for a * or ? itself"),
        ("~", 1, "a ~ goes behind one word of at least 3 characters"),
        ("x ab~", 3, "a ~ goes behind one word"),
        ("a-long-one~", 1, "a ~ goes behind one word"),
        ('"a phrase"~', 1, "a ~ goes behind one word"),
        ("post*~", 1, "a ~ goes behind one word"),
        ("abc~~", 1, "a ~ goes behind one word"),
        ("a" * 65 + "~", 1, "a ~ goes behind one word"),
        ("x:", 1, "unknown field 'x'; known are annotation, arch"),
        ("std::x", 1, "unknown field 'std'; known are"),
        ("a" * 200 + ":=", 1, f"unknown field '{'a' * 100}'; known are"),
    ],
)
def test_a_mistake_is_named_at_its_column(text: str, column: int, message: str) -> None:
    found = mistake(text)
    assert (found.column, str(found)[: len(message)]) == (column, message)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('"reverse proxy"', Phrase(("reverse", "proxy"))),
        ('"team/web"', Phrase(("team", "web"))),
        ('"nginx"', Word("nginx")),
        ('"ngin*"', Word("ngin")),
        ('"label:x"', Phrase(("label", "x"))),
        ('"Œuvre Café"', Phrase(("œuvre", "cafe"))),
    ],
)
def test_a_phrase_is_its_words(text: str, tree: Query) -> None:
    assert phrase(typed(text)) == parsed(text) == tree


def test_a_bare_word_has_no_field() -> None:
    assert bare(typed("name:web")) == parsed(r"name\:web")
    assert parsed("library/web") == either(Path("library/web"), Condition("repo", "web"))
