"""The order of hits: which of the matching documents come first.

The score of a document is the sum over the text parts of the query that it matches, each worth
the best of

- 1000 when the name is the text, 500 when the name's last components are; both only when the text
  is the only one that is asked for
- 100 when all its words are words of the name
- 50 when they are but for the last one, which begins a word of the name
- 1 when all its words are in the text of the document
- 0.1 when it is only found inside the name

and, but for the last, the mean impact of its words, at most 2.2. What a pattern or a close spelling
stands for has no impact; it is worth 50 when it is a word of the name, or the name, and else 1.
The steps are so far apart that the impacts of several parts never bridge one. Scores are added up
as whole *points*.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice, repeat
from operator import add, mul, sub

from indexer.engines import whoosh_bitmap as bitmaps
from indexer.engines.scoring import IMPACT_MAX, POINTS
from indexer.engines.whoosh_match import (
    TextPart,
    having,
    name_starting,
    named_like,
    part_matching,
    part_text,
)
from indexer.engines.whoosh_schema import NAME, TEXT
from indexer.engines.whoosh_segment import Segment
from indexer.model.query import And, Fuzzy, Or, Path, Phrase, Prefix, Query, Wildcard, Word
from indexer.model.text import words

_IS_NAME = 1000 * POINTS
_ENDS_NAME = 500 * POINTS
_NAME_WORDS = 100 * POINTS
_NAME_START = 50 * POINTS
_TEXT_WORDS = 1 * POINTS
_INSIDE_NAME = POINTS // 10

_PARTS_MAX = (_NAME_WORDS - _NAME_START) // IMPACT_MAX
"""With so many text parts impacts could add up to a step."""

# Within a segment, a hit's place in the order is one whole number, its key: more points first,
# then the lower rank of the id. Comparing such numbers is several times faster than tuples.
_RANKS = 1 << 28

Matches = Sequence[tuple[Segment, int]]
"""The matching documents of each segment, without deleted ones."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit stands and where its result is."""

    points: int
    id: str
    segment: Segment
    document: int

    @property
    def score(self) -> float:
        """The score as others see it; exact when read back from JSON."""
        return self.points / POINTS


def text_parts(query: Query) -> list[TextPart]:
    """Return the different text parts of ``query`` that must or may match."""
    return list(dict.fromkeys(_text_parts(query)))


def _text_parts(query: Query) -> Iterator[TextPart]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _text_parts(part)
        case Word() | Prefix() | Wildcard() | Fuzzy() | Path() | Phrase():
            yield query


def best(
    matches: Matches, parts: Sequence[TextPart], *, count: int, after: tuple[float, str] | None
) -> list[Place]:
    """Return the first ``count`` of ``matches`` behind ``after``, a score and an id."""
    position = None if after is None else (round(after[0] * POINTS), after[1])
    if not parts:
        return _merged([_by_id(*match, count, position) for match in matches if match[1]], count)
    if len(parts) < _PARTS_MAX:
        named = [(segment, match & _all_named(segment, parts)) for segment, match in matches]
        if sum(documents.bit_count() for _, documents in named) >= count:
            places = _by_score(named, parts, count, position)
            if len(places) >= count:
                return places
    return _by_score(matches, parts, count, position)


def _by_score(
    matches: Matches, parts: Sequence[TextPart], count: int, after: tuple[int, str] | None
) -> list[Place]:
    return _merged([_first(*match, parts, count, after) for match in matches if match[1]], count)


def _merged(places: Iterable[list[Place]], count: int) -> list[Place]:
    ordered = sorted(
        (place for found in places for place in found), key=lambda place: (-place.points, place.id)
    )
    return ordered[:count]


def _by_id(segment: Segment, match: int, count: int, after: tuple[int, str] | None) -> list[Place]:
    """Return the first of ``match`` when all have no points."""
    ids = segment.ids
    start = 0
    if after is not None and after[0] <= 0:
        start = len(ids.ordered) if after[0] < 0 else bisect_right(ids.ordered, after[1])
    matched = bitmaps.flags(match, size=segment.size)
    found = filter(matched.__getitem__, islice(ids.documents, start, None))
    return [Place(0, ids.ordered[ids.ranks[n]], segment, n) for n in islice(found, count)]


