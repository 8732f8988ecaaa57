"""How many documents have each value of a facet.

A facet of few values is a bitmap for each, which counts at the speed of memory. With many values
those would be large and mostly empty; then the documents are listed value by value.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import pairwise

from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.order import Matches
from indexer.engines.whoosh.schema import FACET, facet_prefix
from indexer.engines.whoosh.segment import Segment
from indexer.model import FACET_VALUES, FacetCounts, ValueCount

_BITMAPS_SHARE = 16
"""Bitmaps may take so many times the memory that lists of documents would."""


@dataclass(frozen=True, slots=True)
class _Facet:
    """A facet in one segment: bitmaps of its values, or the documents of one after another."""

    values: list[str]
    bitmaps: list[int]
    documents: "array[int]"
    ends: "array[int]"
    """Where the documents of each value end."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        lists = sys.getsizeof(self.documents) + sys.getsizeof(self.ends)
        return lists + sum(map(sys.getsizeof, self.values)) + sum(map(sys.getsizeof, self.bitmaps))

    def counts(self, match: int, *, size: int) -> Iterator[tuple[str, int]]:
        """Yield each value and how many documents of ``match`` have it, where some have."""
        counts = self._by_bitmap(match) if self.bitmaps else self._by_list(match, size)
        for value, count in zip(self.values, counts, strict=True):
            if count:
                yield value, count

    def _by_bitmap(self, match: int) -> Iterator[int]:
        return ((having & match).bit_count() for having in self.bitmaps)

    def _by_list(self, match: int, size: int) -> Iterator[int]:
        matched = bitmaps.flags(match, size=size)
        found = bytes(map(matched.__getitem__, self.documents))
        start = 0
        for end in self.ends:
            yield found.count(1, start, end)
            start = end


def facet_counts(matches: Matches, facet: str) -> FacetCounts:
    """Return how many documents among ``matches`` have each value of a facet."""
    counts: Counter[str] = Counter()
    for segment, match in matches:
        if match:
            for value, count in _facet(segment, facet).counts(match, size=segment.size):
                counts[value] += count
    first = nsmallest(FACET_VALUES, counts.items(), key=lambda item: (-item[1], item[0]))
    values = tuple(ValueCount(value, count) for value, count in first)
    return FacetCounts(values, others=len(counts) - len(values))


def _facet(segment: Segment, facet: str) -> _Facet:
    def make() -> _Facet:
        prefix = facet_prefix(facet)
        values, documents, ends = [], array("I"), array("I")
        for term, having in segment.postings_from(FACET, prefix):
            values.append(term[len(prefix) :])
            documents.extend(iter(having))
            ends.append(len(documents))
        return _made(values, documents, ends, size=segment.size)

    return segment.cached(("facet counts", facet), make, size_bytes=lambda made: made.size_bytes)


def _made(values: list[str], documents: "array[int]", ends: "array[int]", *, size: int) -> _Facet:
    lists_bytes = len(documents) * documents.itemsize
    if len(values) * size // 8 > _BITMAPS_SHARE * lists_bytes:
        return _Facet(values, [], documents, ends)
    made = [
        bitmaps.from_documents(documents[start:end], size=size)
        for start, end in pairwise([0, *ends])
    ]
    return _Facet(values, made, array("I"), array("I"))
