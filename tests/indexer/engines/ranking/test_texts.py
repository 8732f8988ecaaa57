"""The whole text of a query, and the names that match it."""

import pytest

from indexer.engines.ranking.fields import end_terms
from indexer.engines.ranking.plan import Tier, make_plan
from indexer.engines.ranking.texts import whole_texts
from indexer.model.query import And, Condition, Fuzzy, Not, Or, Path, Phrase, Prefix, Query, Word

IS, ENDS, SPELLS_END, BEGINS_END = 1_000_000, 500_000, 300_000, 200_000


@pytest.mark.parametrize(
    ("name", "text", "points"),
    [
        ("team/front-end", "team/front-end", IS),
        ("team/front-end", "front-end", ENDS),
        ("team/front-end", "frontend", SPELLS_END),
        ("team/front_end", "front end", SPELLS_END),
        ("team/front-end", "teamfront-end", None),
        ("team/front-end", "team/front", BEGINS_END),
        ("team/front-end", "fron", BEGINS_END),
        ("team/front-end", "team", None),
        ("team/front-end", "end", None),
        ("redis/redis", "redis", ENDS),
        ("redis/redis-cluster", "redis", BEGINS_END),
        ("redis", "redis/redis", None),
        ("k-6", "k6", SPELLS_END),
    ],
)
def test_the_end_of_a_name_matches(name: str, text: str, points: int | None) -> None:
    keywords = set(end_terms(name))
    tiers = make_plan(Word(text)).whole_names
    assert next((tier.points for tier in tiers if is_in(tier, keywords)), None) == points


def is_in(tier: Tier, keywords: set[str]) -> bool:
    assert isinstance(tier.query, Condition)
    sought = f"{tier.query.field}:{tier.query.value}"
    if tier.query.is_prefix:
        return any(keyword.startswith(sought) for keyword in keywords)
    return sought in keywords


@pytest.mark.parametrize(
    ("text", "is_so"), [("-", True), ("/", True), ("team/_", True), ("-/team", False)]
)
def test_a_text_that_ends_without_a_word_is_no_name(text: str, is_so: bool) -> None:
    assert (make_plan(Word(text)).whole_names == ()) is is_so


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
