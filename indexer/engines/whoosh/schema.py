"""How a document becomes terms and columns of a Whoosh index.

All searchable text is one posting list per word, in the field ``text``, with the finished impact of
the word on the score (BM25 without idf, as idf would make a score depend on other documents), in
thousandths and whole, so that adding impacts is exact in any order.
"""

import zlib
from collections.abc import Sequence
from itertools import chain

import orjson
from whoosh.columns import NumericColumn, VarBytesColumn
from whoosh.fields import COLUMN, FieldType, Schema
from whoosh.formats import Existence

from indexer.engines.protocol import EncodedDocument
from indexer.engines.ranking import (
    FACET_FIELDS,
    KEYWORD,
    NAMED,
    SORT_COLUMNS,
    TEXT,
    Line,
    encoding_errors,
    exact_terms,
    impacts,
    named_terms,
    range_numbers,
    scored_lines,
    sort_numbers,
    stored_result,
    stored_texts,
)
from indexer.model import Document, fold, words

SCHEMA_VERSION = 10

INDEX_NAME = "MAIN"

START = "start"
"""What the words of the name start with, one term for each length up to ``START_MAX``."""
START_MAX = 12
"""Longest stored beginning of a word, in characters."""
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

_COMPRESSION = 1


class Terms(FieldType):  # type: ignore[misc]  # Whoosh carries no types
    """Terms as they are given, with or without weights."""

    def __init__(self, *, has_weights: bool = False) -> None:
        super().__init__(Existence(), None)
        self.has_weights = has_weights


COLUMNS = {field: VarBytesColumn() for field in (KEY, LINES, TEXTS, RESULT, NUMBERS)} | {
    field: NumericColumn("q") for field in SORT_COLUMNS
}
"""Bytes are compressed by us: Whoosh would unpack and pack them again in every merge."""

SCHEMA = Schema(
    **{TEXT: Terms(has_weights=True)},
    **{field: Terms() for field in (START, NAMED, KEYWORD, *FACET_FIELDS)},
    **{field: COLUMN(column) for field, column in COLUMNS.items()},
)


def encode(document: Document) -> EncodedDocument:
    """Return the fields of ``document``, as Whoosh's writer takes them.

    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    with encoding_errors(document):
        lines, terms = list(scored_lines(document)), exact_terms(document)
        # What is no Unicode is found here, before anything is written.
        "".join(chain.from_iterable(terms.values())).encode()
        row = {
            TEXT: impacts(lines),
            START: {word[:n] for word in words(document.name) for n in range(1, START_MAX + 1)},
            NAMED: named_terms(document),
            **{field: terms.get(field, ()) for field in (KEYWORD, *FACET_FIELDS)},
            KEY: f"{fold(document.name)}\n{document.key.id}".encode(),
            LINES: _packed(_joined(lines)),
            TEXTS: _packed(stored_texts(document)),
            RESULT: _packed(stored_result(document)),
            NUMBERS: _packed(orjson.dumps(range_numbers(document))),
            **sort_numbers(document),
        }
        return EncodedDocument(document.key, row)


def _packed(stored: bytes) -> bytes:
    return zlib.compress(stored, _COMPRESSION)


def _joined(lines: Sequence[Line]) -> bytes:
    """Return the lines with a space before and after every word, so that phrases end at words."""
    return "\n".join(f" {' '.join(line)} " for line, _ in lines if line).encode()
