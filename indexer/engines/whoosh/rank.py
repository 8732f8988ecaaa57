"""The order of hits: which of the matching documents come first.

The score of a document is its prominence, at most 1, and the sum over the text parts of the query
that it matches, each worth the best of

- 100 when all its words are words of the name
- 50 when they are but for the last one, which begins a word of the name
- 2 when all its words are in the text of the document
- 0.1 when it is only found inside the name

and, but for the last, the mean impact of its words, at most 2.2. What a pattern or a close spelling
stands for has no impact; it is worth 50 when it is a word of the name, or the name, and else 2.
To each part comes, when all the parts together are

- the name, 1000, or its last components, 500
- its last components, punctuation aside, 300
- what they begin with, punctuation aside, and there is one part, 200

The steps are so far apart that prominence never bridges one, nor the impacts of several parts one
of the name. Scores are added up as whole *points*.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from itertools import repeat
from operator import add, mul

from indexer.engines.ranking import (
    IMPACT_MAX,
    INSIDE_NAME,
    NAME_START,
    NAME_WORDS,
    POINTS,
    PROMINENCE_POINTS,
    TEXT_WORDS,
    TextPart,
    asked_words,
    text_parts,
    whole_texts,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.match import having, name_starting, named_like, part_matching
from indexer.engines.whoosh.naming import Named, named_by
from indexer.engines.whoosh.order import Matches, Place, Wanted, merged
from indexer.engines.whoosh.schema import NAME, PROMINENCE, TEXT
from indexer.engines.whoosh.segment import Segment
from indexer.model import PROMINENCE_MAX, Fuzzy, Prefix, Query, Wildcard

_PARTS_MAX = (NAME_WORDS - NAME_START - PROMINENCE_MAX * PROMINENCE_POINTS) // IMPACT_MAX
"""With so many text parts impacts and prominence could add up to a step."""

# Within a segment, a hit's place in the order is one whole number, its key: more points first,
# or fewer when reversed, then the lower rank of the id. Comparing such numbers is several times
# faster than tuples.
_RANKS = 1 << 28


@dataclass(frozen=True, slots=True)
class AskedText:
    """What a query asks for as text: its different parts, and the texts that are all of it."""

    parts: tuple[TextPart, ...]
    """Those that must or may match."""
    wholes: tuple[str, ...]


def asked_text(query: Query) -> AskedText:
    """Return what ``query`` asks for as text."""
    return AskedText(text_parts(query), whole_texts(query))


def best(matches: Matches, text: AskedText, wanted: Wanted) -> list[Place]:
    """Return those of ``matches`` that are wanted, by what ``text`` is worth."""
    if len(text.parts) < _PARTS_MAX and wanted.is_descending:
        named = [(segment, match & _all_named(segment, text)) for segment, match in matches]
        if sum(documents.bit_count() for _, documents in named) >= wanted.count:
            places = _by_score(named, text, wanted)
            if len(places) >= wanted.count:
                return places
    return _by_score(matches, text, wanted)


def _by_score(matches: Matches, text: AskedText, wanted: Wanted) -> list[Place]:
    places = (
        place
        for segment, match in matches
        if match
        for place in _first(segment, match, text, wanted)
    )
    return merged(places, wanted)


def _first(segment: Segment, match: int, text: AskedText, wanted: Wanted) -> list[Place]:
    ids = segment.ids
    documents = bitmaps.documents(match)
    first, *others = _points(segment, text)
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


def _all_named(segment: Segment, text: AskedText) -> int:
    """Return the documents that match every part with words of the name, or are named by all.

    They are before all others, as each other document misses a step that impacts cannot make up.
    """
    named = bitmaps.full(segment.size)
    for part in text.parts:
        found = asked_words(part)
        if not found:
            return 0
        named &= having(segment, NAME, found) & part_matching(segment, part)
    return named | _named(segment, text).documents


def _named(segment: Segment, text: AskedText) -> Named:
    return named_by(segment, text.wholes, parts=len(text.parts))


def _points(segment: Segment, text: AskedText) -> "list[array[int]]":
    """Return what adds up to the score of each document."""
    if len(text.parts) == 1:
        # Most queries have one part, so its points are kept with what comes to them.
        return [segment.cached(("all points", text), lambda: _sum(_all_points(segment, text)))]
    return list(_all_points(segment, text))


def _all_points(segment: Segment, text: AskedText) -> "Iterator[array[int]]":
    yield segment.cached("prominence points", lambda: _prominence(segment))
    if len(text.parts) == 1:
        yield _part_points(segment, text.parts[0])
    else:
        for part in text.parts:
            yield segment.cached(("points", part), partial(_part_points, segment, part))
    of_names = _named(segment, text).points
    if of_names is not None:
        yield of_names


def _sum(columns: "Iterable[array[int]]") -> "array[int]":
    totals: Iterator[int] = repeat(0)
    for column in columns:
        totals = map(add, totals, column)
    return array("I", totals)


def _part_points(segment: Segment, part: TextPart) -> "array[int]":
    """Return what ``part`` is worth for each document of ``segment``."""
    match = part_matching(segment, part)
    found = asked_words(part)
    impacts = _mean_impacts(segment, found)
    points = array("I", bytes(4 * segment.size))
    for step, documents in _steps(segment, part, found, match):
        for n in bitmaps.documents(documents):
            points[n] = step + impacts[n]
        match &= ~documents
    for n in bitmaps.documents(match):
        points[n] = INSIDE_NAME
    return points


def _steps(
    segment: Segment, part: TextPart, found: list[str], match: int
) -> Iterator[tuple[int, int]]:
    """Yield the points of each step and the documents of ``match`` that reach it and no better."""
    if isinstance(part, Wildcard | Fuzzy):
        named = named_like(segment, part)
        yield NAME_START, named
        yield TEXT_WORDS, match & ~named
        return
    if not found:
        return
    named = match & having(segment, NAME, found)
    yield NAME_WORDS, named
    match &= ~named
    begun = having(segment, NAME, found[:-1]) & name_starting(segment, found[-1])
    yield NAME_START, match & begun
    match &= ~begun
    yield TEXT_WORDS, match if isinstance(part, Prefix) else match & having(segment, TEXT, found)


def _mean_impacts(segment: Segment, found: list[str]) -> "array[int]":
    sums = array("I", bytes(4 * segment.size))
    for word in found:
        postings = segment.postings(word)
        for n, impact in zip(postings.documents, postings.weights, strict=True):
            sums[n] += impact
    if len(found) > 1:
        return array("I", (total // len(found) for total in sums))
    return sums
