"""Facets: the terms of their values, and the counts of the most frequent ones."""

from collections.abc import Iterable
from heapq import nsmallest

from indexer.model import FACET_VALUES, FacetCounts, ValueCount


def facet_prefix(facet: str) -> str:
    """Return the beginning of the terms of a facet, which no other facet has."""
    return f"{len(facet)}:{facet}"


def most_frequent(counts: Iterable[tuple[str, int]]) -> FacetCounts:
    """Return the first of all values with their numbers of documents, most documents first."""
    listed = list(counts)
    first = nsmallest(FACET_VALUES, listed, key=lambda pair: (-pair[1], pair[0]))
    return FacetCounts(tuple(ValueCount(*pair) for pair in first), others=len(listed) - len(first))
