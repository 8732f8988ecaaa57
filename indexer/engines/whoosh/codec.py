"""Whoosh's own codec, with the postings of every term inside its dictionary of terms.

Whoosh writes blocks, pickles and lengths for each term, and passes on each posting by itself. An
image has hundreds of postings, and most terms are in one document, so that took two thirds of the
time of indexing. Whoosh can also keep postings *inlined*, in the entry of the term: they are read
with it, and written at once. Its own switch for that fails in 2.7.4, so the entries are made here.
Any reader of Whoosh reads them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from whoosh.codec.whoosh3 import W3Codec, W3FieldWriter, W3TermInfo
from whoosh.fields import Schema
from whoosh.system import pack_ushort


class Postings(NamedTuple):
    """The documents that have a term, ascending, and its weight in each, or no weights."""

    documents: Sequence[int]
    weights: Sequence[int]


class PostingPool:
    """The postings of a segment that is being written, by field and term.

    Stands in for Whoosh's pool, which sorts single postings.
    """

    def __init__(self) -> None:
        self._fields: defaultdict[str, dict[str, tuple[list[int], list[int]]]] = defaultdict(dict)

    def add(self, field: str, document: int, terms: Collection[str]) -> None:
        """Add the terms of a document; a mapping has their weights."""
        known = self._fields[field]
        for term in terms:
            if term in known:
                known[term][0].append(document)
            else:
                known[term] = ([document], [])
        if isinstance(terms, Mapping):
            for term, weight in terms.items():
                known[term][1].append(weight)

    def extend(self, field: str, term: str, postings: Postings) -> None:
        """Add the postings of a term in documents that follow."""
        documents, weights = self._fields[field].setdefault(term, ([], []))
        documents += postings.documents
        weights += postings.weights

    def iter_postings(self) -> Iterator[tuple[str, Mapping[str, tuple[list[int], list[int]]]]]:
        """Yield the terms of each field, in the order of the fields."""
        yield from sorted(self._fields.items())

    def cleanup(self) -> None:
        """Do nothing: there are no files."""


class FieldWriter(W3FieldWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Writes the terms of a segment with their postings inlined."""

    def add_postings(
        self,
        schema: Schema,
        lengths: Any,
        items: Iterable[tuple[str, Mapping[str, tuple[list[int], list[int]]]]],
    ) -> None:
        """Write what a pool holds; no field has lengths."""
        for field, terms in items:
            self.start_field(field, schema[field])
            start = pack_ushort(self._fieldid)
            for term in sorted(terms):
                self._tindex.add(start + term.encode(), _entry(*terms[term]))
            self.finish_field()


class Codec(W3Codec):  # type: ignore[misc]
    """Whoosh's codec, but for the writing of terms."""

    length_stats = False

    def field_writer(self, storage: Any, segment: Any) -> FieldWriter:
        """Return what writes the terms of a segment."""
        return FieldWriter(self, storage, segment)


def inlined(entry: Any) -> Postings:
    """Return the postings in the entry of a term."""
    return Postings(*entry.inlined_postings()[:2])


def _entry(documents: Sequence[int], weights: Sequence[int]) -> bytes:
    size = len(documents)
    entry = W3TermInfo(weight=size, df=size, minid=documents[0], maxid=documents[-1])
    entry.set_inlined(documents, weights, ())
    packed: bytes = entry.to_bytes()
    return packed
