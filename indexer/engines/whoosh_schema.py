"""How a document becomes terms and columns of a Whoosh index.

All searchable text is one posting list per word, in the field ``text``. Its weight is the finished
impact of the word on the score (BM25 without idf, as idf would make a score depend on other
documents), in thousandths and whole, so that adding impacts is exact in any order and survives
Whoosh's four-byte floats.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Sequence

from whoosh import columns, fields, formats
from whoosh.codec.whoosh3 import W3Codec

from indexer.engines.scoring import Line, impacts, scored_lines
from indexer.engines.whoosh_numbers import encode_numbers
from indexer.errors import EngineError
from indexer.model.document import PROMINENCE_MAX, Document, Sort
from indexer.model.text import fold, words

SCHEMA_VERSION = 3

TEXT = "text"
"""Every searchable word, weighted by its impact."""
NAME = "name"
"""The words of the repository name."""
START = "start"
"""What the words of the name start with, one term for each length up to ``START_MAX``."""
KEYWORD = "kw"
"""``field:value`` for every keyword, and ``field``; field names hold no colon."""
FACET = "facet"
"""The values of facets, each behind what ``facet_prefix`` returns."""
ID = "id"

KEY = "key"
"""Column: the folded name, a line end, and the id."""
LINES = "lines"
"""Column: every searchable field as a line of words, for phrases; compressed. Making the words out
of the texts takes ten times as long as reading them."""
TEXTS = "texts"
"""Column: the searchable texts as JSON, for highlights; compressed."""
RESULT = "result"
"""Column: the stored result as JSON; compressed."""

NUMBERS = "numbers"
"""Column: what ranges ask for."""

PROMINENCE = "prominence"
"""Column: from 0 to ``PROMINENCE_MAX``."""
SCALARS = {
    Sort.CREATED: "created",
    Sort.PUSHED: "pushed",
    Sort.SIZE: "size",
    Sort.PULLS: "pulls",
}
"""Columns: a number of each document that hits can be sorted by."""
_SCALAR_FIELDS = (PROMINENCE, *SCALARS.values())
_BLOBS = (KEY, LINES, TEXTS, RESULT, NUMBERS)

START_MAX = 12
"""Longest stored beginning of a word, in characters."""

_INT64 = range(-(2**63), 2**63)
_COMPRESSION = 1

Term = tuple[bytes, float]


class Terms(fields.FieldType):  # type: ignore[misc]  # Whoosh carries no types
    """Exact terms with a weight each, given ready-made; no analysis, positions or lengths."""

    def __init__(self) -> None:
        super().__init__(formats.Existence(), None)

    def index(self, value: Iterable[Term], **_: object) -> list[tuple[bytes, int, float, bytes]]:
        """Return the postings of ``value`` as Whoosh wants them."""
        return [(term, 1, weight, b"") for term, weight in value]


def schema() -> fields.Schema:
    """Return the schema of both indexes of a generation.

    Results and texts are columns of bytes that we compress, not Whoosh's stored fields: those are
    pickled, and packed again in every merge, while a column is copied as it is and is read
    for the one document asked for.
    """
    scalars = {field: fields.COLUMN(columns.NumericColumn("q")) for field in _SCALAR_FIELDS}
    blobs = {field: fields.COLUMN(columns.VarBytesColumn()) for field in _BLOBS}
    terms = {field: Terms() for field in (TEXT, NAME, START, KEYWORD, FACET, ID)}
    return fields.Schema(**terms, **blobs, **scalars)


def codec() -> W3Codec:
    """Return what writes segments: Whoosh's own format without two costs that buy us nothing.

    Most posting lists are too short to compress, and asking for the length of a field, which no
    field here has, costs Whoosh a look at the disk for each posting.
    """
    made = W3Codec(compression=0)
    made.length_stats = False
    return made


def encode(document: Document) -> dict[str, object]:
    """Return the values of all fields of ``document``.

    :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
    """
    try:
        return _encode(document)
    except (TypeError, ValueError, RecursionError, struct.error) as error:
        message = f"document {document.key.id!r} cannot be indexed: {error}"
        raise EngineError(message) from error


def _encode(document: Document) -> dict[str, object]:
    lines = list(scored_lines(document))
    name_words = set(words(document.name))
    starts = {word[:n] for word in name_words for n in range(1, min(len(word), START_MAX) + 1)}
    keywords = {f"{field}:{value}" for field, value in document.keywords}
    keywords |= {field for field, _ in document.keywords}
    texts = [(text.field.value, text.text, text.key) for text in document.texts]
    return {
        TEXT: [(word.encode(), float(points)) for word, points in impacts(lines).items()],
        NAME: _unweighted(name_words),
        START: _unweighted(starts),
        KEYWORD: _unweighted(keywords),
        ID: _unweighted([document.key.id]),
        KEY: f"{fold(document.name)}\n{document.key.id}".encode(),
        FACET: _unweighted(facet_prefix(facet) + value for facet, value in document.facets),
        LINES: zlib.compress(_joined(lines), _COMPRESSION),
        TEXTS: _json(texts),
        RESULT: _json(dict(document.result)),
        NUMBERS: encode_numbers(document.numbers),
        PROMINENCE: _within(document.prominence, range(PROMINENCE_MAX + 1)),
        SCALARS[Sort.CREATED]: _within(document.created, _INT64),
        SCALARS[Sort.PUSHED]: _within(document.pushed, _INT64),
        SCALARS[Sort.SIZE]: _within(document.size_bytes, _INT64),
        SCALARS[Sort.PULLS]: _within(document.pulls, _INT64),
    }


def facet_prefix(facet: str) -> str:
    """Return what terms of a facet start with, and those of no other."""
    return f"{len(facet)}:{facet}"


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return zlib.compress(text.encode(), _COMPRESSION)


def _joined(lines: Sequence[Line]) -> bytes:
    """Return the lines with a space before and after every word, so that phrases end at words."""
    return "\n".join(f" {' '.join(line)} " for line, _ in lines if line).encode()


def _unweighted(texts: Iterable[str]) -> list[Term]:
    return [(text.encode(), 1.0) for text in texts]


def _within(number: int, allowed: range) -> int:
    if number not in allowed:
        raise ValueError(f"{number} is not from {allowed[0]} to {allowed[-1]}")
    return number
