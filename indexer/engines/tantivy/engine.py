"""The fast engine: tantivy, in Rust, good to millions of documents; an optional dependency.

A generation is a folder with one tantivy index for each type of document.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tantivy import DocAddress, Index
from tantivy import Query as Matching
from tantivy.tantivy import __version__ as library_version
from typing_extensions import override

from indexer.engines.local import GenerationFolders, GenerationReader, GenerationWriter
from indexer.engines.protocol import Engine, go_on
from indexer.engines.ranking import (
    PageWindow,
    RankingPlan,
    facet_location,
    most_frequent,
)
from indexer.engines.tantivy.index import LIMITS, Limits
from indexer.engines.tantivy.match import View, escaped
from indexer.engines.tantivy.rank import Hits, best, in_order, newest
from indexer.engines.tantivy.schema import SCHEMA_VERSION, encode, schema
from indexer.engines.tantivy.writer import IndexFolderWriter
from indexer.model import FacetCounts, Query, Sort


class SearchedIndex(View):
    """Searches one index; see :class:`indexer.engines.local.FolderReader`."""

    def first(
        self,
        query: Query,
        plan: RankingPlan | None,
        window: PageWindow,
        *,
        sort: Sort,
        facets: Sequence[str],
    ) -> tuple[Hits, int, Mapping[str, FacetCounts]]:
        """Return the hits in a window by ``plan``, or else by ``sort``; the total; the facets."""
        with self.narrowed(query) as seen:
            matching = self.matching(query)
            if seen.total == 0:
                found: tuple[Hits, int | None] = [], 0
            elif plan:
                found = best(self, plan, window, in_one_pass=seen.is_a_set)
            else:
                found = in_order(self, matching, sort, window)
            hits, total = found
            if total is None:
                total = self.count(matching) if seen.total is None else seen.total
            return hits, total, _facet_counts(self, matching, facets)

    def newest(self, query: Query, groups: Sequence[Query]) -> list[DocAddress | None]:
        """Return the newest document in each group that matches."""
        found = list(map(self.matching, groups))
        with self.narrowed(query, among=found):
            matching = self.matching(query)
            return [newest(self, self.all_of([matching, one])) for one in found]

    def close(self) -> None:
        """Do nothing: the files are closed with the last reference to the index."""


def _facet_counts(view: View, query: Matching, facets: Sequence[str]) -> dict[str, FacetCounts]:
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


TantivyReader = GenerationReader[DocAddress]
TantivyWriter = GenerationWriter[IndexFolderWriter]


class TantivyEngine(GenerationFolders, Engine):
    """Keeps generations as folders in ``directory``."""

    name = "tantivy"
    schema_version = SCHEMA_VERSION
    batch_documents = 20_000
    encode = staticmethod(encode)

    def __init__(self, directory: Path, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        about = {
            "engine": self.name,
            "schema_version": self.schema_version,
            "library": library_version,
        }
        super().__init__(directory, about, lambda folder: Index(schema(), path=str(folder)))

    @override
    def open_writer(self, generation: str) -> TantivyWriter:
        return TantivyWriter(self.checked(generation), IndexFolderWriter)

    @override
    def open_reader(self, generation: str, *, check: Callable[[], None] = go_on) -> TantivyReader:
        opening = partial(SearchedIndex, limits=self._limits, check=check)
        return TantivyReader(self.checked(generation), opening)

    def advice(self, documents: int) -> str | None:
        """Return None: it serves any number of documents that one machine has."""
