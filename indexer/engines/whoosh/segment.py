"""One immutable segment of a Whoosh index: its posting lists, names, ids and results.

Everything is read without regard to deletions, so that it stays good as long as the segment lives,
and a search masks what is deleted at the end.
"""

import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import orjson

from indexer.engines.ranking import TEXT, Vocabulary, normalize
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.codec import Codec, Postings
from indexer.engines.whoosh.schema import COLUMNS, KEY, LINES, NUMBERS, RESULT, TEXTS
from indexer.model import TextRow

_Value = TypeVar("_Value")
_CODEC = Codec()


@dataclass(frozen=True, slots=True)
class Names:
    """All names of a segment in one string, so that one search of it finds every substring."""

    names: tuple[str, ...]
    documents: tuple["array[int]", ...]
    """The documents of each name."""
    by_document: "array[int]"
    """The place in ``names`` of each document's name."""
    joined: str
    offsets: "array[int]"
    """Where each name begins in ``joined``."""

    def containing(self, text: str) -> Iterator[int]:
        """Yield the places in ``names`` of those that contain ``text``."""
        # A line end separates names, so no text with one is inside a name.
        position = -1 if "\n" in text else self.joined.find(text)
        while position >= 0:
            place = bisect_right(self.offsets, position) - 1
            yield place
            following = self.offsets[place] + len(self.names[place]) + 1
            position = self.joined.find(text, following)


class Segment:
    """Reads one segment, the one that a table of contents has ``entry`` for."""

    def __init__(self, storage: Any, entry: Any, cache: SegmentCache) -> None:
        self.id: str = entry.segment_id()
        self.checksum: int = entry.checksum
        self.size: int = entry.doc_count_all()
        """How many documents there are, deleted ones included."""
        self._files = entry.open_compound_file(storage)
        self._rows = _CODEC.per_document_reader(self._files, entry)
        self.terms = _CODEC.terms_reader(self._files, entry)
        self._columns: dict[str, Any] = {}
        self._cache = cache

    def close(self) -> None:
        """Close the file; nothing of this segment may be read any more."""
        self._files.close()

    def bitmap(self, field: str, text: str) -> int:
        """Return the documents that have the term ``text`` in ``field``."""

        def make() -> int:
            # Words of the text are about to be scored, so both are read at once.
            found = self.postings(text) if field == TEXT else self._find(field, text)
            return bitmaps.from_documents(found.documents, size=self.size)

        return self.cached((field, text), make)

    def cached(
        self,
        key: Hashable,
        make: Callable[[], _Value],
        *,
        size_bytes: Callable[[_Value], int] = sys.getsizeof,
    ) -> _Value:
        """Return the value of ``key``, from ``make`` when it was not made lately."""
        return self._cache.get(self.id, key, make, size_bytes=size_bytes)

    def postings(self, word: str) -> Postings:
        """Return the postings of ``word`` in all searchable text."""
        return self.cached(
            ("postings", word),
            lambda: self._find(TEXT, word),
            size_bytes=_postings_bytes,
        )

    def vocabulary(self) -> Vocabulary:
        """Return the words of all searchable text."""
        return self.cached(
            "vocabulary",
            lambda: Vocabulary(self.terms.words(TEXT)),
            size_bytes=lambda made: made.size_bytes,
        )

    def scalars(self, field: str) -> "array[int]":
        """Return the number that each document has in a column of ``SORT_COLUMNS``."""
        return self.cached(("scalars", field), lambda: array("q", self.column(field)))

    def lines(self, document: int) -> str:
        """Return the searchable fields of a document, a line of words each."""
        return zlib.decompress(self.column(LINES)[document]).decode()

    def texts(self, document: int) -> list[TextRow]:
        """Return the searchable texts of a document as they were given."""
        rows: list[TextRow] = orjson.loads(zlib.decompress(self.column(TEXTS)[document]))
        return rows

    def result(self, document: int) -> dict[str, Any]:
        """Return the stored result of a document."""
        result: dict[str, Any] = orjson.loads(zlib.decompress(self.column(RESULT)[document]))
        return result

    @cached_property
    def names(self) -> Names:
        """The folded names of all documents."""
        return _names([name for name, _ in self._keys()])

    @cached_property
    def plain_names(self) -> Names:
        """The names without punctuation; its documents are places in ``names``."""
        return _names([normalize(name).plain for name in self.names.names])

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all documents, which are in the order of their ids."""
        return [document_id for _, document_id in self._keys()]

    @cached_property
    def places(self) -> dict[str, int]:
        """The document of each id."""
        return {document_id: document for document, document_id in enumerate(self.ids)}

    def _keys(self) -> Iterator[tuple[str, str]]:
        for key in self.column(KEY):
            name, _, document_id = key.decode().partition("\n")
            yield name, document_id

    def _find(self, field: str, term: str) -> Postings:
        found = self.terms.find(field, term)
        return Postings(array("I", found.documents), array("H", found.weights))

    def column(self, field: str) -> Any:
        """Return the bytes or number of every document in a column."""
        # Opening a column of bytes adds up the lengths of all its rows, so it is kept open.
        if field not in self._columns:
            self._columns[field] = self._rows.column_reader(field, COLUMNS[field])
        return self._columns[field]

    def numbers(self, name: str) -> tuple["array[int]", "array[int]"]:
        """Return the numbers of one name, ascending, and the document of each."""

        def make() -> tuple["array[int]", "array[int]"]:
            pairs = sorted(
                (number, document)
                for document, row in enumerate(self.column(NUMBERS))
                for number in orjson.loads(zlib.decompress(row)).get(name, ())
            )
            return array("q", (number for number, _ in pairs)), array("I", (n for _, n in pairs))

        return self.cached(
            ("numbers", name), make, size_bytes=lambda made: sum(map(sys.getsizeof, made))
        )


def _names(names: list[str]) -> Names:
    documents: dict[str, array[int]] = {}
    for document, name in enumerate(names):
        documents.setdefault(name, array("I")).append(document)
    places = {name: place for place, name in enumerate(documents)}
    offsets = array("I")
    position = 0
    for name in documents:
        offsets.append(position)
        position += len(name) + 1
    return Names(
        tuple(documents),
        tuple(documents.values()),
        array("I", map(places.__getitem__, names)),
        "\n".join(documents),
        offsets,
    )


def _postings_bytes(postings: Postings) -> int:
    return sys.getsizeof(postings.documents) + sys.getsizeof(postings.weights)
