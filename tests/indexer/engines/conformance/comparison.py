"""Comparing an engine with the oracle: all of an answer, page by page."""

import json
from dataclasses import replace

from indexer.model.document import Position
from indexer.model.query import Query
from tests.indexer.engines.conformance import oracle
from tests.indexer.engines.conformance.index import REPOSITORY, Index


def check(index: Index, query: Query, *, limit: int) -> None:
    """Walk through all pages and compare every score, id, total and result with the oracle."""
    expected = oracle.ranked(query, index.documents.values())
    walked: list[tuple[float, str]] = []
    after = None
    while True:
        page = index.reader.search(query, document_type=REPOSITORY, limit=limit, after=after)
        assert page.total == len(expected), query
        for hit in page.hits:
            assert hit.result == index.documents[hit.id].result
        walked += [(hit.score, hit.id) for hit in page.hits]
        assert walked == expected[: len(walked)], query
        assert page.has_more == (len(walked) < len(expected)), query
        if not page.has_more:
            return
        after = through_json(page.hits[-1].position)


def through_json(position: Position) -> Position:
    """A position as a caller gives it back: it went through a cursor."""
    return replace(position, key=json.loads(json.dumps(position.key)))
