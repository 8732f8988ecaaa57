"""How a document becomes terms, columns and stored bytes of a tantivy index.

tantivy scores with numbers of its own, which depend on other documents. Here scores are sums of
constants that our queries give to terms, so what a word is worth in a document is a few terms: its
impact in digits, one term for each that is not 0. All points are whole numbers below 2**24, so
sums are exact in tantivy's four-byte floats, in any order.
"""

import zlib
from base64 import b64encode
from typing import Any

import orjson
from tantivy import Schema, SchemaBuilder

from indexer.engines.protocol import EncodedDocument
from indexer.engines.ranking import (
    ENDS,
    FACET_FIELDS,
    IMPACT_MAX,
    KEYWORD,
    NAMED,
    SORT_COLUMNS,
    TEXT,
    encoding_errors,
    end_terms,
    exact_terms,
    impacts,
    named_terms,
    range_numbers,
    scored_lines,
    sort_numbers,
    stored_result,
    stored_texts,
)
from indexer.model import NUMBERS, Document, fold

SCHEMA_VERSION = 12

ID = "id"
NAME = "name"
"""The whole folded name, for the order by name."""
GRAM = "gram"
"""Single characters of the name, and pairs."""
GRAM3 = "gram3"
"""All three characters in a row of the name: what is inside a name is a phrase of them."""
IMPACT = "impact"
"""The digits of the impact of every word, and of the prominence as that of no word."""
REGISTRY = "registry"
"""The exact name of the registry."""
REPOSITORY = "repository"
"""The registry, the repository, both exact, and the number of the repository, as lines."""
REPOSITORY_NUMBER = "repository_number"
"""The number of the repository, which is small; see :mod:`indexer.engines.tantivy.repositories`."""
REPOSITORY_CODE = "repository_code"
"""That number in letters, to be sought."""
RESULT = "result"
TEXTS = "texts"

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


def schema() -> Schema:
    """Return the schema of the indexes of a generation."""
    builder = SchemaBuilder()
    for field in (ID, NAME):
        builder.add_text_field(field, stored=True, tokenizer_name="raw", index_option="basic")
    for field in (KEYWORD, NAMED, ENDS, REGISTRY, REPOSITORY, REPOSITORY_CODE, *FACET_FIELDS):
        is_fast = field in FACET_FIELDS
        builder.add_text_field(field, fast=is_fast, tokenizer_name="raw", index_option="basic")
    for field in (GRAM, IMPACT, GRAM3, TEXT):
        option = "position" if field in (GRAM3, TEXT) else "basic"
        builder.add_text_field(field, tokenizer_name="whitespace", index_option=option)
    # Never unsigned: tantivy takes Python's numbers for signed ones, and loses the batch then.
    columns = (*map(number_field, NUMBERS), *SORT_COLUMNS, *ID_CHUNKS, *NAME_CHUNKS)
    for field in (REPOSITORY_NUMBER, *columns):
        builder.add_integer_field(field, fast=True)
    for field in (RESULT, TEXTS):
        builder.add_bytes_field(field, stored=True)
    return builder.build()


def number_field(name: str) -> str:
    """Return the field of a number that ranges ask for."""
    return f"number_{name}"


def chunks(text: str, count: int) -> list[int]:
    """Return the first bytes of ``text`` as ``count`` numbers that are in the order of texts."""
    encoded = text.encode()[: count * _CHUNK].ljust(count * _CHUNK, b"\0")
    starts = range(0, count * _CHUNK, _CHUNK)
    return [int.from_bytes(encoded[start : start + _CHUNK], "big") - 2**63 for start in starts]


def grams(text: str, length: int) -> list[str]:
    """Return all so many characters in a row of ``text``, in order."""
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def encode(document: Document) -> EncodedDocument:
    """Return ``document`` as tantivy takes it, but for its repository, and its searchable words.

    As JSON, because that is read in Rust, and passes between processes as one text.
    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    with encoding_errors(document):
        name, lines = fold(document.name), list(scored_lines(document))
        worths, numbers = impacts(lines), sort_numbers(document)
        digits = {**worths, "": document.prominence}
        columns: dict[str, Any] = {
            ID: document.key.id,
            NAME: name,
            GRAM: " ".join({*name, *grams(name, 2)}),
            GRAM3: " ".join(grams(name, 3)),
            TEXT: [" ".join(line) for line, _ in lines],
            IMPACT: " ".join(
                [word + digit for word, worth in digits.items() for digit in _DIGITS_OF[worth]]
            ),
            NAMED: list(named_terms(document)),
            ENDS: end_terms(name),
            REGISTRY: document.key.registry,
            **{field: list(terms) for field, terms in exact_terms(document).items()},
            RESULT: _in_json(stored_result(document)),
            TEXTS: _in_json(_packed(stored_texts(document))),
            **numbers,
            **{number_field(field): found for field, found in range_numbers(document).items()},
            **dict(zip(ID_CHUNKS, chunks(document.key.id, len(ID_CHUNKS)), strict=True)),
            **dict(zip(NAME_CHUNKS, chunks(name, len(NAME_CHUNKS)), strict=True)),
        }
        return EncodedDocument(document.key, (orjson.dumps(columns).decode(), set(worths)))


def _in_json(stored: bytes) -> str:
    return b64encode(stored).decode()


def _packed(stored: bytes) -> bytes:
    """Return long texts compressed, because most searches read past them."""
    return stored if len(stored) < _LONG_BYTES else zlib.compress(stored, level=1)
