"""Comparing an engine with the oracle: all of an answer, page by page."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from random import Random

from indexer.model.document import Document, Position, SearchPage, Sort, text_blocks
from indexer.model.query import And, Everything, Not, Path, Query, Visible, Word
from tests.indexer.engines.conformance import oracle
from tests.indexer.engines.conformance.generator import (
    FACETS,
    NAMES,
    misspelled,
    random_query,
)
from tests.indexer.engines.conformance.index import REPOSITORY, Index
from tests.indexer.engines.conformance.rights import random_rights, restricted

GROUPS = (Everything(), Path("web"), And((Word("nginx"), Not(Path("team")))), Path("no such"))
"""The groups in which the newest document is asked for."""


@dataclass(frozen=True, slots=True)
class Search:
    """A query, with the order, the page and the facets of the search."""

    query: Query
    limit: int
    sort: Sort = Sort.RELEVANCE
    is_reversed: bool = False
    facets: tuple[str, ...] = ()
    preferred: Query | None = None


def random_search(random: Random, documents: Collection[Document] = ()) -> Search:
    """A search of any kind; half of them in the order that is most used.

    With documents, a part of them has rights to some of these.
    """
    is_plain, query = random.random() < 0.5, random_query(random)
    if documents and random.random() < 0.4:
        query = restricted(random, query, documents)
    return Search(
        query,
        limit=random.choice([1, 3, 10, 1000]),
        sort=Sort.RELEVANCE if is_plain else random.choice(list(Sort)),
        is_reversed=not is_plain and random.random() < 0.5,
        facets=tuple(random.sample(FACETS, random.choice([0, 0, 1, 3]))),
        preferred=random_query(random, depth=0) if random.random() < 0.3 else None,
    )


def read_page(index: Index, search: Search, *, after: Position | None = None) -> SearchPage:
    return index.reader.search(
        search.query,
        document_type=REPOSITORY,
        limit=search.limit,
        after=after,
        sort=search.sort,
        is_reversed=search.is_reversed,
        facets=search.facets,
        with_texts=True,
        preferred=search.preferred,
    )


def check(index: Index, search: Search) -> None:
    """Walk through all pages and compare every key, id, total, count and text with the oracle."""
    documents = index.documents.values()
    counts = {facet: oracle.facet_counts(search.query, documents, facet) for facet in search.facets}
    expected = oracle.ranked(
        search.query,
        documents,
        sort=search.sort,
        is_reversed=search.is_reversed,
        preferred=search.preferred,
    )
    assert index.reader.count(REPOSITORY, search.query) == len(expected), search
    check_newest(index, search.query)
    walked: list[tuple[float | int | str, str]] = []
    after = None
    while True:
        page = read_page(index, search, after=after)
        assert page.total == len(expected), search
        assert page.facets == counts, search
        for hit in page.hits:
            assert hit.result == index.documents[hit.id].result
            assert list(hit.texts) == text_blocks(index.documents[hit.id].texts)
            assert hit.score == (hit.position.key if search.sort is Sort.RELEVANCE else 0)
        walked += [(hit.position.key, hit.id) for hit in page.hits]
        assert walked == expected[: len(walked)], search
        assert page.has_more == (len(walked) < len(expected)), search
        if not page.has_more:
            return
        after = through_json(page.hits[-1].position)


def check_newest(index: Index, query: Query) -> None:
    found = index.reader.newest(query, GROUPS, document_type=REPOSITORY)
    expected = [oracle.newest(query, index.documents.values(), group) for group in GROUPS]
    assert found == [one and one.result for one in expected], query


def check_spellings(index: Index, word: str, *, limit: int, within: Query | None = None) -> None:
    found = index.reader.spellings(word, document_type=REPOSITORY, limit=limit, within=within)
    documents = [
        document
        for document in index.documents.values()
        if within is None or oracle.matches(within, document)
    ]
    assert found == oracle.spellings(word, documents, limit=limit), (word, within)


def check_random_spellings(index: Index, random: Random) -> None:
    """Ask for the spellings of a word among all documents, and among those that may be seen."""
    word = misspelled(random, random.choice(NAMES))
    rights = random_rights(random, index.documents.values())
    for within in (None, Visible(rights)):
        check_spellings(index, word, limit=5, within=within)


def through_json(position: Position) -> Position:
    """A position as a caller gives it back: it went through a cursor."""
    return replace(position, key=json.loads(json.dumps(position.key)))
