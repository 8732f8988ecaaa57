"""How a document becomes terms, columns and stored bytes of a tantivy index.

tantivy scores with numbers of its own, which depend on other documents. Here scores are sums of
constants that our queries give to terms, so what a word is worth in a document is a few terms: its
impact in digits, one term for each that is not 0. All points are whole numbers below 2**24, so
sums are exact in tantivy's four-byte floats, in any order.
"""

import json
import zlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson
from tantivy import Document as Row
from tantivy import Schema, SchemaBuilder

from indexer.engines.ranking import (
    IMPACT_MAX,
    KEYWORD,
    NAME_WORD,
    TEXT,
    facet_prefix,
    impacts,
    normalize,
    scored_lines,
)
from indexer.errors import EngineError
from indexer.model import (
    FACETS,
    NUMBERS,
    PROMINENCE_MAX,
    Document,
    Sort,
    Text,
    TextRow,
    fold,
    words,
)

SCHEMA_VERSION = 3

ID = "id"
NAME = "name"
"""The whole folded name."""
LAST = "last"
"""The last component of the name."""
END = "end"
"""All that follows a slash in the name."""
SPELT_END = "spelt_end"
"""The last components of the name without punctuation, as many as there are; see ``spelt_end``."""
GRAM = "gram"
"""Single characters of the name, and pairs."""
GRAM3 = "gram3"
"""All three characters in a row of the name: what is inside a name is a phrase of them."""
IMPACT = "impact"
"""The digits of the impact of every word, and of the prominence as that of no word."""
OTHER_FACET = "facet"
"""The values of facets that have no field of their own, behind what ``facet_prefix`` returns."""
RESULT = "result"
TEXTS = "texts"

SORT_FIELDS = {
    Sort.RELEVANCE: "prominence",
    Sort.CREATED: "sort_created",
    Sort.PUSHED: "sort_pushed",
    Sort.SIZE: "sort_size",
    Sort.PULLS: "sort_pulls",
}
"""Columns: what hits are ordered by when no words are asked for."""

_CHUNK = 8
ID_CHUNKS = tuple(f"id_{n}" for n in range(5))
NAME_CHUNKS = tuple(f"name_{n}" for n in range(4))
"""Columns: the beginning of a text as numbers in the same order, eight bytes each, as tantivy is
slow to order by texts."""

_LONG_BYTES = 4096
"""Texts of so many bytes are stored packed."""
_BASE = 14
_PLACES = 3
_DIGITS_OF = tuple(
    tuple(
        f":{worth // base % _BASE * base}"
        for base in (_BASE**place for place in range(_PLACES))
        if worth // base % _BASE
    )
    for worth in range(IMPACT_MAX + 1)
)
"""The digits of all worths, as they follow a word."""

INT64 = range(-(2**63), 2**63)


def schema() -> Schema:
    """Return the schema of the indexes of a generation."""
    builder = SchemaBuilder()
    facets = (*map(facet_field, FACETS), OTHER_FACET)
    for field in (ID, NAME, LAST, END, SPELT_END, KEYWORD, *facets):
        stored, fast = field in (ID, NAME), field in facets
        builder.add_text_field(field, stored, fast, tokenizer_name="raw", index_option="basic")
    for field in (NAME_WORD, GRAM, IMPACT, GRAM3, TEXT):
        option = "position" if field in (GRAM3, TEXT) else "basic"
        builder.add_text_field(field, tokenizer_name="whitespace", index_option=option)
    # Never unsigned: tantivy takes Python's numbers for signed ones, and loses the batch then.
    for field in (*map(number_field, NUMBERS), *SORT_FIELDS.values(), *ID_CHUNKS, *NAME_CHUNKS):
        builder.add_integer_field(field, fast=True)
    for field in (RESULT, TEXTS):
        builder.add_bytes_field(field, stored=True)
    return builder.build()


def number_field(name: str) -> str:
    """Return the field of a number that ranges ask for."""
    return f"number_{name}"


def facet_field(facet: str) -> str:
    """Return the field of one of ``FACETS``."""
    return f"facet_{facet}"


