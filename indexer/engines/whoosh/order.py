"""Orders that do not depend on the words of a query: by name, by a number, by prominence.

They are made once for each segment, so that a page is walked to and not sorted.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from indexer.engines.ranking import POINTS, PROMINENCE_POINTS
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.schema import SCALARS
from indexer.engines.whoosh.segment import Segment
from indexer.model import Position, Sort

Matches = Sequence[tuple[Segment, int]]
"""The matching documents of each segment, without deleted ones."""

Key = Any
"""What hits are ordered by, of one type within an order: a score, a name, or a number."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit stands and where its result is."""

    key: Key
    id: str
    segment: Segment
    document: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which hits are wanted: the first ``count`` behind ``after``."""

    count: int
    after: Position | None
    is_descending: bool
    """Whether the greatest key comes first; equals are always in the order of their ids."""


def in_order(matches: Matches, sort: Sort, wanted: Wanted) -> list[Place]:
    """Return those of ``matches`` that are wanted; relevance goes by prominence alone."""
    found = (
        place
        for segment, match in matches
        if match
        for place in _first(segment, match, sort, wanted)
    )
    return merged(found, wanted)


def merged(places: Iterable[Place], wanted: Wanted) -> list[Place]:
    """Return the first of the places of several segments."""
    ordered = sorted(places, key=lambda place: place.id)
    ordered.sort(key=lambda place: place.key, reverse=wanted.is_descending)
    return ordered[: wanted.count]


def _first(segment: Segment, match: int, sort: Sort, wanted: Wanted) -> list[Place]:
    key_of = _key_of(segment, sort)
    ids = segment.ids

    def make() -> "array[int]":
        # Sorting keeps equals in their order, also from the greatest on.
        return array("I", sorted(ids.documents, key=key_of, reverse=wanted.is_descending))

    documents = segment.cached(("order", sort, wanted.is_descending), make)
    start = _start(segment, documents, key_of, wanted)
    matched = bitmaps.flags(match, size=segment.size)
    found = filter(matched.__getitem__, memoryview(documents)[start:])
    return [
        Place(key_of(n), ids.ordered[ids.ranks[n]], segment, n) for n in islice(found, wanted.count)
    ]


def _start(
    segment: Segment, documents: "array[int]", key_of: Callable[[int], Key], wanted: Wanted
) -> int:
    """Return how many of ``documents``, which are in order, are not behind the position."""
    if wanted.after is None:
        return 0
    before, ids = wanted.after, segment.ids

    def is_behind(document: int) -> bool:
        key = key_of(document)
        if key == before.key:
            return ids.ordered[ids.ranks[document]] > before.id
        return bool(key < before.key if wanted.is_descending else key > before.key)

    return bisect_left(documents, x=True, key=is_behind)


def _key_of(segment: Segment, sort: Sort) -> Callable[[int], Key]:
    if sort is Sort.NAME:
        names = segment.names
        return lambda document: names.names[names.by_document[document]]
    if sort is Sort.RELEVANCE:
        prominence = segment.scalars("prominence")
        return lambda document: prominence[document] * PROMINENCE_POINTS / POINTS
    return segment.scalars(SCALARS[sort]).__getitem__
