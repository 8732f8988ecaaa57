"""How names match the whole text of a query."""

import pytest

from indexer.engines.ranking.names import NameMatch, name_matches, normalize, whole_texts
from indexer.model.query import And, Condition, Fuzzy, Not, Or, Path, Phrase, Prefix, Query, Word


@pytest.mark.parametrize(
    ("name", "text", "best"),
    [
        ("team/front-end", "team/front-end", NameMatch.IS),
        ("team/front-end", "front-end", NameMatch.ENDS),
        ("team/front-end", "frontend", NameMatch.SPELLS_END),
        ("team/front_end", "front end", NameMatch.SPELLS_END),
        ("team/front-end", "teamfront-end", None),
        ("team/front-end", "team/front", NameMatch.BEGINS_END),
        ("team/front-end", "fron", NameMatch.BEGINS_END),
        ("team/front-end", "team", None),
        ("team/front-end", "end", None),
        ("redis/redis", "redis", NameMatch.ENDS),
        ("redis/redis-cluster", "redis", NameMatch.BEGINS_END),
        ("redis", "redis/redis", None),
        ("k-6", "k6", NameMatch.SPELLS_END),
    ],
)
def test_the_end_of_a_name_matches(name: str, text: str, best: NameMatch | None) -> None:
    found = [one for one in NameMatch if name_matches(normalize(name), one, normalize(text))]
    assert next(iter(found), None) == best


@pytest.mark.parametrize(
    ("text", "is_so"), [("-", True), ("", True), ("team/_", True), ("-/team", False)]
)
def test_a_text_may_end_without_a_word(text: str, is_so: bool) -> None:
    assert normalize(text).has_no_words_at_end is is_so


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (Word("redis"), ("redis",)),
        (Prefix("red"), ("red",)),
        (Path("/team/web/"), ("team/web",)),
        (Phrase(("reverse", "proxy")), ("reverse proxy",)),
        (And((Word("redis"), Word("exporter"))), ("redis exporter",)),
        (And((Word("redis"), Condition("kind", "helm"))), ("redis",)),
        (And((Word("redis"), Not(Word("exporter")))), ("redis",)),
        (Or((Word("nginx"), Word("caddy"))), ("nginx", "caddy")),
        (
            And((Or((Path("a/web"), And((Condition("host", "a"), Path("web"))))), Word("x"))),
            ("a/web x", "web x"),
        ),
        (And((Or((Word("a"), Word("b"))), Or((Word("c"), Word("d"))))), ()),
        (And((Word("redis"), Fuzzy("exportr"))), ()),
        (Condition("kind", "helm"), ()),
    ],
)
def test_the_text_of_a_query_is_what_must_match(query: Query, texts: tuple[str, ...]) -> None:
    assert whole_texts(query) == texts
