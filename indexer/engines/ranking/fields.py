"""The fields of a document, as far as every engine encodes them in the same way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from indexer.errors import EngineError
from indexer.model import PROMINENCE_MAX, Document, Sort

TEXT = "text"
"""The field of every searchable word."""
NAME_WORD = "name_word"
"""The field of the words of the name."""
KEYWORD = "keyword"
"""The field of ``field:value`` for every keyword, and of ``field``. Field names hold no colon."""
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


def keyword_terms(document: Document) -> set[str]:
    """Return the terms of the keywords."""
    return {term for pair in document.keywords for term in (pair[0], ":".join(pair))}


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
    """Return the searchable texts as JSON, for highlights."""
    return orjson.dumps([(text.field.value, text.text, text.key) for text in document.texts])


def _size(document: Document, unknown: int) -> int:
    return unknown if document.size_bytes is None else _within(document.size_bytes)


def _within(number: int, allowed: range = INT64) -> int:
    if number not in allowed:
        raise ValueError(f"{number} is not from {allowed[0]} to {allowed[-1]}")
    return number
