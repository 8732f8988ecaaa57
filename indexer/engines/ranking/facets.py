"""Facets: the terms of their values, and the counts of the most frequent ones."""

from collections.abc import Collection
from heapq import nsmallest

from indexer.model import FACET_VALUES, FacetCounts, ValueCount


def facet_prefix(facet: str) -> str:
    """Return the beginning of the terms of a facet, which no other facet has."""
    return f"{len(facet)}:{facet}"


def most_frequent(counts: Collection[tuple[str, int]], prefix: str = "") -> FacetCounts:
    """Return the first values, most documents first, of terms that begin with ``prefix``."""
    first = nsmallest(FACET_VALUES, counts, key=lambda pair: (-pair[1], pair[0]))
    values = tuple(ValueCount(term[len(prefix) :], count) for term, count in first)
    return FacetCounts(values, others=len(counts) - len(values))
