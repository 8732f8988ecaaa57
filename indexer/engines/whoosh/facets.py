"""The number of documents with each value of a facet.

A value that many documents have is a bitmap, which counts at the speed of memory. A bitmap of few
documents would be large and mostly empty. So the documents of all other values are one list.
"""

import sys
from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import compress, repeat

from indexer.engines.ranking import facet_location, most_frequent
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.codec import read_postings
from indexer.engines.whoosh.match import Segment
from indexer.engines.whoosh.rank import Matches
from indexer.model import FacetCounts

_BITMAP_SHARE = 512
"""A bitmap takes at most 16 times the memory of a list if one document in so many has the value."""


@dataclass(frozen=True, slots=True)
class _Facet:
    """The documents of a segment with each value of a facet."""

    bitmaps: dict[str, int] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)
    """The other values, once for each of their documents."""
    documents: "array[int]" = field(default_factory=lambda: array("I"))

    def __sizeof__(self) -> int:
        parts = [*self.bitmaps, *self.bitmaps.values(), *set(self.values)]
        return sum(map(sys.getsizeof, [self.values, self.documents, *parts]))

    def counts(self, match: int, *, size: int) -> Counter[str]:
        """Return the number of documents of ``match`` with each value."""
        matched = bitmaps.flags(match, size=size) if self.documents else b""
        counts = Counter(compress(self.values, map(matched.__getitem__, self.documents)))
        for value, having in self.bitmaps.items():
            if count := (having & match).bit_count():
                counts[value] = count
        return counts


def facet_counts(matches: Matches, facet: str) -> FacetCounts:
    """Return the number of documents among ``matches`` with each value of a facet."""
    counts: Counter[str] = Counter()
    for segment, match in matches:
        if match:
            counts.update(_facet(segment, facet).counts(match, size=segment.size))
    return most_frequent(counts.items(), "")


def _facet(segment: Segment, facet: str) -> _Facet:
    def make() -> _Facet:
        made, (field, prefix) = _Facet(), facet_location(facet)
        for term, entry in segment.terms.starting(field, prefix):
            value, documents = term[len(prefix) :], read_postings(entry).documents
            if len(documents) * _BITMAP_SHARE >= segment.size:
                made.bitmaps[value] = bitmaps.from_documents(documents, size=segment.size)
            else:
                made.values.extend(repeat(value, len(documents)))
                made.documents.extend(documents)
        return made

    return segment.cached(("facet counts", facet), make)
