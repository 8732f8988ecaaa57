"""The order of hits: which of the matching documents come first.

The score of a document is its prominence, at most 1, and the sum over the text parts of the query
that it matches, each worth the best of

- 1000 when the name is the text, 500 when the name's last components are; both only when the text
  is the only one that is asked for
- 100 when all its words are words of the name
- 50 when they are but for the last one, which begins a word of the name
- 2 when all its words are in the text of the document
- 0.1 when it is only found inside the name

and, but for the last, the mean impact of its words, at most 2.2. What a pattern or a close spelling
stands for has no impact; it is worth 50 when it is a word of the name, or the name, and else 2.
The steps are so far apart that prominence never bridges one, nor the impacts of several parts one
of the name. Scores are added up as whole *points*.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import repeat
from operator import add, mul

from indexer.engines import whoosh_bitmap as bitmaps
from indexer.engines.scoring import IMPACT_MAX, POINTS, PROMINENCE_POINTS
from indexer.engines.whoosh_match import (
    TextPart,
    having,
    name_starting,
    named_like,
    part_matching,
    part_text,
)
from indexer.engines.whoosh_order import Matches, Place, Wanted, merged
from indexer.engines.whoosh_schema import NAME, PROMINENCE, TEXT
from indexer.engines.whoosh_segment import Segment
from indexer.model.document import PROMINENCE_MAX
from indexer.model.query import And, Fuzzy, Or, Path, Phrase, Prefix, Query, Wildcard, Word
from indexer.model.text import words

_IS_NAME = 1000 * POINTS
_ENDS_NAME = 500 * POINTS
_NAME_WORDS = 100 * POINTS
_NAME_START = 50 * POINTS
_TEXT_WORDS = 2 * POINTS
_INSIDE_NAME = POINTS // 10

_PARTS_MAX = (_NAME_WORDS - _NAME_START - PROMINENCE_MAX * PROMINENCE_POINTS) // IMPACT_MAX
"""With so many text parts impacts and prominence could add up to a step."""

# Within a segment, a hit's place in the order is one whole number, its key: more points first,
# or fewer when reversed, then the lower rank of the id. Comparing such numbers is several times
# faster than tuples.
_RANKS = 1 << 28


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


def best(matches: Matches, parts: Sequence[TextPart], wanted: Wanted) -> list[Place]:
    """Return those of ``matches`` that are wanted, by what ``parts`` are worth."""
    if len(parts) < _PARTS_MAX and wanted.is_descending:
        named = [(segment, match & _all_named(segment, parts)) for segment, match in matches]
        if sum(documents.bit_count() for _, documents in named) >= wanted.count:
            places = _by_score(named, parts, wanted)
            if len(places) >= wanted.count:
                return places
    return _by_score(matches, parts, wanted)


def _by_score(matches: Matches, parts: Sequence[TextPart], wanted: Wanted) -> list[Place]:
    places = (
        place
        for segment, match in matches
        if match
        for place in _first(segment, match, parts, wanted)
    )
    return merged(places, wanted)


def _first(segment: Segment, match: int, parts: Sequence[TextPart], wanted: Wanted) -> list[Place]:
    ids = segment.ids
    documents = bitmaps.documents(match)
    first, *others = _points(segment, parts)
    totals: Iterator[int] = map(first.__getitem__, documents)
    for points in others:
        totals = map(add, totals, map(points.__getitem__, documents))
    step = -_RANKS if wanted.is_descending else _RANKS
    keys: Iterator[int] = map(
        add, map(mul, totals, repeat(step)), map(ids.ranks.__getitem__, documents)
    )
    if wanted.after is not None:
        points_before = round(float(wanted.after.key) * POINTS)
        start = points_before * step + bisect_right(ids.ordered, wanted.after.id)
        keys = filter(start.__le__, keys)
    return [_place(segment, key, step) for key in nsmallest(wanted.count, keys)]


def _place(segment: Segment, key: int, step: int) -> Place:
    rank = key % _RANKS
    score = (key - rank) // step / POINTS
    # A score is exact when it is read back from JSON.
    return Place(score, segment.ids.ordered[rank], segment, segment.ids.documents[rank])


def _prominence(segment: Segment) -> "array[int]":
    """Return what each document's prominence is worth."""
    return array("I", map(PROMINENCE_POINTS.__mul__, segment.scalars(PROMINENCE)))


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
    """Return what adds up to the score of each document."""
    if len(parts) > 1:
        prominence = segment.cached("prominence points", lambda: _prominence(segment))
        return [prominence, *(_cached_points(segment, part, is_alone=False) for part in parts)]
    return [_cached_points(segment, part, is_alone=True) for part in parts]


def _cached_points(segment: Segment, part: TextPart, *, is_alone: bool) -> "array[int]":
    def make() -> "array[int]":
        points = _part_points(segment, part, is_alone=is_alone)
        # Most queries have one part, so its points are kept with what comes to all.
        return array("I", map(add, points, _prominence(segment))) if is_alone else points

    return segment.cached(("points", part, is_alone), make)


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
