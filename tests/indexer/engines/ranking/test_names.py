"""What a name is worth that is all of a query's text, or begins with it."""

import pytest

from indexer.engines.ranking.names import (
    BEGINS_END,
    ENDS_NAME,
    IS_NAME,
    SPELLS_END,
    spelt,
    whole_texts,
    worth,
)
from indexer.model.query import And, Condition, Fuzzy, Not, Or, Path, Phrase, Prefix, Query, Word


@pytest.mark.parametrize(
    ("name", "text", "points"),
    [
        ("team/front-end", "team/front-end", IS_NAME),
        ("team/front-end", "front-end", ENDS_NAME),
        ("team/front-end", "frontend", SPELLS_END),
        ("team/front_end", "front end", SPELLS_END),
        ("team/front-end", "teamfront-end", 0),
        ("team/front-end", "team/front", BEGINS_END),
        ("team/front-end", "fron", BEGINS_END),
        ("team/front-end", "team", 0),
        ("team/front-end", "end", 0),
        ("redis/redis", "redis", ENDS_NAME),
        ("redis/redis-cluster", "redis", BEGINS_END),
        ("redis", "redis/redis", 0),
        ("k-6", "k6", SPELLS_END),
        ("front-end", "-", 0),
        ("front-end", "", 0),
    ],
)
def test_the_end_of_a_name_counts(name: str, text: str, points: int) -> None:
    assert worth(spelt(name), spelt(text), is_alone=True) == points


def test_a_beginning_counts_for_a_text_that_is_alone() -> None:
    name, text = spelt("jenkins-agent-python"), spelt("jenkins agent")
    assert worth(name, text, is_alone=True) == BEGINS_END
    assert worth(name, text, is_alone=False) == 0
    assert worth(spelt("jenkins-agent"), text, is_alone=False) == SPELLS_END


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
