"""The fields of a document, as far as every engine encodes them in the same way."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from heapq import nsmallest

import orjson

from indexer.errors import EngineError
from indexer.model import (
    FACET_VALUES,
    FACETS,
    PROMINENCE_MAX,
    Document,
    FacetCounts,
    Sort,
    TextBlock,
    TextField,
    ValueCount,
    fold,
    text_blocks,
    words,
)

TEXT = "text"
"""The field of every searchable word."""
KEYWORD = "keyword"
"""The field of ``field:value`` for every keyword, and of ``field``. Field names hold no colon."""
NAMED = "named"
"""The field of such keywords for the words of the name. Only ranking plans ask for these two."""
ENDS = "ends"
"""The field of such keywords for the name and its ends."""
NAME_WORD = "@word"
"""A word of the name, in ``NAMED``."""
LIKE = "@like"
"""The name, its last component and its words, in ``NAMED``: patterns fit one of them."""
BY_IMAGES = "@images"
"""That the conditions on a repository are answered by its images, in ``NAMED``."""
NAME = "/name"
"""The whole folded name, in ``ENDS``."""
END = "/end"
"""What follows a slash of the name, in ``ENDS``."""
SPELLED_END = "/spelled"
"""The last components of the name without punctuation, in ``ENDS``; see ``spelled_end``."""
_FIELDS = {"@": NAMED, "/": ENDS}
OTHER_FACET = "facet"
"""The field of the facets that have no field of their own; see ``facet_location``."""
PROMINENCE = "prominence"
SORT_FIELDS = {
    Sort.RELEVANCE: PROMINENCE,
    Sort.CREATED: "sort_created",
    Sort.PUSHED: "sort_pushed",
    Sort.SIZE: "sort_size",
    Sort.PULLS: "sort_pulls",
}
"""Columns: the number of each document for an order; of relevance, if there are no words."""
SIZE_FROM_LEAST = "sort_size_from_least"
"""Column: sizes for the order that begins with the least; an unknown one is last in both."""
SORT_COLUMNS = (*SORT_FIELDS.values(), SIZE_FROM_LEAST)
NEWEST = (SORT_FIELDS[Sort.PUSHED], SORT_FIELDS[Sort.CREATED])
"""Columns that say which of two documents is newer; the second one decides between equals."""

INT64 = range(-(2**63), 2**63)
_PROMINENCES = range(PROMINENCE_MAX + 1)


@contextmanager
def encoding_errors(document: Document) -> Iterator[None]:
    """Turn the error of a value that cannot be stored into an ``EngineError`` with the id."""
    try:
        yield
    except (TypeError, ValueError, RecursionError) as error:
        message = f"document {document.key.id!r} cannot be indexed: {error}"
        raise EngineError(message) from error


def exact_terms(document: Document) -> Mapping[str, Collection[str]]:
    """Return the different terms of the keywords and of the facets, by field."""
    terms = defaultdict[str, set[str]](set)
    terms[KEYWORD] = {name for name, _ in document.keywords}
    terms[KEYWORD].update(map(":".join, document.keywords))
    for facet, value in document.facets:
        field, prefix = facet_location(facet)
        terms[field].add(prefix + value)
    return terms


def named_terms(document: Document) -> set[str]:
    """Return the terms of ``NAMED``."""
    folded = fold(document.name)
    found = words(folded)
    like = {folded, folded.rpartition("/")[2], *found}
    terms = {f"{NAME_WORD}:{word}" for word in found} | {f"{LIKE}:{text}" for text in like}
    return terms | {f"{BY_IMAGES}:"} if document.is_met_by_images else terms


def end_terms(folded: str) -> list[str]:
    """Return the different terms of ``ENDS`` for a folded name."""
    plain = without_punctuation(folded)
    return [
        f"{NAME}:{folded}",
        *(f"{END}:{folded[slash + 1 :]}" for slash in _slashes(folded)),
        *(f"{SPELLED_END}:{spelled_end(plain[slash:])}" for slash in _slashes(plain)),
    ]


def keyword_field(field: str) -> str:
    """Return the field of the terms ``field:value``."""
    return _FIELDS.get(field[:1], KEYWORD)


def without_punctuation(folded: str) -> str:
    """Return a folded name or text without punctuation, a slash before each component.

    So ``front-end``, ``front_end`` and ``frontend`` are equal.
    """
    return "".join(f"/{''.join(words(component))}" for component in folded.split("/"))


def spelled_end(plain: str) -> str:
    """Return the keyword of last components; what one begins with are those of as many."""
    return f"{plain.count('/')}{plain}"


def facet_location(facet: str) -> tuple[str, str]:
    """Return the field with the values of a facet, and the beginning of their terms there."""
    if facet in FACETS:
        return f"facet_{facet}", ""
    return OTHER_FACET, f"{len(facet)}:{facet}"


FACET_FIELDS = (*(facet_location(facet)[0] for facet in FACETS), OTHER_FACET)


def most_frequent(counts: Collection[tuple[str, int]], prefix: str) -> FacetCounts:
    """Return the first values, most documents first, of terms that begin with ``prefix``."""
    first = nsmallest(FACET_VALUES, counts, key=lambda pair: (-pair[1], pair[0]))
    values = tuple(ValueCount(term[len(prefix) :], count) for term, count in first)
    return FacetCounts(values, others=len(counts) - len(values))


def sort_numbers(document: Document) -> dict[str, int]:
    """Return the numbers of the sort fields."""
    return {
        PROMINENCE: _within(document.prominence, _PROMINENCES),
        SORT_FIELDS[Sort.CREATED]: _within(document.created),
        SORT_FIELDS[Sort.PUSHED]: _within(document.pushed),
        SORT_FIELDS[Sort.SIZE]: _size(document, -1),
        SIZE_FROM_LEAST: _size(document, INT64[-1]),
        SORT_FIELDS[Sort.PULLS]: _within(document.pulls),
    }


def sort_field(sort: Sort, *, is_descending: bool) -> str:
    """Return the column of an order by a number."""
    is_from_least = sort is Sort.SIZE and not is_descending
    return SIZE_FROM_LEAST if is_from_least else SORT_FIELDS[sort]


def range_numbers(document: Document) -> dict[str, list[int]]:
    """Return the numbers for ranges, by name."""
    return {name: list(map(_within, found)) for name, found in document.numbers.items()}


def stored_result(document: Document) -> bytes:
    """Return the stored result as JSON. A number that JSON does not have is an error."""
    result = dict(document.result)
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def stored_texts(document: Document) -> bytes:
    """Return the searchable texts as JSON, for highlights: their blocks by field."""
    return orjson.dumps(
        {
            one.field.value: (one.joined, one.folding, one.keys, one.key_numbers)
            for one in text_blocks(document.texts)
        }
    )


_TEXT_FIELDS = {field.value: field for field in TextField}


def read_texts(stored: bytes) -> list[TextBlock]:
    """Return what :func:`stored_texts` stored, the heaviest field first."""
    read = orjson.loads(stored).items()
    return [TextBlock(_TEXT_FIELDS[field], *parts) for field, parts in read]


def _size(document: Document, unknown: int) -> int:
    return unknown if document.size_bytes is None else _within(document.size_bytes)


def _within(number: int, allowed: range = INT64) -> int:
    if number not in allowed:
        raise ValueError(f"{number} is not from {allowed[0]} to {allowed[-1]}")
    return number


def _slashes(name: str) -> list[int]:
    return [place for place, character in enumerate(name) if character == "/"]
