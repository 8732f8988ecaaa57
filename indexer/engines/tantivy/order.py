"""Orders by columns: by a number and by name, and equals by id.

tantivy orders by one column of numbers, and returns equals in any order. So a page is walked to
column by column: what is surely on it, and then what is equal at its end by the next column, until
few enough are equal to read what they are ordered by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import ceil, floor
from typing import Any

from tantivy import DocAddress
from tantivy import Query as Matching

from indexer.engines.ranking import POINTS, PROMINENCE_POINTS
from indexer.engines.tantivy.match import all_of
from indexer.engines.tantivy.schema import ID_CHUNKS, NAME_CHUNKS, SORT_FIELDS, chunks
from indexer.engines.tantivy.view import View
from indexer.model import Position, Sort

_FEW = 100
"""So many documents are read at once and then sorted."""

Key = Any
"""What hits are ordered by, of one type within an order: a score, a name, or a number."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit stands and where its document is."""

    key: Key
    id: str
    address: DocAddress


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which hits are wanted: the first ``count`` behind ``after``."""

    count: int
    after: Position | None
    is_descending: bool
    """Whether the greatest key comes first; equals are always in the order of their ids."""


@dataclass(frozen=True, slots=True)
class _Column:
    field: str
    is_descending: bool
    bound: float | None
    """What it is at the position hits are sought behind."""


def in_order(view: View, query: Matching, sort: Sort, wanted: Wanted) -> list[Place]:
    """Return those of ``query`` that are wanted; relevance goes by prominence alone."""
    after = wanted.after
    before: Key = None if after is None else after.key
    if sort is Sort.NAME:
        columns = _columns(NAME_CHUNKS, before, is_descending=wanted.is_descending)
        return _Walk(view, wanted, view.names).first(query, columns, wanted.count)
    field = SORT_FIELDS[sort]
    is_score = sort is Sort.RELEVANCE

    def keys(addresses: Sequence[DocAddress]) -> list[Key]:
        found = view.numbers(field, addresses)
        return [number * PROMINENCE_POINTS / POINTS for number in found] if is_score else found

    is_converted = is_score and before is not None
    bound = round(before * POINTS) / PROMINENCE_POINTS if is_converted else before
    ids = _columns(ID_CHUNKS, after.id if after else None, is_descending=False)
    columns = [_Column(field, wanted.is_descending, bound), *ids]
    return _Walk(view, wanted, keys).first(query, columns, wanted.count)


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
    """Walks to the wanted hits."""

    view: View
    wanted: Wanted
    keys: Callable[[Sequence[DocAddress]], list[Key]]

    def first(self, query: Matching, columns: Sequence[_Column], count: int) -> list[Place]:
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
    ) -> list[Place]:
        hits = self.view.ordered(query, column.field, count, is_descending=column.is_descending)
        if len(hits) < count:
            return self._sorted([address for _, address in hits])
        last = hits[-1][0]
        places = self._sorted([address for number, address in hits if number != last])
        equal = self._equal(query, column.field, last)
        return places + self.first(equal, others, count - len(places))

    def _sorted(self, addresses: Sequence[DocAddress]) -> list[Place]:
        """Return those of ``addresses`` that are behind the position, in order."""
        keys = self.keys(addresses)
        places = [
            Place(key, self.view.id(address), address)
            for key, address in zip(keys, addresses, strict=True)
        ]
        places.sort(key=lambda place: place.id)
        places.sort(key=lambda place: place.key, reverse=self.wanted.is_descending)
        return [place for place in places if self._is_behind(place)]

    def _is_behind(self, place: Place) -> bool:
        after = self.wanted.after
        if after is None:
            return True
        if place.key == after.key:
            return place.id > after.id
        return bool(place.key < after.key if self.wanted.is_descending else place.key > after.key)

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
