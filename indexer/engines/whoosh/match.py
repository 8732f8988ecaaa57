"""Which documents of a segment a query matches, as a bitmap."""

from collections.abc import Iterable
from functools import reduce
from itertools import chain, islice
from operator import and_, or_
from typing import TypeVar

from indexer.engines.ranking import TextPart, part_text, pattern
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.schema import FACET, KEYWORD, NAME, START, START_MAX, TEXT, facet_prefix
from indexer.engines.whoosh.segment import Segment
from indexer.errors import QueryError
from indexer.model import (
    And,
    Condition,
    Everything,
    FacetValue,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Wildcard,
    edits_allowed,
    words,
)
from indexer.model import Word as BareWord

_Found = TypeVar("_Found")

EXPANDED_WORDS_MAX = 1000
"""How many words a prefix stands for at most, the first in order; names are not limited by it."""
EXPANDED_KEYWORDS_MAX = 10_000
"""How many keywords the beginning of a value may stand for, or words or keywords a pattern, in one
segment."""


def matching(segment: Segment, query: Query) -> int:
    """Return the documents of ``segment`` that match ``query``, deleted ones among them.

    :class:`indexer.errors.QueryError` when a pattern or the beginning of a value says too little.
    """
    match query:
        case Everything():
            return bitmaps.full(segment.size)
        case And(parts):
            return all_of((matching(segment, part) for part in parts), segment)
        case Or(parts):
            return reduce(or_, (matching(segment, part) for part in parts), 0)
        case Not(part):
            return bitmaps.full(segment.size) & ~matching(segment, part)
        case Condition(field, "", is_prefix=True):
            return segment.bitmap(KEYWORD, field)
        case Condition(field, value, is_prefix):
            keyword = f"{field}:{value}"
            return _beginning(segment, keyword) if is_prefix else segment.bitmap(KEYWORD, keyword)
        case FacetValue(facet, value):
            return segment.bitmap(FACET, facet_prefix(facet) + value)
        case Glob(field, text):
            return _globbed(segment, field, text)
        case Range(name, low, high):
            return segment.within(name, low, high)
        case _:
            return part_matching(segment, query)


def part_matching(segment: Segment, part: TextPart) -> int:
    """Return the documents of ``segment`` that match one text part."""
    match part:
        case BareWord(text):
            found = words(text)
            return (having(segment, TEXT, found) if found else 0) | _named(segment, text)
        case Path(text):
            return _named(segment, text.strip("/"))
        case Prefix(text):
            return _starting(segment, text)
        case Wildcard() | Fuzzy():
            return _spelled(segment, TEXT, part) | named_like(segment, part)
        case Phrase(found):
            return _phrase(segment, found)


def named_like(segment: Segment, part: Wildcard | Fuzzy) -> int:
    """Return the documents that ``part`` matches by a word of the name, or by the name."""
    named = _spelled(segment, NAME, part)
    match part:
        case Fuzzy():
            return named
        case Wildcard(text):
            fitting = segment.cached(
                ("named like", text), lambda: segment.named_like(pattern(text))
            )
            return named | fitting


def having(segment: Segment, field: str, terms: Iterable[str]) -> int:
    """Return the documents that have every one of ``terms`` in ``field``."""
    return all_of((segment.bitmap(field, term) for term in terms), segment)


def all_of(parts: Iterable[int], segment: Segment) -> int:
    """Return what is in all ``parts``: everything, when there are none."""
    return reduce(and_, parts, bitmaps.full(segment.size))


def name_starting(segment: Segment, prefix: str) -> int:
    """Return the documents with a word in the name that starts with ``prefix``."""
    if len(prefix) <= START_MAX:
        return segment.bitmap(START, prefix)
    return _expanded(segment, NAME, prefix)


def _named(segment: Segment, text: str) -> int:
    return segment.cached(("named", text), lambda: segment.named(text))


def _starting(segment: Segment, text: str) -> int:
    """Return the documents with all words of ``text``, the last one at least begun."""
    found = words(text)
    if not found:
        return _named(segment, text)
    begun = name_starting(segment, found[-1]) | _expanded(segment, TEXT, found[-1])
    return having(segment, TEXT, found[:-1]) & begun


def _expanded(segment: Segment, field: str, prefix: str) -> int:
    def make() -> int:
        postings = islice(segment.postings_from(field, prefix), EXPANDED_WORDS_MAX)
        return _having(segment, (documents for _, documents in postings))

    return segment.cached(("starting", field, prefix), make)


def _beginning(segment: Segment, keyword: str) -> int:
    def make() -> int:
        postings = segment.postings_from(KEYWORD, keyword)
        message = f"too many values start with {keyword!r}: give more of its beginning"
        return _having(segment, _few((documents for _, documents in postings), message))

    return segment.cached(("starting", KEYWORD, keyword), make)


def _globbed(segment: Segment, field: str, text: str) -> int:
    fitting = pattern(text)

    def make() -> int:
        start = len(field) + 1
        postings = segment.postings_from(KEYWORD, f"{field}:{fitting.prefix}")
        found = (documents for term, documents in postings if fitting.fits(term[start:]))
        message = f"too much fits '{field}:{text}': give more of it"
        return _having(segment, _few(found, message))

    return segment.cached(("globbed", field, text), make)


def _spelled(segment: Segment, field: str, part: Wildcard | Fuzzy) -> int:
    """Return the documents with a word in ``field`` that ``part`` stands for."""
    return segment.cached(
        ("spelled", field, part), lambda: segment.having_any(field, _spellings(segment, part))
    )


def _spellings(segment: Segment, part: Wildcard | Fuzzy) -> list[str]:
    """Return the words of a segment that ``part`` stands for."""

    def make() -> list[str]:
        match part:
            case Wildcard(text):
                found = segment.vocabulary().fitting(pattern(text))
            case Fuzzy(text):
                near = segment.vocabulary().near(text, limit=edits_allowed(text))
                found = (word for word, _ in near)
        message = f"too many words fit {part_text(part)!r}: give more of it"
        return _few(found, message)

    return segment.cached(("spellings", part), make, size_bytes=lambda made: 64 * len(made))


def _having(segment: Segment, postings: Iterable[Iterable[int]]) -> int:
    return bitmaps.from_documents(chain.from_iterable(postings), size=segment.size)


def _few(found: Iterable[_Found], message: str) -> list[_Found]:
    """Return what is found; too much of it is an error of the query."""
    kept = list(islice(found, EXPANDED_KEYWORDS_MAX + 1))
    if len(kept) > EXPANDED_KEYWORDS_MAX:
        raise QueryError(message, column=1)
    return kept


def _phrase(segment: Segment, found: tuple[str, ...]) -> int:
    candidates = having(segment, TEXT, found)
    if len(found) < 2:
        return candidates
    sought = f" {' '.join(found)} "

    def make() -> int:
        holding = (n for n in bitmaps.documents(candidates) if sought in segment.lines(n))
        return bitmaps.from_documents(holding, size=segment.size)

    return segment.cached(("phrase", found), make)
