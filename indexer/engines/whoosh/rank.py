"""The order of hits by relevance: the ranking plan evaluated over the lists of terms."""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from itertools import repeat
from operator import add, mul

from indexer.engines.ranking import (
    PROMINENCE,
    NormalizedName,
    PageWindow,
    RankedHit,
    RankedPart,
    RankingPlan,
    WholeName,
    name_matches,
    score,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.match import SegmentMatcher
from indexer.engines.whoosh.order import Location, Matches
from indexer.engines.whoosh.segment import Segment

# Within a segment, a hit's place in the order is one whole number, its key: more points first,
# or fewer when reversed, then the lower document, because documents are in the order of their ids.
# Comparing such numbers is several times faster than tuples.
_DOCUMENTS = 1 << 28


@dataclass(frozen=True, slots=True)
class _Named:
    """Which documents have points for their names, and how many each."""

    documents: int
    points: "array[int] | None"
    """None where no document has any."""


def best(matches: Matches, plan: RankingPlan, window: PageWindow) -> list[RankedHit[Location]]:
    """Return those of ``matches`` that are in the window, by what ``plan`` says."""
    if window.reaches(plan.named_points):
        named = [(segment, match & _all_named(segment, plan)) for segment, match in matches]
        if sum(documents.bit_count() for _, documents in named) >= window.count:
            hits = _by_score(named, plan, window)
            if len(hits) >= window.count:
                return hits
    return _by_score(matches, plan, window)


def _by_score(matches: Matches, plan: RankingPlan, window: PageWindow) -> list[RankedHit[Location]]:
    return window.ordered(
        hit for segment, match in matches if match for hit in _first(segment, match, plan, window)
    )


def _first(
    segment: Segment, match: int, plan: RankingPlan, window: PageWindow
) -> list[RankedHit[Location]]:
    documents = bitmaps.documents(match)
    first, *others = _points(segment, plan)
    totals: Iterator[int] = map(first.__getitem__, documents)
    for points in others:
        totals = map(add, totals, map(points.__getitem__, documents))
    step = -_DOCUMENTS if window.is_descending else _DOCUMENTS
    keys: Iterator[int] = map(add, map(mul, totals, repeat(step)), documents)
    if window.after is not None and window.points_before is not None:
        start = window.points_before * step + bisect_right(segment.ids, window.after.id)
        keys = filter(start.__le__, keys)
    return [_hit(segment, key, step) for key in nsmallest(window.count, keys)]


def _hit(segment: Segment, key: int, step: int) -> RankedHit[Location]:
    document = key % _DOCUMENTS
    points = (key - document) // step
    return RankedHit(score(points), segment.ids[document], Location(segment, document))


def _all_named(segment: Segment, plan: RankingPlan) -> int:
    """Return the documents that are in the first tier of every part, or named by all."""
    matcher = SegmentMatcher(segment)
    named = matcher.all_of(matcher.in_tier(part, part.first) for part in plan.parts)
    return named | _named(segment, plan.whole_names).documents


def _points(segment: Segment, plan: RankingPlan) -> "list[array[int]]":
    """Return what adds up to the score of each document."""
    if len(plan.parts) == 1:
        # Most queries have one part, so its points are kept with what comes to them.
        key = ("all points", plan.parts, plan.whole_names)
        return [segment.cached(key, lambda: _sum(_all_points(segment, plan)))]
    return list(_all_points(segment, plan))


def _all_points(segment: Segment, plan: RankingPlan) -> "Iterator[array[int]]":
    step = plan.prominence_points
    yield segment.cached(
        ("prominence points", step),
        lambda: array("I", map(step.__mul__, segment.scalars(PROMINENCE))),
    )
    if len(plan.parts) == 1:
        yield _part_points(segment, plan.parts[0])
    else:
        for part in plan.parts:
            yield segment.cached(("points", part), partial(_part_points, segment, part))
    of_names = _named(segment, plan.whole_names).points
    if of_names is not None:
        yield of_names


def _sum(columns: "Iterable[array[int]]") -> "array[int]":
    totals: Iterator[int] = repeat(0)
    for column in columns:
        totals = map(add, totals, column)
    return array("I", totals)


def _part_points(segment: Segment, part: RankedPart) -> "array[int]":
    """Return what ``part`` is worth for each document of ``segment``."""
    matcher, left = SegmentMatcher(segment), bitmaps.full(segment.size)
    impacts = _impacts(segment, part.words)
    points = array("I", bytes(4 * segment.size))
    for tier in part.tiers:
        documents = left & matcher.in_tier(part, tier)
        for n in bitmaps.documents(documents):
            points[n] = tier.points + (impacts[n] if tier.adds_impact else 0)
        left &= ~documents
    return points


def _impacts(segment: Segment, found: Sequence[str]) -> "array[int]":
    sums = array("I", bytes(4 * segment.size))
    for word in dict.fromkeys(found):
        postings = segment.postings(word)
        for n, impact in zip(postings.documents, postings.weights, strict=True):
            sums[n] += impact
    return sums


def _named(segment: Segment, whole_names: tuple[WholeName, ...]) -> _Named:
    """Return what names are worth for the best of ``whole_names``."""
    return segment.cached(
        ("named by", whole_names),
        lambda: _make_named(segment, whole_names),
        size_bytes=lambda made: sys.getsizeof(made.documents) + sys.getsizeof(made.points),
    )


def _make_named(segment: Segment, whole_names: tuple[WholeName, ...]) -> _Named:
    found = _points_by_name(segment, whole_names)
    if not found:
        return _Named(0, None)
    points = array("I", bytes(4 * segment.size))
    documents: list[int] = []
    for place, of_name in found.items():
        documents += segment.names.documents[place]
        for document in segment.names.documents[place]:
            points[document] = of_name
    return _Named(bitmaps.from_documents(documents, size=segment.size), points)


def _points_by_name(segment: Segment, whole_names: tuple[WholeName, ...]) -> dict[int, int]:
    """Return the points of each name that has any, by its place."""
    names, plain_names = segment.names, segment.plain_names
    found: dict[int, int] = {}
    for text in dict.fromkeys(whole.text for whole in whole_names):
        wholes = [whole for whole in whole_names if whole.text == text]
        for plain_place in plain_names.containing(text.plain):
            plain = plain_names.names[plain_place]
            for place in plain_names.documents[plain_place]:
                name = NormalizedName(names.names[place], plain)
                points = [one.points for one in wholes if name_matches(name, one.match, text)]
                found[place] = max([*points, found.get(place, 0)])
    return {place: points for place, points in found.items() if points}