def chunks(text: str, count: int) -> list[int]:
    """Return the first bytes of ``text`` as ``count`` numbers that are in the order of texts."""
    encoded = text.encode()[: count * _CHUNK].ljust(count * _CHUNK, b"\0")
    starts = range(0, count * _CHUNK, _CHUNK)
    return [int.from_bytes(encoded[start : start + _CHUNK], "big") - 2**63 for start in starts]


def grams(text: str, length: int) -> list[str]:
    """Return all so many characters in a row of ``text``, in order."""
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def spelt_end(plain: str) -> str:
    """Return the term of last components; what one begins with are those of as many."""
    return f"{plain.count('/')}{plain}"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document as tantivy takes it."""

    row: Row
    words: Set[str]
    """The searchable ones."""


def encode(document: Document) -> Encoded:
    """Return ``document`` as tantivy takes it.

    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    try:
        return _encode(document)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"document {document.key.id!r} cannot be indexed: {error}"
        raise EngineError(message) from error


def _encode(document: Document) -> Encoded:
    name, lines = fold(document.name), list(scored_lines(document))
    plain = normalize(name).plain
    worths = impacts(lines)
    digits = {**worths, "": _within(document.prominence, range(PROMINENCE_MAX + 1))}
    columns: dict[str, Any] = {
        ID: document.key.id,
        NAME: name,
        LAST: name.rpartition("/")[2],
        END: [name[place + 1 :] for place in _slashes(name)],
        SPELT_END: [spelt_end(plain[place:]) for place in _slashes(plain)],
        NAME_WORD: " ".join(set(words(document.name))),
        GRAM: " ".join({*name, *grams(name, 2)}),
        GRAM3: " ".join(grams(name, 3)),
        TEXT: [" ".join(line) for line, _ in lines],
        IMPACT: " ".join(word + digit for word in digits for digit in _DIGITS_OF[digits[word]]),
        KEYWORD: [*{field for field, _ in document.keywords}, *map(":".join, document.keywords)],
        RESULT: _json(dict(document.result)),
        TEXTS: _stored_texts(document.texts),
    }
    for facet, value in document.facets:
        if facet in FACETS:
            columns.setdefault(facet_field(facet), []).append(value)
        else:
            columns.setdefault(OTHER_FACET, []).append(facet_prefix(facet) + value)
    for field, numbers in _numbers(document, name).items():
        columns[field] = [_within(number, INT64) for number in numbers]
    return Encoded(Row.from_dict(columns), worths.keys())


def _numbers(document: Document, name: str) -> dict[str, Sequence[int]]:
    sources = ((ID_CHUNKS, document.key.id), (NAME_CHUNKS, name))
    return {
        SORT_FIELDS[Sort.RELEVANCE]: [document.prominence],
        SORT_FIELDS[Sort.CREATED]: [document.created],
        SORT_FIELDS[Sort.PUSHED]: [document.pushed],
        SORT_FIELDS[Sort.SIZE]: [document.size_bytes],
        SORT_FIELDS[Sort.PULLS]: [document.pulls],
        **{number_field(number): values for number, values in document.numbers.items()},
        **{
            field: [chunk]
            for fields, text in sources
            for field, chunk in zip(fields, chunks(text, len(fields)), strict=True)
        },
    }


def _stored_texts(texts: Sequence[Text]) -> bytes:
    """Return ``texts`` as they are stored, which most searches read past."""
    stored = orjson.dumps([(text.field.value, text.text, text.key) for text in texts])
    return stored if len(stored) < _LONG_BYTES else zlib.compress(stored, level=1)


def read_texts(stored: bytes) -> list[TextRow]:
    """Return the texts that were stored."""
    rows: list[TextRow] = orjson.loads(
        stored if stored.startswith(b"[") else zlib.decompress(stored)
    )
    return rows


def _slashes(name: str) -> list[int]:
    return [place for place, character in enumerate(name) if character == "/"]


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _within(number: int, allowed: range) -> int:
    if number not in allowed:
        raise ValueError(f"{number} is not from {allowed[0]} to {allowed[-1]}")
    return number
