"""The fast engine: tantivy, in Rust, good to millions of documents; an optional dependency.

A generation is a folder with one tantivy index for each type of document.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tantivy import DocAddress, Index
from tantivy.tantivy import __version__ as library_version

from indexer.engines.local import GenerationFolders, GenerationReader, GenerationWriter
from indexer.engines.ranking import TEXT, PageWindow, RankedHit, RankingPlan
from indexer.engines.tantivy.facets import facet_counts
from indexer.engines.tantivy.index import LIMITS, Limits
from indexer.engines.tantivy.order import in_order, newest
from indexer.engines.tantivy.rank import best
from indexer.engines.tantivy.schema import SCHEMA_VERSION, schema
from indexer.engines.tantivy.view import View
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
    ) -> tuple[list[RankedHit[DocAddress]], int, Mapping[str, FacetCounts]]:
        """Return the hits in a window by ``plan``, or else by ``sort``; the total; the facets."""
        matching, total = self.matching(query), None
        if plan:
            hits, total = best(self, plan, window)
        else:
            hits = in_order(self, matching, sort, window)
        total = self.hits(matching) if total is None else total
        return hits, total, facet_counts(self, matching, facets)

    def total(self, query: Query) -> int:
        """Return the number of matching documents."""
        return self.hits(self.matching(query))

    def newest(self, query: Query, groups: Sequence[Query]) -> list[DocAddress | None]:
        """Return the newest document in each group that matches."""
        matching = self.matching(query)
        return [newest(self, self.all_of([matching, self.matching(one)])) for one in groups]

    def near(self, word: str) -> Iterator[tuple[str, int, int]]:
        """Yield words near ``word``, with the edits and the number of documents."""
        for found, edits in dict(self.vocabulary(TEXT).near(word)).items():
            yield found, edits, self.hits(self.term(TEXT, found))

    def close(self) -> None:
        """Do nothing: the files are closed with the last reference to the index."""


TantivyReader = GenerationReader[DocAddress]
TantivyWriter = GenerationWriter[IndexFolderWriter]


class TantivyEngine(GenerationFolders):
    """Keeps generations as folders in ``directory``; see :mod:`indexer.engines.protocol`."""

    name = "tantivy"
    schema_version = SCHEMA_VERSION
    batch_documents = 500

    def __init__(self, directory: Path, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        about = {
            "engine": self.name,
            "schema_version": self.schema_version,
            "library": library_version,
        }
        super().__init__(directory, about, lambda folder: Index(schema(), path=str(folder)))

    def open_writer(self, generation: str) -> TantivyWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return TantivyWriter(self.checked(generation), IndexFolderWriter)

    def open_reader(self, generation: str) -> TantivyReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        folder = self.checked(generation)
        return TantivyReader(folder, partial(SearchedIndex, limits=self._limits))

    def advice(self, documents: int) -> str | None:
        """Return None: it serves any number of documents that one machine has."""