def _first(
    segment: Segment,
    match: int,
    parts: Sequence[TextPart],
    count: int,
    after: tuple[int, str] | None,
) -> list[Place]:
    ids = segment.ids
    documents = bitmaps.documents(match)
    columns = [map(points.__getitem__, documents) for points in _points(segment, parts)]
    totals: Iterator[int] = columns[0]
    for column in columns[1:]:
        totals = map(add, totals, column)
    keys: Iterator[int] = map(
        sub, map(mul, totals, repeat(_RANKS)), map(ids.ranks.__getitem__, documents)
    )
    if after is not None:
        rank_behind = bisect_right(ids.ordered, after[1])
        keys = filter((after[0] * _RANKS - rank_behind + 1).__gt__, keys)
    return [_place(segment, key) for key in nlargest(count, keys)]


def _place(segment: Segment, key: int) -> Place:
    rank = -key % _RANKS
    points = (key + rank) // _RANKS
    return Place(points, segment.ids.ordered[rank], segment, segment.ids.documents[rank])


def _all_named(segment: Segment, parts: Sequence[TextPart]) -> int:
    """Return the documents that match every part with words of the name.

    They are before all others, as each other document misses a step that impacts cannot make up.
    """
    named = bitmaps.full(segment.size)
    for part in parts:
        found = _words(part)
        if not found:
            return 0
        named &= having(segment, NAME, found) & part_matching(segment, part)
    return named


def _points(segment: Segment, parts: Sequence[TextPart]) -> "list[array[int]]":
    return [_cached_points(segment, part, is_alone=len(parts) == 1) for part in parts]


def _cached_points(segment: Segment, part: TextPart, *, is_alone: bool) -> "array[int]":
    return segment.cached(
        ("points", part, is_alone), lambda: _part_points(segment, part, is_alone=is_alone)
    )


def _part_points(segment: Segment, part: TextPart, *, is_alone: bool) -> "array[int]":
    """Return what ``part`` is worth for each document of ``segment``."""
    match = part_matching(segment, part)
    text, found = part_text(part), _words(part)
    impacts = _mean_impacts(segment, found)
    points = array("I", bytes(4 * segment.size))
    for step, documents in _steps(segment, part, found, match):
        for n in bitmaps.documents(documents):
            points[n] = step + impacts[n]
        if is_alone and step == _NAME_WORDS:
            _add_exact(segment, text, documents, points)
        match &= ~documents
    for n in bitmaps.documents(match):
        points[n] = _INSIDE_NAME
    return points


def _steps(
    segment: Segment, part: TextPart, found: list[str], match: int
) -> Iterator[tuple[int, int]]:
    """Yield the points of each step and the documents of ``match`` that reach it and no better."""
    if isinstance(part, Wildcard | Fuzzy):
        named = named_like(segment, part)
        yield _NAME_START, named
        yield _TEXT_WORDS, match & ~named
        return
    if not found:
        return
    named = match & having(segment, NAME, found)
    yield _NAME_WORDS, named
    match &= ~named
    begun = having(segment, NAME, found[:-1]) & name_starting(segment, found[-1])
    yield _NAME_START, match & begun
    match &= ~begun
    yield _TEXT_WORDS, match if isinstance(part, Prefix) else match & having(segment, TEXT, found)


def _add_exact(segment: Segment, text: str, documents: int, points: "array[int]") -> None:
    names = segment.names
    for n in bitmaps.documents(documents):
        name = names.names[names.by_document[n]]
        if name == text:
            points[n] += _IS_NAME - _NAME_WORDS
        elif name.endswith(f"/{text}"):
            points[n] += _ENDS_NAME - _NAME_WORDS


def _mean_impacts(segment: Segment, found: list[str]) -> "array[int]":
    sums = array("I", bytes(4 * segment.size))
    for word in found:
        postings = segment.postings(word)
        for n, impact in zip(postings.documents, postings.impacts, strict=True):
            sums[n] += impact
    if len(found) > 1:
        return array("I", (total // len(found) for total in sums))
    return sums


def _words(part: TextPart) -> list[str]:
    """Return the words that ``part`` asks for as they are."""
    return [] if isinstance(part, Wildcard | Fuzzy) else words(part_text(part))
