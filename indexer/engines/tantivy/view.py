"""The documents of an open tantivy index: finding them, and reading their content."""

import zlib
from collections.abc import Sequence
from typing import Any

import orjson
from tantivy import DocAddress, Order
from tantivy import Query as Matching

from indexer.engines.tantivy.match import QueryMatcher
from indexer.engines.tantivy.schema import (
    IMPACT,
    RESULT,
    TEXTS,
)
from indexer.model import TextRow


class View(QueryMatcher):
    """The documents of an open index."""

    @property
    def size(self) -> int:
        """How many documents there are."""
        return self.searcher.num_docs

    def hits(self, query: Matching) -> int:
        """Return the number of matching documents."""
        return self.scored(query, 1)[1]

    def scored(self, query: Matching, limit: int) -> tuple[list[tuple[float, DocAddress]], int]:
        """Return the first hits by score, greatest first, and how many there are."""
        # The limit is reserved in memory, and is never 0.
        found = self.searcher.search(query, limit=max(1, min(limit, self.size + 1)), count=True)
        return found.hits, int(found.count)  # type: ignore[attr-defined]  # not in the stubs

    def ordered(
        self, query: Matching, field: str, limit: int, *, is_descending: bool
    ) -> list[tuple[int, DocAddress]]:
        """Return the first hits by a column of numbers."""
        order = Order.Desc if is_descending else Order.Asc
        found = self.searcher.search(
            query, limit=max(1, limit), count=False, order_by_field=field, order=order
        )
        return found.hits

    def numbers(self, field: str, addresses: Sequence[DocAddress]) -> list[int]:
        """Return what is in a column of numbers, for each of ``addresses``."""
        return self.searcher.fast_field_values(field, list(addresses))  # type: ignore[return-value]  # all documents have each

    def digits(self, word: str) -> list[tuple[str, int]]:
        """Return the terms of all digits that the impact of ``word`` has, with their values."""
        terms = self.searcher.terms_with_prefix(IMPACT, f"{word}:")
        return [(term, int(term.rpartition(":")[2])) for term, _ in terms]

    def text(self, field: str, address: DocAddress) -> str:
        """Return a stored text of a document."""
        return str(self.searcher.doc(address).get_first(field))

    def stored(
        self, address: DocAddress, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextRow]]:
        """Return the stored result of a document and, if asked for, its searchable texts."""
        # Once, as all of a document is unpacked each time.
        row = self.searcher.doc(address)
        result = orjson.loads(bytes(row[RESULT][0]))
        if not with_texts:
            return result, ()
        texts = bytes(row[TEXTS][0])
        return result, orjson.loads(texts if texts.startswith(b"[") else zlib.decompress(texts))
