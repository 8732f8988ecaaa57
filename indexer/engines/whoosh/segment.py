"""One immutable segment of a Whoosh index: what its documents are, and which ones match a query.

Everything is read without regard to deletions, so that it stays good as long as the segment lives,
and a search masks what is deleted at the end.
"""

import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from functools import cached_property, partial, reduce
from itertools import accumulate, chain, islice, takewhile
from operator import and_, or_
from typing import Any, TypeVar

import orjson
from typing_extensions import override

from indexer.engines.ranking import (
    ENDS,
    NAME_WORD,
    NAMED,
    TEXT,
    Matcher,
    Vocabulary,
    end_terms,
    few,
    part_text,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.codec import Codec, Postings, TermsReader
from indexer.engines.whoosh.schema import COLUMNS, KEY, LINES, NUMBERS, START, START_MAX
from indexer.model import Fuzzy, Rights, Wildcard, document_place

EXPANDED_WORDS_MAX = 1000
"""The most words that a prefix means, the first in order. Beginnings of words of names have no
limit."""
_Value = TypeVar("_Value")
_CODEC = Codec()


class Names:
    """The names of documents: the different ones in one text, and their terms of ``ENDS``.

    Few names have many documents, so that these are kept in memory and not in the dictionary.
    """

    def __init__(self, names: list[str]) -> None:
        self.by_document = names
        documents = defaultdict[str, "array[int]"](lambda: array("I"))
        for document, name in enumerate(names):
            documents[name].append(document)
        self._documents = list(documents.values())
        self._joined = "\n".join(documents)
        self._starts = array("I", accumulate((len(name) + 1 for name in documents), initial=0))
        pairs = sorted((term, n) for n, name in enumerate(documents) for term in end_terms(name))
        # Lists take a third of the memory of a dictionary here.
        self._terms = [term for term, _ in pairs]
        self._places = array("I", (place for _, place in pairs))

    def __contains__(self, term: str) -> bool:
        place = bisect_left(self._terms, term)
        return self._terms[place : place + 1] == [term]

    def containing(self, text: str) -> "Iterator[array[int]]":
        """Yield the documents of each name that contains ``text``."""
        # A line end separates names, so no text with one is inside a name.
        position = -1 if "\n" in text else self._joined.find(text)
        while position >= 0:
            following = bisect_right(self._starts, position)
            yield self._documents[following - 1]
            position = self._joined.find(text, self._starts[following])

    def find(self, _field: str, term: str) -> Postings:
        """Return the documents of a term."""
        start, end = bisect_left(self._terms, term), bisect_right(self._terms, term)
        places = self._places[start:end]
        return Postings([n for place in places for n in self._documents[place]], ())

    def starting(self, field: str, prefix: str) -> Iterator[tuple[str, Callable[[], Postings]]]:
        """Yield the terms that start with ``prefix``, and what reads their documents."""
        following = islice(self._terms, bisect_left(self._terms, prefix), None)
        for term in dict.fromkeys(takewhile(lambda found: found.startswith(prefix), following)):
            yield term, partial(self.find, field, term)


class Segment(Matcher[int]):
    """Reads one segment, the one that a table of contents has ``entry`` for.

    Sets of documents are bitmaps.
    """

    def __init__(
        self, storage: Any, entry: Any, cache: SegmentCache, check: Callable[[], None]
    ) -> None:
        self.check = check
        self.id: str = entry.segment_id()
        self.checksum: int = entry.checksum
        self.size: int = entry.doc_count_all()
        """How many documents there are, deleted ones included."""
        self.everything: int = (1 << self.size) - 1
        self.alive: int = self.everything
        """The documents that are there in the commit that was opened last."""
        self._files = entry.open_compound_file(storage)
        self._rows = _CODEC.per_document_reader(self._files, entry)
        self.terms = _CODEC.terms_reader(self._files, entry)
        self._columns: dict[str, Any] = {}
        self._cache = cache

    def close(self) -> None:
        """Close the file; nothing of this segment may be read any more."""
        self._files.close()
        self._cache.forget(self.id)

    @override
    def all_of(self, parts: Iterable[int]) -> int:
        return reduce(and_, parts, self.everything)

    @override
    def any_of(self, parts: Iterable[int]) -> int:
        return reduce(or_, parts, 0)

    @override
    def at_least(self, count: int, parts: Iterable[tuple[int, int]]) -> int:
        # In ``found[n]`` are the documents in parts so far that weigh at least n.
        found = [self.everything, *[0] * count]
        for part, weight in parts:
            for n in range(count, 0, -1):
                found[n] |= found[max(0, n - weight)] & part
        return found[count]

    @override
    def without(self, part: int) -> int:
        return self.everything & ~part

    @override
    def starting(self, field: str, prefix: str) -> int:
        begun_word = prefix.removeprefix(f"{NAME_WORD}:")
        if field == NAMED and len(begun_word) <= START_MAX:
            return self.term(START, begun_word)

        def find() -> Iterable[Iterable[int]]:
            terms = self.terms_of(field).starting(field, prefix)
            found = (read().documents for _, read in terms)
            if field == TEXT:
                return islice(found, EXPANDED_WORDS_MAX)
            return found if field in (NAMED, ENDS) else few(found, f"{prefix}*")

        begun = self._kept(("starting", field, prefix), find)
        # The limit of words is not one of names.
        return begun | self.starting(NAMED, f"{NAME_WORD}:{prefix}") if field == TEXT else begun

    @override
    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> int:
        def find() -> Iterable[Iterable[int]]:
            found = few(self.vocabulary(field, start).like(part), part_text(part))
            terms = self.terms_of(field)
            return (terms.find(field, start + word).documents for word in found)

        return self._kept(("spelled", part, field, start), find)

    @override
    def phrase(self, found: Sequence[str]) -> int:
        sought = f" {' '.join(found)} ".encode()

        def find() -> Iterable[Iterable[int]]:
            candidates = bitmaps.documents(self.having(found))
            return [[n for n in candidates if sought in self.unpacked(LINES, n)]]

        return self._kept(("phrase", found), find)

    @override
    def inside_name(self, text: str) -> int:
        return self._kept(("named", text), lambda: self.names.containing(text))

    @override
    def within(self, name: str, low: int | None, high: int | None) -> int:
        def find() -> Iterable[Iterable[int]]:
            values, documents = self.numbers(name)
            start = 0 if low is None else bisect_left(values, low)
            end = len(values) if high is None else bisect_right(values, high)
            return [documents[start:end]]

        return self._kept(("within", name, low, high), find)

    @override
    def visible(self, rights: Rights) -> int:
        def find() -> Iterable[Iterable[int]]:
            found = self.repositories.items()
            return (documents for place, documents in found if rights.sees(*place))

        return self._kept(("visible", rights.key), find)

    @override
    def of_any(self, repositories: Collection[tuple[str, str]]) -> int:
        found = (self.repositories.get(place, ()) for place in repositories)
        return bitmaps.from_documents(chain.from_iterable(found), size=self.size)

    def places_of(self, matched: int) -> Iterator[tuple[str, str]]:
        """Yield the registry and name of each repository of what matches."""
        while matched:
            first = (matched & -matched).bit_length() - 1
            place = document_place(self.ids[first])
            yield place
            matched &= ~self._of(place)

    def _of(self, place: tuple[str, str]) -> int:
        return self._kept(("of", place), lambda: [self.repositories[place]])

    @override
    def count(self, matched: int) -> int:
        return (matched & self.alive).bit_count()

    def cached(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return the value of ``key``, from ``make`` when it was not made lately."""
        return self._cache.get(self.id, key, make)

    @override
    def term(self, field: str, text: str) -> int:
        if field == ENDS and text not in self.names:
            return 0

        def make() -> int:
            # Words of the text are about to be scored, so both are read at once.
            found = self.postings(text) if field == TEXT else self.terms_of(field).find(field, text)
            return bitmaps.from_documents(found.documents, size=self.size)

        return self.cached((field, text), make)

    def terms_of(self, field: str) -> Names | TermsReader:
        """Return what finds the terms of a field."""
        return self.names if field == ENDS else self.terms

    def postings(self, word: str) -> Postings:
        """Return the postings of ``word`` in all searchable text."""

        def make() -> Postings:
            found = self.terms.find(TEXT, word)
            return Postings(array("I", found.documents), array("H", found.weights))

        return self.cached(("postings", word), make)

    @override
    def vocabulary(self, field: str, start: str = "") -> Vocabulary:

        def make() -> Vocabulary:
            return Vocabulary(
                term[len(start) :] for term, _ in self.terms_of(field).starting(field, start)
            )

        return self.cached(("vocabulary", field, start), make)

    def scalars(self, field: str) -> "array[int]":
        """Return the number that each document has in a column of ``SORT_COLUMNS``."""
        return self.cached(("scalars", field), lambda: array("q", self.column(field)))

    def unpacked(self, field: str, document: int) -> bytes:
        """Return what is packed in a column of bytes for a document."""
        # Thousands of documents may be read for one part of a query.
        self.check()
        return zlib.decompress(self.column(field)[document])

    @cached_property
    def names(self) -> Names:
        """The folded names of all documents."""
        return Names([sys.intern(name) for name, _ in self._keys()])

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all documents, which are in the order of their ids."""
        return [document_id for _, document_id in self._keys()]

    @cached_property
    def repositories(self) -> "dict[tuple[str, str], array[int]]":
        """The documents of each registry and repository, by their exact names."""
        found = defaultdict[tuple[str, str], "array[int]"](lambda: array("I"))
        for document, document_id in enumerate(self.ids):
            found[document_place(document_id)].append(document)
        return found

    @cached_property
    def places(self) -> dict[str, int]:
        """The document of each id."""
        return {document_id: document for document, document_id in enumerate(self.ids)}

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
                for document in range(self.size)
                for number in orjson.loads(self.unpacked(NUMBERS, document)).get(name, ())
            )
            return array("q", (number for number, _ in pairs)), array("I", (n for _, n in pairs))

        return self.cached(("numbers", name), make)

    def _keys(self) -> Iterator[tuple[str, str]]:
        for key in self.column(KEY):
            name, _, document_id = key.decode().partition("\n")
            yield name, document_id

    def _kept(self, key: Hashable, find: Callable[[], Iterable[Iterable[int]]]) -> int:
        """Return all documents that ``find`` lists; they are kept for later searches."""
        return self.cached(
            key, lambda: bitmaps.from_documents(chain.from_iterable(find()), size=self.size)
        )
