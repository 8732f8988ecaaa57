"""The fast engine: tantivy, in Rust, good to millions of documents; an optional dependency.

A generation is a folder with one tantivy index for each type of document.
"""

from collections.abc import Sequence
from pathlib import Path

from tantivy import DocAddress, Index
from tantivy.tantivy import __version__ as library_version

from indexer.engines.local import GenerationFolders, GenerationWriter, engine_errors
from indexer.engines.ranking import RankedHit, make_plan, page_window
from indexer.engines.tantivy.facets import facet_counts
from indexer.engines.tantivy.index import OpenIndex
from indexer.engines.tantivy.limits import LIMITS, Limits
from indexer.engines.tantivy.order import in_order
from indexer.engines.tantivy.rank import best
from indexer.engines.tantivy.schema import SCHEMA_VERSION, schema
from indexer.engines.tantivy.view import View
from indexer.engines.tantivy.writer import IndexFolderWriter
from indexer.model import DocumentType, Hit, Position, Query, SearchPage, Sort


class TantivyReader:
    """Searches one generation; see :class:`indexer.engines.protocol.IndexReader`."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._indexes = {kind: OpenIndex(folder / kind, limits) for kind in DocumentType}

    def refresh(self) -> None:
        """Make later searches see everything committed before this call."""
        for index in self._indexes.values():
            index.refresh()

    def search(
        self,
        query: Query,
        *,
        document_type: DocumentType,
        limit: int,
        after: Position | None = None,
        sort: Sort = Sort.RELEVANCE,
        is_reversed: bool = False,
        facets: Sequence[str] = (),
        with_texts: bool = False,
    ) -> SearchPage:
        """Return the first ``limit`` hits behind ``after``; see the protocol."""
        view = self._indexes[document_type].view
        with engine_errors(self._folder):
            window = page_window(limit, after, sort=sort, is_reversed=is_reversed)
            plan = make_plan(query) if sort is Sort.RELEVANCE else None
            matching, total = view.matcher.matching(query), None
            if plan and plan.parts:
                ranked, total = best(view, plan, window)
            else:
                ranked = in_order(view, matching, sort, window)
            total = view.total(matching) if total is None else total
            hits = tuple(_hit(view, one, sort, with_texts=with_texts) for one in ranked[:limit])
            counts = facet_counts(view, matching, facets)
        return SearchPage(hits, total, has_more=len(ranked) > limit, facets=counts)

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return words spelled like ``word`` and in how many documents; see the protocol."""
        view = self._indexes[document_type].view
        with engine_errors(self._folder):
            return view.spellings(word, limit=limit)

    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        """Return how many documents matched at the last refresh; see the protocol."""
        view = self._indexes[document_type].view
        if query is None:
            return view.size
        with engine_errors(self._folder):
            return view.total(view.matcher.matching(query))

    def close(self) -> None:
        """Let go of all files."""
        self._indexes.clear()


def _hit(view: View, ranked: RankedHit[DocAddress], sort: Sort, *, with_texts: bool) -> Hit:
    return ranked.shown(sort, *view.shown(ranked.address, with_texts=with_texts))


TantivyWriter = GenerationWriter[IndexFolderWriter]


class TantivyEngine(GenerationFolders):
    """Keeps generations as folders in ``directory``; see :mod:`indexer.engines.protocol`."""

    name = "tantivy"
    schema_version = SCHEMA_VERSION
    batch_documents = 500

    def __init__(self, directory: Path, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        about = {"engine": self.name, "schema_version": self.schema_version}
        super().__init__(directory, {**about, "library": library_version})

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        with self.creating(generation) as folder, engine_errors(folder):
            for kind in DocumentType:
                (folder / kind).mkdir()
                Index(schema(), path=str(folder / kind), reuse=False)

    def open_writer(self, generation: str) -> TantivyWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return TantivyWriter(self.checked(generation), IndexFolderWriter)

    def open_reader(self, generation: str) -> TantivyReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return TantivyReader(self.checked(generation), self._limits)

    def advice(self, documents: int) -> str | None:
        """Return None: it serves any number of documents that one machine has."""
