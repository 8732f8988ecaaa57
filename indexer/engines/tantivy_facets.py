"""How many documents have each value of a facet."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import Any

from tantivy import Query as Matching

from indexer.engines.tantivy_match import escaped
from indexer.engines.tantivy_schema import OTHER_FACET, facet_field, facet_prefix
from indexer.engines.tantivy_view import View
from indexer.model.document import FACET_VALUES, FACETS, FacetCounts, ValueCount

_VALUES_MAX = 65_000
"""How many values tantivy counts at most."""


def facet_counts(view: View, query: Matching, facets: Sequence[str]) -> dict[str, FacetCounts]:
    """Return how many documents that match have each value of each of ``facets``."""
    asked: dict[str, Any] = {str(n): {"terms": _terms(facet)} for n, facet in enumerate(facets)}
    found = view.searcher.aggregate(query, asked)
    return {
        facet: _counts(
            found[str(n)]["buckets"], start=0 if facet in FACETS else len(facet_prefix(facet))
        )
        for n, facet in enumerate(facets)
    }


def _terms(facet: str) -> dict[str, Any]:
    if facet in FACETS:
        return {"field": facet_field(facet), "size": _VALUES_MAX}
    include = rf"{escaped(facet_prefix(facet))}[\s\S]*"
    return {"field": OTHER_FACET, "size": _VALUES_MAX, "include": include}


def _counts(buckets: list[dict[str, Any]], *, start: int) -> FacetCounts:
    counts = [(bucket["key"][start:], bucket["doc_count"]) for bucket in buckets]
    first = nsmallest(FACET_VALUES, counts, key=lambda pair: (-pair[1], pair[0]))
    values = tuple(ValueCount(value, count) for value, count in first)
    return FacetCounts(values, others=len(counts) - len(values))
