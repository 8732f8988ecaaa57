"""Whoosh's own codec, with the postings of every term inside its dictionary of terms.

Whoosh writes blocks, pickles and lengths for each term, and passes on each posting by itself. An
image has hundreds of postings, and most terms are in one document, so that took two thirds of the
time of indexing. Whoosh can also keep postings *inlined*, in the entry of the term: they are read
with it, and written at once. Its own switch for that fails in 2.7.4, so the entries are made here.
Any reader of Whoosh reads them; those that search and merge take the postings alone out of them.
"""

import pickle
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from whoosh.codec.whoosh3 import W3Codec, W3FieldWriter, W3TermInfo, W3TermsReader
from whoosh.fields import Schema
from whoosh.system import pack_ushort


class Postings(NamedTuple):
    """The documents that have a term, ascending, and its weight in each, or no weights."""

    documents: Sequence[int]
    weights: Sequence[int]


class PostingPool:
    """The postings of a segment that is being written, by field and term.

    Stands in for Whoosh's pool, which sorts single postings. Of a term there is one list: of
    documents, each with its weight behind it if the field has weights.
    """

    def __init__(self, schema: Schema) -> None:
        self._fields: dict[str, defaultdict[str, list[int]]] = {
            name: defaultdict(list) for name, field in schema.items() if field.indexed
        }

    def add(self, field: str, document: int, terms: Collection[str]) -> None:
        """Add the terms of a document; a mapping has their weights."""
        known = self._fields[field]
        if isinstance(terms, Mapping):
            for term, weight in terms.items():
                known[term] += (document, weight)
        else:
            for term in terms:
                known[term].append(document)

    def extend(self, field: str, term: str, postings: Postings) -> None:
        """Add the postings of a term in documents that follow."""
        documents, weights = postings
        both = chain.from_iterable(zip(documents, weights, strict=True)) if weights else documents
        self._fields[field][term] += both

    def iter_postings(self) -> Iterator[tuple[str, Mapping[str, list[int]]]]:
        """Yield the terms of each field, in the order of the fields."""
        yield from sorted(self._fields.items())

    def cleanup(self) -> None:
        """Do nothing: there are no files."""


class FieldWriter(W3FieldWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Writes the terms of a segment with their postings inlined."""

    def add_postings(
        self, schema: Schema, lengths: Any, items: Iterable[tuple[str, Mapping[str, list[int]]]]
    ) -> None:
        """Write what a pool holds; no field has lengths."""
        for field, terms in items:
            self.start_field(field, schema[field])
            start, step = pack_ushort(self._fieldid), 1 + schema[field].has_weights
            for term in sorted(terms):
                found = terms[term]
                weights = found[1::2] if step > 1 else ()
                self._tindex.add(start + term.encode(), _entry(found[::step], weights))
            self.finish_field()


class TermsReader(W3TermsReader):  # type: ignore[misc]
    """Reads the terms of a segment with their postings."""

    def find(self, field: str, term: str) -> Postings:
        """Return the postings of a term, empty when no document has it."""
        entry = self._tindex.get(self._keycoder(field, term.encode()))
        return Postings((), ()) if entry is None else _postings(entry)

    def starting(self, field: str, prefix: str = "") -> Iterator[tuple[str, Postings]]:
        """Yield the terms of a field that start with ``prefix``, in order."""
        start = self._keycoder(field, prefix.encode())
        for key, entry in self._tindex.items_from(start):
            if not key.startswith(start):
                return
            yield self._keydecoder(key)[1].decode(), _postings(entry)


class Codec(W3Codec):  # type: ignore[misc]
    """Whoosh's codec, but for terms."""

    length_stats = False

    def field_writer(self, storage: Any, segment: Any) -> FieldWriter:
        """Return what writes the terms of a segment."""
        return FieldWriter(self, storage, segment)

    def terms_reader(self, storage: Any, segment: Any) -> TermsReader:
        """Return what reads the terms of a segment."""
        name = segment.make_filename(self.TERMS_EXT)
        posts = segment.open_file(storage, self.POSTS_EXT)
        return TermsReader(self, storage.open_file(name), storage.file_length(name), posts)


_HEAD = W3TermInfo._struct  # noqa: SLF001 - how entries are laid out
_IS_INLINED = 1


def _entry(documents: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return what ``W3TermInfo.to_bytes`` does, in a third of the time."""
    size = len(documents)
    head: bytes = _HEAD.pack(_IS_INLINED, size, size, 0, 0, 1, documents[0], documents[-1])
    return head + pickle.dumps((tuple(documents), tuple(weights), ()), 2)


def _postings(entry: bytes) -> Postings:
    documents, weights, _ = pickle.loads(entry[_HEAD.size :])  # noqa: S301 - as Whoosh does
    return Postings(documents, weights)
