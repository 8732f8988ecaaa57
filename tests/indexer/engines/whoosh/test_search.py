"""Limits of searching with Whoosh that other engines do not have."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from indexer.engines.ranking import EXPANDED_TERMS_MAX
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.engine import SearchedSegments, WhooshEngine
from indexer.errors import QueryError
from indexer.model.query import Condition, Everything, Glob, Prefix, Wildcard, Word
from indexer.model.rights import make_rights
from tests.indexer.engines.conformance.comparison import Search, check
from tests.indexer.engines.conformance.generator import document
from tests.indexer.engines.conformance.index import Index


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    engine = WhooshEngine(tmp_path)
    engine.create("one")
    index = Index(engine)
    yield index
    index.close()


def test_a_beginning_that_means_too_many_values_is_an_error_of_the_query(index: Index) -> None:
    values = frozenset(("tag", f"v{n}") for n in range(EXPANDED_TERMS_MAX + 1))
    index.apply([document("one", keywords=values)])
    with pytest.raises(QueryError, match=r"'tag:v\*'") as caught:
        index.found(Condition("tag", "v", is_prefix=True))
    assert caught.value.column == 1
    assert index.found(Condition("tag", "v9", is_prefix=True)) == ["one"]


def test_a_short_prefix_stands_for_a_limited_number_of_words_but_for_all_names(
    index: Index,
) -> None:
    index.apply(
        [
            document("w0", description=(" ".join(f"w{n:04}" for n in range(1000)),)),
            document("wzzz"),
            document("other", description=("wzz",)),
        ]
    )
    assert index.found(Prefix("w")) == ["w0", "wzzz"]
    assert index.found(Prefix("wz")) == ["wzzz", "other"]


def test_a_pattern_that_means_too_much_is_an_error_of_the_query(index: Index) -> None:
    numbers = [f"v{n}" for n in range(EXPANDED_TERMS_MAX + 1)]
    keywords = frozenset(("tag", number) for number in numbers)
    index.apply([document("one", description=(" ".join(numbers),), keywords=keywords)])
    for query in (Wildcard("v*"), Wildcard("*"), Glob("tag", "?*")):
        with pytest.raises(QueryError, match=r"too (many words|much) fit"):
            index.found(query)
    for few in (Wildcard("?9*"), Glob("tag", "v9*"), Condition("tag", "", is_prefix=True)):
        assert index.found(few) == ["one"]


def test_facets_of_very_many_values_are_counted_as_those_of_few(index: Index) -> None:
    """Many values are kept as lists of documents, few as bitmaps."""
    random = Random(1)
    index.apply(
        [
            document(
                f"d{n}",
                description=(random.choice(["web", "api"]),),
                facets=frozenset(("label:v", f"v{random.randint(0, 10**6)}") for _ in range(2)),
            )
            for n in range(600)
        ]
    )
    index.apply([], [f"d{n} registry.example" for n in range(0, 600, 7)])
    for query in (Word("web"), Everything(), Prefix("d4")):
        check(index, Search(query, limit=100, facets=("label:v",)))


def test_what_many_callers_may_see_takes_no_more_memory_than_the_cache_has(
    tmp_path: Path,
) -> None:
    engine = WhooshEngine(tmp_path)
    engine.create("one")
    with closing(Index(engine)) as index:
        index.apply([document(f"web-{n}") for n in range(2000)])
        cache, limit = SegmentCache(10_000), 10_000
        with closing(SearchedSegments(tmp_path / "one" / "repository", cache)) as searched:
            for n in range(100):
                rights = make_rights([], {"registry.example": [f"web-{n}", f"web-{1999 - n}"]})
                before = cache.used_bytes
                (found,) = (part.visible(rights) for part in searched.parts)
                assert found.bit_count() == 2
                assert before + 250 < cache.used_bytes or n > 15
                assert cache.used_bytes <= limit
