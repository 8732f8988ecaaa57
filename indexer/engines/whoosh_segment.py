"""One immutable segment of a Whoosh index: its posting lists, names, ids and results.

Whoosh's own readers leave out deleted documents posting by posting. Here everything is read
without regard to deletions, so that it stays good as long as the segment lives, and a search masks
what is deleted at the end.
"""

import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar, cast

import orjson
from whoosh.reading import SegmentReader, TermNotFound

from indexer.engines import whoosh_bitmap as bitmaps
from indexer.engines.naming import spelt
from indexer.engines.patterns import Pattern
from indexer.engines.whoosh_cache import SegmentCache
from indexer.engines.whoosh_numbers import all_numbers
from indexer.engines.whoosh_numbers import size_bytes as numbers_bytes
from indexer.engines.whoosh_schema import KEY, LINES, NUMBERS, RESULT, TEXT, TEXTS
from indexer.engines.whoosh_vocabulary import Vocabulary, vocabulary
from indexer.model.document import TextRow

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Postings:
    """The documents that have a word, ascending, and the impact of the word on each, in points."""

    documents: "array[int]"
    impacts: "array[int]"


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


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a segment in order; a document's place in that order is its rank."""

    ordered: list[str]
    documents: "array[int]"
    """The document of each rank."""
    ranks: "array[int]"
    """The rank of each document."""


