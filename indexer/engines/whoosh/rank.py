"""The order of hits: by relevance, which a ranking plan gives, or by columns.

Orders by name, by a number and by prominence alone are made once for each segment, so that a page
is walked to and not sorted.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from itertools import islice, repeat
from operator import add, mul
from types import MappingProxyType

from indexer.engines.ranking import (
    NEWEST,
    PROMINENCE,
    Key,
    Meant,
    PageWindow,
    RankedHit,
    RankedPart,
    RankingPlan,
    TextPart,
    Tier,
    prominence_score,
    score,
    sort_field,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.segment import Segment
from indexer.model import Sort

# Within a segment, a hit's place in the order is one whole number, its key: more points first,
# or fewer when reversed, then the lower document, because documents are in the order of their ids.
# Comparing such numbers is several times faster than tuples.
_DOCUMENTS = 1 << 28
_SUMMED_SHARE = 20
"""With fewer hits than one document in so many, adding up theirs beats adding up those of all."""

Matches = Sequence[tuple[Segment, int]]
"""The matching documents of each segment, without deleted ones."""
Location = tuple[Segment, int]
"""A document of a segment."""


def in_order(matches: Matches, sort: Sort, window: PageWindow) -> list[RankedHit[Location]]:
    """Return those of ``matches`` in the window; relevance goes by prominence alone."""
    return window.ordered(
        hit
        for segment, match in matches
        if match
        for hit in _first_in_order(segment, match, sort, window)
    )


def _first_in_order(
    segment: Segment, match: int, sort: Sort, window: PageWindow
) -> list[RankedHit[Location]]:
    key_of = _key_of(segment, sort, is_descending=window.is_descending)

    def make() -> "array[int]":
        # Sorting keeps equals in the order of their ids, also from the greatest on.
        return array("I", sorted(range(segment.size), key=key_of, reverse=window.is_descending))

    def is_behind(document: int) -> bool:
        return window.is_behind(key_of(document), segment.ids[document])

    documents = segment.cached(("order", sort, window.is_descending), make)
    start = bisect_left(documents, x=True, key=is_behind) if window.after else 0
    matched = bitmaps.flags(match, size=segment.size)
    found = filter(matched.__getitem__, memoryview(documents)[start:])
    return [RankedHit(key_of(n), segment.ids[n], (segment, n)) for n in islice(found, window.count)]


def _key_of(segment: Segment, sort: Sort, *, is_descending: bool) -> Callable[[int], Key]:
    if sort is Sort.NAME:
        return segment.names.by_document.__getitem__
    if sort is Sort.RELEVANCE:
        prominence = segment.scalars(PROMINENCE)
        return lambda document: prominence_score(prominence[document])
    return segment.scalars(sort_field(sort, is_descending=is_descending)).__getitem__


def newest(matches: Matches) -> Location | None:
    """Return the newest of ``matches``; see :class:`indexer.engines.protocol.IndexReader`."""
    found = [_newest_in(segment, match) for segment, match in matches if match]
    return min(found, key=lambda one: one[0])[1] if found else None


def _newest_in(segment: Segment, match: int) -> tuple[tuple[int, int, str], Location]:
    pushed, created = map(segment.scalars, NEWEST)
    # The first of equals has the least id, because documents are in the order of their ids.
    n = max(bitmaps.documents(match), key=lambda one: (pushed[one], created[one]))
    return (-pushed[n], -created[n], segment.ids[n]), (segment, n)


def best(matches: Matches, plan: RankingPlan, window: PageWindow) -> list[RankedHit[Location]]:
    """Return those of ``matches`` that are in the window, by what ``plan`` says."""
    if window.reaches(plan.named_points):
        named = [(segment, match & _named(segment, plan)) for segment, match in matches]
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
    first, *others = _points(segment, plan, len(documents))
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
    return RankedHit(score(points), segment.ids[document], (segment, document))


def _named(segment: Segment, plan: RankingPlan) -> int:
    """Return the documents that are in the first tier of every part, or named by all."""

    def make() -> int:
        named = segment.all_of(segment.matching(part.tiers[0].query) for part in plan.parts)
        return named | _in_tiers(segment, plan.whole_names)

    key = ("named", tuple(part.part for part in plan.parts), plan.texts)
    return segment.cached(key, make)


def _in_tiers(segment: Segment, tiers: Iterable[Tier]) -> int:
    return segment.any_of(segment.matching(tier.query) for tier in tiers)


def _points(segment: Segment, plan: RankingPlan, count: int) -> "list[array[int]]":
    """Return what adds up to the score of each of ``count`` documents."""
    if len(plan.parts) == 1 and count * _SUMMED_SHARE >= segment.size:
        # Most queries have one part, so its points are kept with what comes to them.
        key = ("all points", *_identity(plan.parts[0]), plan.texts, plan.preferred)
        return [segment.cached(key, lambda: _sum(_all_points(segment, plan, is_summed=True)))]
    return list(_all_points(segment, plan, is_summed=False))


def _all_points(segment: Segment, plan: RankingPlan, *, is_summed: bool) -> "Iterator[array[int]]":
    yield segment.cached(
        ("prominence points", plan.prominence_points, plan.preferred),
        lambda: _prominence_points(segment, plan),
    )
    if is_summed:
        yield _part_points(segment, plan.parts[0])
    else:
        for part in plan.parts:
            yield segment.cached(("points", *_identity(part)), partial(_part_points, segment, part))
    if _in_tiers(segment, plan.whole_names):
        yield segment.cached(
            ("named by", len(plan.parts), plan.texts),
            lambda: _tier_points(segment, plan.whole_names),
        )


def _identity(part: RankedPart) -> tuple[TextPart, int]:
    """Return what tells a part from others: a part that may be left out is worth less."""
    return part.part, part.tiers[0].points


def _prominence_points(segment: Segment, plan: RankingPlan) -> "array[int]":
    points = array("I", map(plan.prominence_points.__mul__, segment.scalars(PROMINENCE)))
    if plan.preferred is not None:
        for n in bitmaps.documents(segment.matching(plan.preferred)):
            points[n] += plan.preferred_points
    return points


def _sum(columns: "Iterable[array[int]]") -> "array[int]":
    totals: Iterator[int] = repeat(0)
    for column in columns:
        totals = map(add, totals, column)
    return array("I", totals)


def _part_points(segment: Segment, part: RankedPart) -> "array[int]":
    """Return what ``part`` is worth for each document of ``segment``."""
    impacts = _impacts(segment, part.words, add)
    meant = {
        each: _impacts(segment, part.meant_words(each), max)
        for each in {tier.adds for tier in part.tiers if tier.adds is not None}
    }
    return _tier_points(segment, part.tiers, impacts, meant)


def _tier_points(
    segment: Segment,
    tiers: Sequence[Tier],
    impacts: "array[int] | None" = None,
    meant: "Mapping[Meant, array[int]]" = MappingProxyType({}),
) -> "array[int]":
    """Return the points of the first of ``tiers`` that each document is in, with its impacts."""
    nothing = array("I", bytes(4 * segment.size))
    points, left = array("I", nothing), segment.everything
    for tier in tiers:
        documents = left & segment.matching(tier.query)
        left &= ~documents
        own = impacts if tier.adds_impact and impacts is not None else nothing
        other = nothing if tier.adds is None else meant[tier.adds]
        for n in bitmaps.documents(documents):
            points[n] = tier.points + own[n] + other[n]
    return points


def _impacts(
    segment: Segment, found: Sequence[str], combine: Callable[[int, int], int]
) -> "array[int]":
    """Return the combined impacts of words in each document."""
    sums = array("I", bytes(4 * segment.size))
    for word in found:
        postings = segment.postings(word)
        for n, impact in zip(postings.documents, postings.weights, strict=True):
            sums[n] = combine(sums[n], impact)
    return sums
