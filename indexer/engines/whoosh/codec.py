"""Whoosh's own codec, with the postings of every term inside its dictionary of terms.

Whoosh writes blocks, pickles and lengths for each term, and passes on each posting by itself. An
image has hundreds of postings, and most terms are in one document, so that took two thirds of the
time of indexing. Whoosh can also keep postings *inlined*, in the entry of the term: they are read
with it, and written at once. Its own switch for that fails in 2.7.4, so the entries are made here.
Any reader of Whoosh reads them; those that search and merge take the postings alone out of them.
"""

import pickle
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import md5
from itertools import chain, groupby, islice, repeat
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


_Terms = Iterator[tuple[bytes, list[int]]]
"""Keys of terms in order, each with its postings, ascending.

A posting is one number: a document, and in its low bits the weight, which is 0 in fields without.
Tuples of both take five times the memory, and longer to sort.
"""
_WEIGHT_BITS = 16
_WEIGHTS = (1 << _WEIGHT_BITS) - 1
_MERGED_AT_ONCE = 256
"""Terms of each segment that are sorted together."""


class PostingPool:
    """The postings of a segment that is being written.

    Stands in for Whoosh's pool, which sorts single postings. New documents are kept; those of
    segments that are merged are read while they are written, so that they need no memory.
    """

    def __init__(self) -> None:
        self._added = [defaultdict[str, list[int]](list) for _ in _FIELDS]
        self._merged: list[_Terms] = []

    def add(self, document: int, row: Mapping[str, Any]) -> None:
        """Add the terms of a document; a mapping has their weights, which are not 0."""
        number = document << _WEIGHT_BITS
        for field, known in zip(_FIELDS, self._added, strict=True):
            terms = row[field]
            if isinstance(terms, dict):
                for term, weight in terms.items():
                    known[term].append(number | weight)
            else:
                for term in terms:
                    known[term].append(number)

    def merge(self, terms: "TermsReader", numbers: Sequence[int | None]) -> None:
        """Add a segment: the new numbers of its documents, None for those left out."""
        self._merged.append(_renumbered(terms, numbers))

    def iter_postings(self) -> _Terms:
        """Yield the key of each term with its postings, both in order."""
        return merge([self._new(), *self._merged]) if self._merged else self._new()

    def cleanup(self) -> None:
        """Do nothing: there are no files."""

    def _new(self) -> _Terms:
        for number, terms in enumerate(self._added):
            start = pack_ushort(number)
            for term in sorted(terms):
                yield start + term.encode(), terms[term]


def merge(sources: Iterable[_Terms]) -> _Terms:
    """Yield the terms of all sources in order, each once.

    Some terms of each source are sorted together, which finds what is in order already. Comparing
    one by one, as :func:`heapq.merge` does, takes three times as long.
    """
    by_key = itemgetter(0)
    read = [(source, list[tuple[bytes, list[int]]]()) for source in sources]
    while True:
        read = [(source, some or list(islice(source, _MERGED_AT_ONCE))) for source, some in read]
        read = [(source, some) for source, some in read if some]
        if not read:
            return
        # So far all sources are read.
        last = min(some[-1][0] for _, some in read)
        cuts = [bisect_right(some, last, key=by_key) for _, some in read]
        parts = zip(read, cuts, strict=True)
        together = sorted(chain.from_iterable(some[:cut] for (_, some), cut in parts), key=by_key)
        read = [(source, some[cut:]) for (source, some), cut in zip(read, cuts, strict=True)]
        for key, found in groupby(together, key=by_key):
            (_, postings), *others = found
            if others:
                postings = sorted(chain(postings, *(more for _, more in others)))
            if postings:
                yield key, postings


