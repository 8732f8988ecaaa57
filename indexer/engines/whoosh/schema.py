"""How a document becomes terms and columns of a Whoosh index.

All searchable text is one posting list per word, in the field ``text``, with the finished impact of
the word on the score (BM25 without idf, as idf would make a score depend on other documents), in
thousandths and whole, so that adding impacts is exact in any order.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from whoosh.columns import NumericColumn, VarBytesColumn
from whoosh.fields import COLUMN, FieldType, Schema
from whoosh.formats import Existence

from indexer.engines.ranking import (
    KEYWORD,
    NAME_WORD,
    TEXT,
    Line,
    facet_prefix,
    impacts,
    scored_lines,
)
from indexer.errors import EngineError
from indexer.model import PROMINENCE_MAX, Document, Sort, fold, words

SCHEMA_VERSION = 6

INDEX_NAME = "MAIN"

START = "start"
"""What the words of the name start with, one term for each length up to ``START_MAX``."""
FACET = "facet"
"""The values of facets, each behind what ``facet_prefix`` returns."""

KEY = "key"
"""Column: the folded name, a line end, and the id."""
LINES = "lines"
"""Column: every searchable field as a line of words, for phrases. Making the words out of the texts
takes ten times as long as reading them."""
TEXTS = "texts"
"""Column: the searchable texts as JSON, for highlights."""
RESULT = "result"
"""Column: the stored result as JSON."""
NUMBERS = "numbers"
"""Column: what ranges ask for, as JSON."""
PROMINENCE = "prominence"
"""Column: from 0 to ``PROMINENCE_MAX``."""
SCALARS = {
    Sort.CREATED: "created",
    Sort.PUSHED: "pushed",
    Sort.SIZE: "size",
    Sort.PULLS: "pulls",
}
"""Columns: a number of each document that hits can be sorted by."""

START_MAX = 12
"""Longest stored beginning of a word, in characters."""

_INT64 = range(-(2**63), 2**63)
_COMPRESSION = 1


class Terms(FieldType):  # type: ignore[misc]  # Whoosh carries no types
    """Terms as they are given, with or without weights."""

    def __init__(self, *, has_weights: bool = False) -> None:
        super().__init__(Existence(), None)
        self.has_weights = has_weights


COLUMNS = {field: VarBytesColumn() for field in (KEY, LINES, TEXTS, RESULT, NUMBERS)} | {
    field: NumericColumn("q") for field in (PROMINENCE, *SCALARS.values())
}
"""Bytes are compressed by us: Whoosh would unpack and pack them again in every merge."""

SCHEMA = Schema(
    **{TEXT: Terms(has_weights=True)},
    **{field: Terms() for field in (NAME_WORD, START, KEYWORD, FACET)},
    **{field: COLUMN(column) for field, column in COLUMNS.items()},
)


def encode(document: Document) -> dict[str, Any]:
    """Return the fields of ``document``, as Whoosh's writer takes them.

    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    try:
        return _encode(document)
    except (TypeError, ValueError, RecursionError, struct.error) as error:
        message = f"document {document.key.id!r} cannot be indexed: {error}"
        raise EngineError(message) from error


def _encode(document: Document) -> dict[str, Any]:
    lines = list(scored_lines(document))
    name_words = set(words(document.name))
    keywords = set(map(":".join, document.keywords))
    keywords |= {field for field, _ in document.keywords}
    facets = {facet_prefix(facet) + value for facet, value in document.facets}
    # What is no Unicode is found here, before anything is written.
    "".join((*keywords, *facets)).encode()
    texts = [(text.field.value, text.text, text.key) for text in document.texts]
    return {
        TEXT: impacts(lines),
        NAME_WORD: name_words,
        START: {word[:n] for word in name_words for n in range(1, min(len(word), START_MAX) + 1)},
        KEYWORD: keywords,
        FACET: facets,
        KEY: f"{fold(document.name)}\n{document.key.id}".encode(),
        LINES: zlib.compress(_joined(lines), _COMPRESSION),
        TEXTS: _json(texts),
        RESULT: _json(dict(document.result)),
        NUMBERS: _json(
            {name: [_within(n, _INT64) for n in found] for name, found in document.numbers.items()}
        ),
        PROMINENCE: _within(document.prominence, range(PROMINENCE_MAX + 1)),
        SCALARS[Sort.CREATED]: _within(document.created, _INT64),
        SCALARS[Sort.PUSHED]: _within(document.pushed, _INT64),
        SCALARS[Sort.SIZE]: _within(document.size_bytes, _INT64),
        SCALARS[Sort.PULLS]: _within(document.pulls, _INT64),
    }


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return zlib.compress(text.encode(), _COMPRESSION)


def _joined(lines: Sequence[Line]) -> bytes:
    """Return the lines with a space before and after every word, so that phrases end at words."""
    return "\n".join(f" {' '.join(line)} " for line, _ in lines if line).encode()


def _within(number: int, allowed: range) -> int:
    if number not in allowed:
        raise ValueError(f"{number} is not from {allowed[0]} to {allowed[-1]}")
    return number
