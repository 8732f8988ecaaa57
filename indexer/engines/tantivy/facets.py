"""How many documents have each value of a facet."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import Any

from tantivy import Query as Matching

from indexer.engines.tantivy.match import escaped
from indexer.engines.tantivy.schema import OTHER_FACET, facet_field, facet_prefix
from indexer.engines.tantivy.view import View
from indexer.model import FACET_VALUES, FACETS, FacetCounts, ValueCount

_VALUES_MAX = 65_000
"""How many values tantivy counts at most in one pass."""


def facet_counts(view: View, query: Matching, facets: Sequence[str]) -> dict[str, FacetCounts]:
    """Return how many documents that match have each value of each of ``facets``."""
    asked: dict[str, Any] = {str(n): {"terms": _asked(facet)} for n, facet in enumerate(facets)}
    found = view.searcher.aggregate(query, asked)
    return {
        facet: _counts(_terms(view, query, facet, found[str(n)]), start=len(_place(facet)[1]))
        for n, facet in enumerate(facets)
    }


def _place(facet: str) -> tuple[str, str]:
    """Return the field that holds the values of a facet, and what they start with there."""
    if facet in FACETS:
        return facet_field(facet), ""
    return OTHER_FACET, facet_prefix(facet)


def _asked(facet: str) -> dict[str, Any]:
    field, prefix = _place(facet)
    include = {"include": rf"{escaped(prefix)}[\s\S]*"} if prefix else {}
    return {"field": field, "size": _VALUES_MAX, **include}


def _terms(view: View, query: Matching, facet: str, found: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the terms of a facet that documents have, and how many; one by one where need be."""
    if not found["sum_other_doc_count"]:
        return [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]]
    field, prefix = _place(facet)
    terms = view.searcher.terms_with_prefix(field, prefix, filter_query=query)
    return [(term, count) for term, count in terms if count]


def _counts(terms: Sequence[tuple[str, int]], *, start: int) -> FacetCounts:
    first = nsmallest(FACET_VALUES, terms, key=lambda pair: (-pair[1], pair[0]))
    values = tuple(ValueCount(term[start:], count) for term, count in first)
    return FacetCounts(values, others=len(terms) - len(values))
