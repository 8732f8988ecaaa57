"""Orders by columns: by a number and by name, and equals by id.

tantivy orders by one column of numbers, and returns equals in any order. So a page is walked to
column by column: what is surely on it, and then what is equal at its end by the next column, until
few enough are equal to read what they are ordered by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import ceil, floor

from tantivy import DocAddress
from tantivy import Query as Matching

from indexer.engines.ranking import (
    POINTS,
    PROMINENCE_POINTS,
    Key,
    PageWindow,
    RankedHit,
    prominence_score,
)
from indexer.engines.tantivy.match import all_of
from indexer.engines.tantivy.schema import ID_CHUNKS, NAME_CHUNKS, SORT_FIELDS, chunks
from indexer.engines.tantivy.view import View
from indexer.model import Sort

_FEW = 100
"""So many documents are read at once and then sorted."""

Hits = list[RankedHit[DocAddress]]


@dataclass(frozen=True, slots=True)
class _Column:
    field: str
    is_descending: bool
    bound: float | None
    """What it is at the position hits are sought behind."""


def in_order(view: View, query: Matching, sort: Sort, window: PageWindow) -> Hits:
    """Return those of ``query`` that are window; relevance goes by prominence alone."""
    after = window.after
    before: Key = None if after is None else after.key
    if sort is Sort.NAME:
        columns = _columns(NAME_CHUNKS, before, is_descending=window.is_descending)
        return _Walk(view, window, view.names).first(query, columns, window.count)
    field = SORT_FIELDS[sort]
    is_score = sort is Sort.RELEVANCE

    def keys(addresses: Sequence[DocAddress]) -> list[Key]:
        found = view.numbers(field, addresses)
        return [prominence_score(number) for number in found] if is_score else found

    is_converted = is_score and before is not None
    bound = round(before * POINTS) / PROMINENCE_POINTS if is_converted else before
    ids = _columns(ID_CHUNKS, after.id if after else None, is_descending=False)
    columns = [_Column(field, window.is_descending, bound), *ids]
    return _Walk(view, window, keys).first(query, columns, window.count)


def _columns(fields: Sequence[str], before: str | None, *, is_descending: bool) -> "list[_Column]":
    """Return the columns of the beginnings of a text; ``before`` is that of the position."""
    bounds: Sequence[int | None] = (
        [None] * len(fields) if before is None else chunks(before, len(fields))
    )
    return [
        _Column(field, is_descending, bound) for field, bound in zip(fields, bounds, strict=True)
    ]


def first_by_id(
    view: View, addresses: Sequence[DocAddress], count: int, *, after: str | None
) -> list[tuple[str, DocAddress]]:
    """Return the first ``count`` of ``addresses`` behind the id ``after`` with their ids."""
    if len(addresses) > _FEW:
        addresses = _about_first(view, addresses, count, after)
    found = ((view.id(address), address) for address in addresses)
    behind = [
        (found_id, address) for found_id, address in found if after is None or found_id > after
    ]
    return nsmallest(count, behind, key=lambda pair: pair[0])


def _about_first(
    view: View, addresses: Sequence[DocAddress], count: int, after: str | None
) -> list[DocAddress]:
    """Return the first of ``addresses`` by what columns tell of their ids, and some more."""
    starts = list(zip(*(view.numbers(field, addresses) for field in ID_CHUNKS), strict=True))
    if after is not None:
        bound = tuple(chunks(after, len(ID_CHUNKS)))
        count += starts.count(bound)
        pairs = [pair for pair in zip(starts, addresses, strict=True) if pair[0] >= bound]
    else:
        pairs = list(zip(starts, addresses, strict=True))
    first = nsmallest(count, [start for start, _ in pairs])
    return [address for start, address in pairs if first and start <= first[-1]]


@dataclass(frozen=True, slots=True)
class _Walk:
    """Walks to the window hits."""

    view: View
    window: PageWindow
    keys: Callable[[Sequence[DocAddress]], list[Key]]

    def first(self, query: Matching, columns: Sequence[_Column], count: int) -> Hits:
        """Return the first ``count`` of ``query`` by ``columns`` and behind all their bounds.

        All of ``query`` are equal in the columns before ``columns``.
        """
        if count < 1:
            return []
        few = self.view.found(query, _FEW + 1 if columns else self.view.size)
        if len(few) <= _FEW or not columns:
            return self._sorted(few)[:count]
        column, others = columns[0], columns[1:]
        places = []
        if column.bound is not None:
            if column.bound == floor(column.bound):
                equal = self._equal(query, column.field, floor(column.bound))
                places = self.first(equal, others, count)
            query = self._behind(query, column)
        if len(places) < count:
            unbound = [_Column(other.field, other.is_descending, None) for other in others]
            places += self._unbound(query, column, unbound, count - len(places))
        return places

    def _unbound(
        self, query: Matching, column: _Column, others: Sequence[_Column], count: int
    ) -> Hits:
        hits = self.view.ordered(query, column.field, count, is_descending=column.is_descending)
        if len(hits) < count:
            return self._sorted([address for _, address in hits])
        last = hits[-1][0]
        places = self._sorted([address for number, address in hits if number != last])
        equal = self._equal(query, column.field, last)
        return places + self.first(equal, others, count - len(places))

    def _sorted(self, addresses: Sequence[DocAddress]) -> Hits:
        """Return those of ``addresses`` that are behind the position, in order."""
        hits = (
            RankedHit(key, self.view.id(address), address)
            for key, address in zip(self.keys(addresses), addresses, strict=True)
        )
        return self.window.ordered(hit for hit in hits if self.window.is_behind(hit.key, hit.id))

    def _equal(self, query: Matching, field: str, number: int) -> Matching:
        return all_of([query, self.view.matcher.within(field, number, number)])

    def _behind(self, query: Matching, column: _Column) -> Matching:
        bound = column.bound or 0
        within = self.view.matcher.within
        behind = (
            within(column.field, None, ceil(bound) - 1)
            if column.is_descending
            else within(column.field, floor(bound) + 1, None)
        )
        return all_of([query, behind])
