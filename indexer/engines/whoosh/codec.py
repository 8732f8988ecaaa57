"""Whoosh's own codec, with the postings of every term inside its dictionary of terms.

Whoosh writes blocks, pickles and lengths for each term, and passes on each posting by itself. An
image has hundreds of postings, and most terms are in one document, so that took two thirds of the
time of indexing. Whoosh can also keep postings *inlined*, in the entry of the term: they are read
with it, and written at once. Its own switch for that fails in 2.7.4, so the entries are made here.
Any reader of Whoosh reads them; those that search and merge take the postings alone out of them.
"""

import pickle
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import chain, groupby, repeat
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from whoosh.codec.whoosh3 import W3Codec, W3FieldWriter, W3TermInfo, W3TermsReader
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.system import pack_ushort

from indexer.engines.whoosh.schema import SCHEMA

_FIELDS = [name for name, field in SCHEMA.items() if field.indexed]
"""A term's key is the place of its field here, and its text. It is the same in all segments."""


class Postings(NamedTuple):
    """The documents that have a term, ascending, and its weight in each, or no weights."""

    documents: Sequence[int]
    weights: Sequence[int]


_Pair = tuple[int, int]
"""A document, and the weight of a term in it; 0 in fields without weights."""
_Terms = Iterator[tuple[bytes, list[_Pair]]]
"""Keys of terms in order, each with its pairs."""


class PostingPool:
    """The postings of a segment that is being written: by term, pairs of a document and a weight.

    Stands in for Whoosh's pool, which sorts single postings. New documents are kept; those of
    segments that are merged are read while they are written, so that they need no memory.
    """

    def __init__(self) -> None:
        self._added = [defaultdict[str, list[_Pair]](list) for _ in _FIELDS]
        self._merged: list[_Terms] = []

    def add(self, document: int, row: Mapping[str, Any]) -> None:
        """Add the terms of a document; a mapping has their weights, which are not 0."""
        for field, known in zip(_FIELDS, self._added, strict=True):
            terms = row[field]
            weights = terms if isinstance(terms, Mapping) else dict.fromkeys(terms, 0)
            for term, weight in weights.items():
                known[term].append((document, weight))

    def merge(self, terms: "TermsReader", numbers: Sequence[int | None]) -> None:
        """Add a segment: the new numbers of its documents, None for those left out."""
        self._merged.append(_renumbered(terms, numbers))

    def iter_postings(self) -> _Terms:
        """Yield the key of each term with its pairs, both in order."""
        by_key = itemgetter(0)
        for key, found in groupby(merge(self._new(), *self._merged, key=by_key), key=by_key):
            if pairs := sorted(chain.from_iterable(some for _, some in found)):
                yield key, pairs

    def cleanup(self) -> None:
        """Do nothing: there are no files."""

    def _new(self) -> _Terms:
        for number, terms in enumerate(self._added):
            for term in sorted(terms):
                yield pack_ushort(number) + term.encode(), terms[term]


class _TermIndex(OrderedHashWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Writes what Whoosh's own does, with a fifth of the memory and in half of the time."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._position = file.tell()
        self._tables = [array("Q") for _ in range(_LOW_BITS + 1)]

    def add(self, key: bytes, value: bytes) -> None:
        """Write a term; terms come in order."""
        hashed = self.hashfn(key)
        self._tables[hashed & _LOW_BITS].extend((hashed, self._position))
        self.index.append(self._position)
        entry = _LENGTHS.pack(len(key), len(value)) + key + value
        self.dbfile.write(entry)
        self._position += len(entry)

    def close(self) -> None:
        """Write the hash tables, and make one after the other for that."""
        self.buckets = (list(zip(table[::2], table[1::2], strict=True)) for table in self._tables)
        super().close()


class FieldWriter(W3FieldWriter):  # type: ignore[misc]
    """Writes the terms of a segment with their postings inlined."""

    def __init__(self, storage: Any, segment: Any) -> None:
        self._tindex = _TermIndex(segment.create_file(storage, W3Codec.TERMS_EXT))
        self._postfile = segment.create_file(storage, W3Codec.POSTS_EXT)
        self.is_closed = False

    def add_postings(self, schema: Any, lengths: Any, items: _Terms) -> None:
        """Write what a pool holds; no field has lengths."""
        self._tindex.extras["fieldmap"] = {field: n for n, field in enumerate(_FIELDS)}
        for key, pairs in items:
            documents, weights = zip(*pairs, strict=True)
            self._tindex.add(key, _entry(documents, weights if any(weights) else ()))


class TermsReader(W3TermsReader):  # type: ignore[misc]
    """Reads the terms of a segment with their postings."""

    def __iter__(self) -> Iterator[tuple[bytes, Postings]]:
        """Yield the key of each term with its postings, in order."""
        for key, entry in self._tindex.items():
            yield key, _postings(entry)

    def find(self, field: str, term: str) -> Postings:
        """Return the postings of a term, empty when no document has it."""
        entry = self._tindex.get(self._keycoder(field, term.encode()))
        return Postings((), ()) if entry is None else _postings(entry)

    def starting(self, field: str, prefix: str) -> Iterator[tuple[str, Callable[[], Postings]]]:
        """Yield the terms of a field that start with ``prefix``, and what reads their postings."""
        start = self._keycoder(field, prefix.encode())
        for key, entry in self._tindex.items_from(start):
            if not key.startswith(start):
                return
            yield self._keydecoder(key)[1].decode(), partial(_postings, entry)


class Codec(W3Codec):  # type: ignore[misc]
    """Whoosh's codec, but for terms."""

    length_stats = False

    def field_writer(self, storage: Any, segment: Any) -> FieldWriter:
        """Return what writes the terms of a segment."""
        return FieldWriter(storage, segment)

    def terms_reader(self, storage: Any, segment: Any) -> TermsReader:
        """Return what reads the terms of a segment."""
        name = segment.make_filename(self.TERMS_EXT)
        posts = segment.open_file(storage, self.POSTS_EXT)
        return TermsReader(self, storage.open_file(name), storage.file_length(name), posts)


_HEAD = W3TermInfo._struct  # noqa: SLF001 - how entries are laid out
_LENGTHS = Struct("!ii")
_LOW_BITS = 255
"""The bits of a hash that choose its table."""
_IS_INLINED = 1


def _entry(documents: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return what ``W3TermInfo.to_bytes`` does, in a third of the time."""
    size = len(documents)
    head: bytes = _HEAD.pack(_IS_INLINED, size, size, 0, 0, 1, documents[0], documents[-1])
    return head + pickle.dumps((documents, weights, ()), 2)


def _postings(entry: bytes) -> Postings:
    documents, weights, _ = pickle.loads(entry[_HEAD.size :])  # noqa: S301 - as Whoosh does
    return Postings(documents, weights)


def _renumbered(terms: TermsReader, numbers: Sequence[int | None]) -> _Terms:
    for key, (documents, weights) in terms:
        yield (
            key,
            [
                (number, weight)
                for document, weight in zip(documents, weights or repeat(0), strict=False)
                if (number := numbers[document]) is not None
            ],
        )
