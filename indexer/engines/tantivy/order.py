"""Orders by columns: by a number or by name, and equals by id.

tantivy orders by one column of numbers, and returns equals in any order. So the first column gives
a page, the next one finds the first ones of its last equals, and so on. Few are then sorted here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import ceil, floor

from tantivy import DocAddress
from tantivy import Query as Matching

from indexer.engines.ranking import (
    SORT_FIELDS,
    Key,
    PageWindow,
    RankedHit,
    prominence_score,
    scored_prominence,
)
from indexer.engines.tantivy.match import View, constant
from indexer.engines.tantivy.schema import ID, ID_CHUNKS, NAME, NAME_CHUNKS, chunks
from indexer.model import Sort

Hits = list[RankedHit[DocAddress]]


@dataclass(frozen=True, slots=True)
class _Column:
    field: str
    is_descending: bool
    bound: float = 0
    """Its number at the position of the page, perhaps between two numbers."""

    def equal(self, view: View, number: float) -> Matching:
        return view.in_column(self.field, ceil(number), floor(number))

    def beyond(self, view: View, number: float) -> Matching:
        if self.is_descending:
            return view.in_column(self.field, None, ceil(number) - 1)
        return view.in_column(self.field, floor(number) + 1, None)


def in_order(view: View, query: Matching, sort: Sort, window: PageWindow) -> Hits:
    """Return the hits of ``query`` in the window; relevance goes by prominence alone."""
    columns, count = _columns(sort, window), window.count
    if window.after is not None:
        behind = view.all_of(column.equal(view, column.bound) for column in columns)
        # Some of these are not behind the position; they are left out at the end.
        count += view.count(view.all_of([query, behind]))
        for column in reversed(columns):
            equal = column.equal(view, column.bound)
            behind = view.any_of([column.beyond(view, column.bound), view.all_of([equal, behind])])
        query = view.all_of([query, behind])
    addresses = _first(view, query, columns, count)
    places = zip(
        _keys(view, sort, addresses),
        (view.text(ID, one) for one in addresses),
        addresses,
        strict=True,
    )
    hits = (RankedHit(key, found_id, address) for key, found_id, address in places)
    return window.ordered(hit for hit in hits if window.is_behind(hit.key, hit.id))


def _columns(sort: Sort, window: PageWindow) -> list[_Column]:
    key: Key = window.after.key if window.after else None
    if sort is Sort.NAME:
        return _text_columns(NAME_CHUNKS, key or "", is_descending=window.is_descending)
    bound = scored_prominence(key or 0) if sort is Sort.RELEVANCE else key or 0
    ids = _text_columns(ID_CHUNKS, window.after.id if window.after else "", is_descending=False)
    return [_Column(SORT_FIELDS[sort], window.is_descending, bound), *ids]


def _text_columns(fields: Sequence[str], text: str, *, is_descending: bool) -> list[_Column]:
    bounds = chunks(text, len(fields))
    return [
        _Column(field, is_descending, bound) for field, bound in zip(fields, bounds, strict=True)
    ]


def _first(
    view: View, query: Matching, columns: Sequence[_Column], count: int
) -> Sequence[DocAddress]:
    """Return the first ``count`` of ``query`` by ``columns``, and perhaps some that are next."""
    if not columns:
        return [address for _, address in view.scored(constant(query, 0), view.size)[0]]
    column, limit = columns[0], count + view.limits.sorted_documents
    hits = view.ordered(query, column.field, limit, is_descending=column.is_descending)
    last = hits[count - 1][0] if len(hits) >= count else None
    if len(hits) < limit or hits[-1][0] != last:
        return [address for n, (number, address) in enumerate(hits) if n < count or number == last]
    before = [address for number, address in hits if number != last]
    equal = view.all_of([query, column.equal(view, hits[-1][0])])
    return [*before, *_first(view, equal, columns[1:], count - len(before))]


def _keys(view: View, sort: Sort, addresses: Sequence[DocAddress]) -> Sequence[Key]:
    if sort is Sort.NAME:
        return [view.text(NAME, address) for address in addresses]
    numbers = view.numbers(SORT_FIELDS[sort], addresses)
    return list(map(prominence_score, numbers)) if sort is Sort.RELEVANCE else numbers


def first_by_id(
    view: View, addresses: Sequence[DocAddress], count: int, *, after: str
) -> list[tuple[str, DocAddress]]:
    """Return the first ``count`` of ``addresses`` behind the id ``after`` with their ids."""
    if len(addresses) > view.limits.sorted_documents:
        columns = (view.numbers(field, addresses) for field in ID_CHUNKS)
        starts = list(zip(*columns, strict=True))
        bound = tuple(chunks(after, len(ID_CHUNKS)))
        behind = sorted(start for start in starts if start >= bound)
        first = set(behind[: count + behind.count(bound)])
        addresses = [a for a, start in zip(addresses, starts, strict=True) if start in first]
    found = ((view.text(ID, address), address) for address in addresses)
    return nsmallest(count, (pair for pair in found if pair[0] > after))