class TermIndex(OrderedHashWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Writes what Whoosh's own does, with a fifth of the memory and in a third of the time."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._position = file.tell()
        self._tables = [array("Q") for _ in range(_LOW_BITS + 1)]
        self._unwritten = bytearray()

    def add(self, key: bytes, value: bytes) -> None:
        """Write a term; terms come in order."""
        hashed = int.from_bytes(md5(key, usedforsecurity=False).digest()[-4:], "big")
        self._tables[hashed & _LOW_BITS].extend((hashed, self._position))
        self.index.append(self._position)
        entry = _LENGTHS.pack(len(key), len(value)) + key + value
        self._position += len(entry)
        self._unwritten += entry
        if len(self._unwritten) >= _BLOCK_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the hash tables."""
        self._flush()
        super().close()

    def _flush(self) -> None:
        self.dbfile.write(self._unwritten)
        self._unwritten.clear()

    def _write_hashes(self) -> None:
        for table in self._tables:
            # A hash and a position for each entry, and two slots.
            slots = len(table)
            self.directory.append((self.dbfile.tell(), slots))
            packed, is_taken = bytearray(slots * _POINTER.size), bytearray(slots)
            for hashed, position in zip(table[::2], table[1::2], strict=True):
                slot = (hashed >> 8) % slots
                while is_taken[slot]:
                    slot = (slot + 1) % slots
                is_taken[slot] = True
                _POINTER.pack_into(packed, slot * _POINTER.size, hashed, position)
            self.dbfile.write(packed)


class FieldWriter(W3FieldWriter):  # type: ignore[misc]
    """Writes the terms of a segment with their postings inlined."""

    def __init__(self, storage: Any, segment: Any) -> None:
        self._tindex = TermIndex(segment.create_file(storage, W3Codec.TERMS_EXT))
        self._postfile = segment.create_file(storage, W3Codec.POSTS_EXT)
        self.is_closed = False

    def add_postings(self, schema: Any, lengths: Any, items: _Terms) -> None:
        """Write what a pool holds; no field has lengths."""
        self._tindex.extras["fieldmap"] = {field: n for n, field in enumerate(_FIELDS)}
        # Most terms are in one document, and have no weight.
        alone: dict[int, bytes] = {}
        for key, postings in items:
            if len(postings) == 1 and not postings[0] & _WEIGHTS:
                entry = alone.get(postings[0])
                if entry is None:
                    entry = alone[postings[0]] = _entry(postings)
            else:
                entry = _entry(postings)
            self._tindex.add(key, entry)


class TermsReader(W3TermsReader):  # type: ignore[misc]
    """Reads the terms of a segment with their postings."""

    def __iter__(self) -> Iterator[tuple[bytes, Postings]]:
        """Yield the key of each term with its postings, in order."""
        file, start, end = self._tindex.dbfile, self._tindex.startofdata, self._tindex.endofdata
        size = _BLOCK_BYTES
        while start < end:
            # Whoosh reads in three steps for each.
            block = file.get(start, min(size, end - start))
            read = 0
            for ended, key, entry in _entries(block):
                read = ended
                yield key, _postings(entry)
            if not read and size >= end - start:
                raise ValueError("the terms are cut short")
            # An entry that is longer than a block is read in a larger one.
            start, size = start + read, _BLOCK_BYTES if read else 2 * size

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
_POINTER = Struct("!Iq")
_LOW_BITS = 255
"""The bits of a hash that choose its table."""
_IS_INLINED = 1
_BLOCK_BYTES = 1 << 16
"""What is read or written at once."""


def _entry(postings: Sequence[int]) -> bytes:
    """Return what ``W3TermInfo.to_bytes`` does, in a third of the time."""
    size = len(postings)
    documents = tuple([posting >> _WEIGHT_BITS for posting in postings])
    weights = tuple([posting & _WEIGHTS for posting in postings])
    head: bytes = _HEAD.pack(_IS_INLINED, size, size, 0, 0, 1, documents[0], documents[-1])
    return head + pickle.dumps((documents, weights if any(weights) else (), ()), 2)


def _entries(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the whole entries in a block: where each ends, its key and what it holds."""
    start, end = 0, len(block)
    while start + _LENGTHS.size <= end:
        key_size, size = _LENGTHS.unpack_from(block, start)
        key_start = start + _LENGTHS.size
        entry_start = key_start + key_size
        start = entry_start + size
        if min(key_size, size) < 0:
            raise ValueError("the terms have wrong bytes")
        if start > end:
            return
        yield start, block[key_start:entry_start], block[entry_start:start]


def _postings(entry: bytes) -> Postings:
    documents, weights, _ = pickle.loads(entry[_HEAD.size :])  # noqa: S301 - as Whoosh does
    return Postings(documents, weights)


def _renumbered(terms: TermsReader, numbers: Sequence[int | None]) -> _Terms:
    places = [None if number is None else number << _WEIGHT_BITS for number in numbers]
    for key, (documents, weights) in terms:
        yield (
            key,
            [
                place | weight
                for document, weight in zip(documents, weights or repeat(0), strict=False)
                if (place := places[document]) is not None
            ],
        )
