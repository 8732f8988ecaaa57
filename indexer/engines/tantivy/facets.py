"""How many documents have each value of a facet."""

from collections.abc import Sequence
from typing import Any

from tantivy import Query as Matching

from indexer.engines.ranking import facet_location, most_frequent
from indexer.engines.tantivy.match import escaped
from indexer.engines.tantivy.view import View
from indexer.model import FacetCounts


def facet_counts(view: View, query: Matching, facets: Sequence[str]) -> dict[str, FacetCounts]:
    """Return how many documents that match have each value of each of ``facets``."""
    asked = {facet: {"terms": _asked(facet, view.limits.facet_values)} for facet in facets}
    found = view.searcher.aggregate(query, asked) if asked else {}
    return {facet: _counts(view, query, facet, found[facet]) for facet in facets}


def _asked(facet: str, size: int) -> dict[str, Any]:
    field, prefix = facet_location(facet)
    include = {"include": rf"{escaped(prefix)}[\s\S]*"} if prefix else {}
    return {"field": field, "size": size, **include}


def _counts(view: View, query: Matching, facet: str, found: dict[str, Any]) -> FacetCounts:
    field, prefix = facet_location(facet)
    if found["sum_other_doc_count"]:
        # There are more values than are counted in one pass.
        terms = view.searcher.terms_with_prefix(field, prefix, filter_query=query)
        counts = [(term, count) for term, count in terms if count]
    else:
        counts = [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]]
    return most_frequent(counts, prefix)
