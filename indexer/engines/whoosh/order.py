"""Orders that do not depend on the words of a query: by name, by a number, by prominence.

They are made once for each segment, so that a page is walked to and not sorted.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from indexer.engines.ranking import (
    NEWEST,
    PROMINENCE,
    Key,
    PageWindow,
    RankedHit,
    prominence_score,
    sort_field,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.segment import Segment
from indexer.model import Sort

Matches = Sequence[tuple[Segment, int]]
"""The matching documents of each segment, without deleted ones."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a document is."""

    segment: Segment
    document: int


def in_order(matches: Matches, sort: Sort, window: PageWindow) -> list[RankedHit[Location]]:
    """Return those of ``matches`` in the window; relevance goes by prominence alone."""
    return window.ordered(
        hit for segment, match in matches if match for hit in _first(segment, match, sort, window)
    )


def newest(matches: Matches) -> Location | None:
    """Return the newest of ``matches``; see :class:`indexer.engines.protocol.IndexReader`."""
    found = [_newest_in(segment, match) for segment, match in matches if match]
    return min(found, key=lambda one: one[0])[1] if found else None


def _newest_in(segment: Segment, match: int) -> tuple[tuple[int, int, str], Location]:
    pushed, created = map(segment.scalars, NEWEST)
    # The first of equals has the least id, because documents are in the order of their ids.
    n = max(bitmaps.documents(match), key=lambda one: (pushed[one], created[one]))
    return (-pushed[n], -created[n], segment.ids[n]), Location(segment, n)


def _first(
    segment: Segment, match: int, sort: Sort, window: PageWindow
) -> list[RankedHit[Location]]:
    key_of = _key_of(segment, sort, is_descending=window.is_descending)

    def make() -> "array[int]":
        # Sorting keeps equals in the order of their ids, also from the greatest on.
        return array("I", sorted(range(segment.size), key=key_of, reverse=window.is_descending))

    documents = segment.cached(("order", sort, window.is_descending), make)
    start = _start(segment, documents, key_of, window)
    matched = bitmaps.flags(match, size=segment.size)
    found = filter(matched.__getitem__, memoryview(documents)[start:])
    return [
        RankedHit(key_of(n), segment.ids[n], Location(segment, n))
        for n in islice(found, window.count)
    ]


def _start(
    segment: Segment, documents: "array[int]", key_of: Callable[[int], Key], window: PageWindow
) -> int:
    """Return how many of ``documents``, which are in order, are not behind the position."""
    if window.after is None:
        return 0

    def is_behind(document: int) -> bool:
        return window.is_behind(key_of(document), segment.ids[document])

    return bisect_left(documents, x=True, key=is_behind)


def _key_of(segment: Segment, sort: Sort, *, is_descending: bool) -> Callable[[int], Key]:
    if sort is Sort.NAME:
        names = segment.names
        return lambda document: names.names[names.by_document[document]]
    if sort is Sort.RELEVANCE:
        prominence = segment.scalars(PROMINENCE)
        return lambda document: prominence_score(prominence[document])
    return segment.scalars(sort_field(sort, is_descending=is_descending)).__getitem__
