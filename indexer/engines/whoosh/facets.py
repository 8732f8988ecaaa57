"""The number of documents with each value of a facet.

A value that many documents have is a bitmap, which counts at the speed of memory. A bitmap of few
documents would be large and mostly empty. So the documents of all other values are one list.
"""

import sys
from array import array
from collections import Counter
from functools import partial
from itertools import compress, repeat

from indexer.engines.ranking import facet_location, most_frequent
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.rank import Matches
from indexer.engines.whoosh.segment import Segment
from indexer.model import FacetCounts

_BITMAP_SHARE = 512
"""A bitmap takes at most 16 times the memory of a list if one document in so many has the value."""


class _Facet:
    """The documents of a segment with each value of a facet."""

    def __init__(self, segment: Segment, facet: str) -> None:
        self._bitmaps: dict[str, int] = {}
        self._values: list[str] = []
        """The other values, once for each of their documents."""
        self._documents = array("I")
        field, prefix = facet_location(facet)
        for term, read in segment.terms.starting(field, prefix):
            value, documents = term[len(prefix) :], read().documents
            if len(documents) * _BITMAP_SHARE >= segment.size:
                self._bitmaps[value] = bitmaps.from_documents(documents, size=segment.size)
            else:
                self._values.extend(repeat(value, len(documents)))
                self._documents.extend(documents)

    def __sizeof__(self) -> int:
        parts = [*self._bitmaps, *self._bitmaps.values(), *set(self._values)]
        return sum(map(sys.getsizeof, [self._values, self._documents, *parts]))

    def counts(self, match: int, *, size: int) -> Counter[str]:
        """Return the number of documents of ``match`` with each value."""
        matched = bitmaps.flags(match, size=size) if self._documents else b""
        counts = Counter(compress(self._values, map(matched.__getitem__, self._documents)))
        for value, having in self._bitmaps.items():
            if count := (having & match).bit_count():
                counts[value] = count
        return counts


def facet_counts(matches: Matches, facet: str) -> FacetCounts:
    """Return the number of documents among ``matches`` with each value of a facet."""
    counts: Counter[str] = Counter()
    for segment, match in matches:
        if match:
            segment.check()
            found = segment.cached(("facet counts", facet), partial(_Facet, segment, facet))
            counts.update(found.counts(match, size=segment.size))
    return most_frequent(counts.items(), "")
