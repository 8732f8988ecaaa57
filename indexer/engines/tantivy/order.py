"""Orders by columns: by a number and by name, and equals by id.

tantivy orders by one column of numbers, and returns equals in any order. So a page is walked to
column by column: what is surely on it, and then what is equal at its end by the next column, until
few enough are equal to read what they are ordered by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from math import ceil, floor

from tantivy import DocAddress
from tantivy import Query as Matching

from indexer.engines.ranking import (
    Key,
    PageWindow,
    RankedHit,
    prominence_score,
    scored_prominence,
)
from indexer.engines.tantivy.match import all_of
from indexer.engines.tantivy.schema import ID_CHUNKS, NAME_CHUNKS, SORT_FIELDS, chunks
from indexer.engines.tantivy.view import View
from indexer.model import Sort

Hits = list[RankedHit[DocAddress]]


@dataclass(frozen=True, slots=True)
class _Column:
    field: str
    is_descending: bool
    bound: float | None
    """What it is at the position hits are sought behind."""


def in_order(view: View, query: Matching, sort: Sort, window: PageWindow) -> Hits:
    """Return those of ``query`` in the window; relevance goes by prominence alone."""
    after, is_descending = window.after, window.is_descending
    before: Key = None if after is None else after.key
    if sort is Sort.NAME:
        columns = _columns(NAME_CHUNKS, before, is_descending=is_descending)
        return _WindowWalk(view, window, view.names).first(query, columns, window.count)
    field, is_score = SORT_FIELDS[sort], sort is Sort.RELEVANCE

    def keys(addresses: Sequence[DocAddress]) -> list[Key]:
        found = view.numbers(field, addresses)
        return list(map(prominence_score, found)) if is_score else found

    bound = scored_prominence(before) if is_score and after else before
    ids = _columns(ID_CHUNKS, after.id if after else None, is_descending=False)
    columns = [_Column(field, is_descending, bound), *ids]
    return _WindowWalk(view, window, keys).first(query, columns, window.count)


def _columns(fields: Sequence[str], before: str | None, *, is_descending: bool) -> list[_Column]:
    """Return the columns of the beginnings of a text; ``before`` is that of the position."""
    bounds = [None] * len(fields) if before is None else chunks(before, len(fields))
    return [
        _Column(field, is_descending, bound) for field, bound in zip(fields, bounds, strict=True)
    ]


def first_by_id(
    view: View, addresses: Sequence[DocAddress], count: int, *, after: str | None
) -> list[tuple[str, DocAddress]]:
    """Return the first ``count`` of ``addresses`` behind the id ``after`` with their ids."""
    if len(addresses) > view.limits.sorted_documents:
        addresses = _about_first(view, addresses, count, after)
    found = ((view.id(address), address) for address in addresses)
    behind = (pair for pair in found if after is None or pair[0] > after)
    return nsmallest(count, behind, key=lambda pair: pair[0])


def _about_first(
    view: View, addresses: Sequence[DocAddress], count: int, after: str | None
) -> list[DocAddress]:
    """Return the first of ``addresses`` by what columns tell of their ids, and some more."""
    columns = (view.numbers(field, addresses) for field in ID_CHUNKS)
    pairs = list(zip(zip(*columns, strict=True), addresses, strict=True))
    if after is not None:
        bound = tuple(chunks(after, len(ID_CHUNKS)))
        pairs = [pair for pair in pairs if pair[0] >= bound]
        count += sum(start == bound for start, _ in pairs)
    first = nsmallest(count, [start for start, _ in pairs])
    return [address for start, address in pairs if first and start <= first[-1]]


@dataclass(frozen=True, slots=True)
class _WindowWalk:
    """Walks to the hits in the window."""

    view: View
    window: PageWindow
    keys: Callable[[Sequence[DocAddress]], list[Key]]

    def first(self, query: Matching, columns: Sequence[_Column], count: int) -> Hits:
        """Return the first ``count`` of ``query`` by ``columns`` and behind all their bounds.

        All of ``query`` are equal in the columns before ``columns``.
        """
        if count < 1:
            return []
        few = self.view.limits.sorted_documents
        found = self.view.found(query, few + 1 if columns else self.view.size)
        if len(found) <= few or not columns:
            return self._sorted(found)[:count]
        column, others = columns[0], columns[1:]
        if column.bound is None:
            return self._unbound(query, column, others, count)
        hits: Hits = []
        if column.bound == floor(column.bound):
            hits = self.first(self._equal(query, column, floor(column.bound)), others, count)
        if len(hits) < count:
            free = [replace(one, bound=None) for one in others]
            hits += self._unbound(self._behind(query, column), column, free, count - len(hits))
        return hits

    def _unbound(
        self, query: Matching, column: _Column, others: Sequence[_Column], count: int
    ) -> Hits:
        hits = self.view.ordered(query, column.field, count, is_descending=column.is_descending)
        if len(hits) < count:
            return self._sorted([address for _, address in hits])
        last = hits[-1][0]
        before = self._sorted([address for number, address in hits if number != last])
        equal = self._equal(query, column, last)
        return before + self.first(equal, others, count - len(before))

    def _sorted(self, addresses: Sequence[DocAddress]) -> Hits:
        """Return those of ``addresses`` that are behind the position, in order."""
        hits = (
            RankedHit(key, self.view.id(address), address)
            for key, address in zip(self.keys(addresses), addresses, strict=True)
        )
        return self.window.ordered(hit for hit in hits if self.window.is_behind(hit.key, hit.id))

    def _equal(self, query: Matching, column: _Column, number: int) -> Matching:
        return all_of([query, self.view.matcher.in_column(column.field, number, number)])

    def _behind(self, query: Matching, column: _Column) -> Matching:
        bound = column.bound or 0
        low, high = (None, ceil(bound) - 1) if column.is_descending else (floor(bound) + 1, None)
        return all_of([query, self.view.matcher.in_column(column.field, low, high)])