class Segment:
    """Reads one segment; owns the files of ``reader`` and closes them."""

    def __init__(self, reader: SegmentReader, cache: SegmentCache) -> None:
        segment = reader.segment()
        self.id: str = segment.segment_id()
        self.size: int = segment.doc_count_all()
        """How many documents there are, deleted ones included."""
        self._reader = reader
        self._formats = {field: spec.format for field, spec in reader.schema.items()}
        self._terms = reader.codec().terms_reader(reader.storage(), segment)
        self._cache = cache
        self._columns: dict[str, Any] = {}

    def close(self) -> None:
        """Close the files; nothing of this segment may be read any more."""
        self._terms.close()
        self._reader.close()

    def bitmap(self, field: str, text: str) -> int:
        """Return the documents that have the term ``text`` in ``field``."""

        def make() -> int:
            # Words of the text are about to be scored, so both are read at once.
            documents: Iterable[int]
            if field == TEXT:
                documents = self.postings(text).documents
            else:
                documents = self.documents(field, text.encode())
            return bitmaps.from_documents(documents, size=self.size)

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
            ("postings", word), lambda: self._postings(word), size_bytes=_postings_bytes
        )

    def vocabulary(self) -> Vocabulary:
        """Return the words of all searchable text."""
        return self.cached(
            "vocabulary",
            lambda: vocabulary(term.decode() for term in self.expand(TEXT, "")),
            size_bytes=lambda made: made.size_bytes,
        )

    def within(self, name: str, low: int | None, high: int | None) -> int:
        """Return the documents with a number of that name from ``low`` to ``high``."""

        def make() -> int:
            numbers = self.cached(
                "numbers", lambda: all_numbers(self._column(NUMBERS)), size_bytes=numbers_bytes
            )
            return bitmaps.from_documents(numbers[name].within(low, high), size=self.size)

        return self.cached(("within", name, low, high), make)

    def scalars(self, field: str) -> "array[int]":
        """Return the number that each document has in a column of ``SCALARS``, or prominence."""
        return self.cached(("scalars", field), lambda: array("q", self._column(field)))

    def expand(self, field: str, prefix: str) -> Iterator[bytes]:
        """Yield the terms of ``field`` that start with ``prefix``, in order."""
        wanted = prefix.encode()
        for found_field, term in self._terms.terms_from(field, wanted):
            if found_field != field or not term.startswith(wanted):
                return
            yield cast(bytes, term)

    def postings_from(self, field: str, prefix: str) -> Iterator[tuple[bytes, Iterable[int]]]:
        """Yield the terms that ``expand`` does, each with the documents that have it."""
        wanted = prefix.encode()
        for (found_field, term), about in self._terms.items_from(field, wanted):
            if found_field != field or not term.startswith(wanted):
                return
            # What is known of a term tells its only document, which spares reading a list.
            is_alone = about.min_id() == about.max_id()
            yield term, [about.min_id()] if is_alone else self.documents(field, term)

    def having_any(self, field: str, terms: Iterable[bytes]) -> int:
        """Return the documents that have at least one of ``terms`` in ``field``."""
        documents = chain.from_iterable(self.documents(field, term) for term in terms)
        return bitmaps.from_documents(documents, size=self.size)

    def documents(self, field: str, term: bytes) -> Iterator[int]:
        """Return the documents that have ``term`` in ``field``, ascending."""
        matcher = self._matcher(field, term)
        return iter(()) if matcher is None else cast(Iterator[int], matcher.all_ids())

    def named(self, part: str) -> int:
        """Return the documents whose name contains ``part``."""
        names = self.names
        found = chain.from_iterable(names.documents[place] for place in names.containing(part))
        return bitmaps.from_documents(found, size=self.size)

    def named_like(self, pattern: Pattern) -> int:
        """Return the documents whose name, or whose name's last component, fits ``pattern``."""
        names = self.names
        fitting = [
            documents
            for name, documents in zip(names.names, names.documents, strict=True)
            if pattern.fits(name) or pattern.fits(name.rpartition("/")[2])
        ]
        return bitmaps.from_documents(chain.from_iterable(fitting), size=self.size)

    def lines(self, document: int) -> str:
        """Return the searchable fields of a document, a line of words each."""
        return zlib.decompress(self._column(LINES)[document]).decode()

    def texts(self, document: int) -> list[TextRow]:
        """Return the searchable texts of a document as they were given."""
        rows: list[TextRow] = orjson.loads(zlib.decompress(self._column(TEXTS)[document]))
        return rows

    def result(self, document: int) -> dict[str, Any]:
        """Return the stored result of a document."""
        result: dict[str, Any] = orjson.loads(zlib.decompress(self._column(RESULT)[document]))
        return result

    @cached_property
    def names(self) -> Names:
        """The folded names of all documents."""
        return _names([name for name, _ in self._keys()])

    @cached_property
    def plain_names(self) -> Names:
        """The names without punctuation; its documents are places in ``names``."""
        return _names([spelt(name).plain for name in self.names.names])

    @cached_property
    def ids(self) -> Ids:
        """The ids of all documents."""
        ids = [document_id for _, document_id in self._keys()]
        documents = array("I", sorted(range(len(ids)), key=ids.__getitem__))
        ranks = array("I", bytes(4 * len(ids)))
        for rank, document in enumerate(documents):
            ranks[document] = rank
        return Ids([ids[document] for document in documents], documents, ranks)

    @cached_property
    def places(self) -> dict[str, int]:
        """The document of each id; a writer needs no more than this."""
        return {document_id: n for n, (_, document_id) in enumerate(self._keys())}

    def _keys(self) -> Iterator[tuple[str, str]]:
        for key in self._column(KEY):
            name, _, document_id = key.decode().partition("\n")
            yield name, document_id

    def _column(self, field: str) -> Any:
        # Opening a column of bytes adds up the lengths of all its rows, so it is kept open.
        if field not in self._columns:
            self._columns[field] = self._reader.column_reader(field, translate=False)
        return self._columns[field]

    def _matcher(self, field: str, term: bytes) -> Any:
        try:
            return self._terms.matcher(field, term, self._formats[field])
        except TermNotFound:
            return None

    def _postings(self, word: str) -> Postings:
        postings = Postings(array("I"), array("H"))
        matcher = self._matcher(TEXT, word.encode())
        while matcher is not None and matcher.is_active():
            postings.documents.append(matcher.id())
            postings.impacts.append(int(matcher.weight()))
            matcher.next()
        return postings


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
    return sys.getsizeof(postings.documents) + sys.getsizeof(postings.impacts)
