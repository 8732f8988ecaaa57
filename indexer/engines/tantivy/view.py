"""An open tantivy index as of one commit: searching it, and reading what is in its documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from tantivy import DocAddress, Order, Searcher
from tantivy import Query as Matching

from indexer.engines.tantivy.limits import Limits
from indexer.engines.tantivy.match import QueryMatcher, constant
from indexer.engines.tantivy.schema import (
    ID,
    IMPACT,
    NAME,
    RESULT,
    TEXTS,
    read_texts,
)
from indexer.model import TextRow


@dataclass(frozen=True, slots=True)
class View:
    """The documents of one commit."""

    searcher: Searcher
    matcher: QueryMatcher
    limits: Limits

    @property
    def size(self) -> int:
        """How many documents there are."""
        return self.searcher.num_docs

    def total(self, query: Matching) -> int:
        """Return how many documents match."""
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

    def found(self, query: Matching, limit: int) -> list[DocAddress]:
        """Return some documents that match, all when they are no more than ``limit``."""
        return [address for _, address in self.scored(constant(query, 0), limit)[0]]

    def numbers(self, field: str, addresses: Sequence[DocAddress]) -> list[int]:
        """Return what is in a column of numbers, for each of ``addresses``."""
        return self.searcher.fast_field_values(field, list(addresses))  # type: ignore[return-value]  # all documents have each

    def digits(self, word: str) -> list[tuple[str, int]]:
        """Return the terms of all digits that the impact of ``word`` has, with their values."""
        terms = self.searcher.terms_with_prefix(IMPACT, f"{word}:")
        return [(term, int(term.rpartition(":")[2])) for term, _ in terms]

    def id(self, address: DocAddress) -> str:
        """Return the id of a document."""
        return str(self.searcher.doc(address).get_first(ID))

    def names(self, addresses: Sequence[DocAddress]) -> list[str]:
        """Return the folded names of documents."""
        return [str(self.searcher.doc(address).get_first(NAME)) for address in addresses]

    def shown(
        self, address: DocAddress, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextRow]]:
        """Return the stored result of a document and, if asked for, its searchable texts."""
        # Once, as all of a document is unpacked each time.
        stored = self.searcher.doc(address)
        texts = read_texts(bytes(stored[TEXTS][0])) if with_texts else ()
        return orjson.loads(bytes(stored[RESULT][0])), texts
