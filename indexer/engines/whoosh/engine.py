"""The embedded engine: Whoosh, pure Python, good to about 30,000 documents.

A generation is a folder with one Whoosh index for each type of document, so that searching the few
repositories does not wade through the many images. All that is written is Whoosh's: its schema,
writer, codec, columns, commits and locks. Queries are answered from the postings as bitmaps that
are kept for each segment, because Whoosh's own matchers take a call for each document. Exact
totals and facets need all documents, and that took ten times as long.

The folder must be writable by the service alone: Whoosh keeps part of an index as pickles.
"""

from collections.abc import Sequence
from pathlib import Path

from indexer.engines.local import GenerationFolders, GenerationWriter, engine_errors
from indexer.engines.ranking import RankedHit, make_plan, page_window
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.facets import facet_counts
from indexer.engines.whoosh.index import OpenSegments, create_index
from indexer.engines.whoosh.match import SegmentMatcher
from indexer.engines.whoosh.order import Location, Matches, in_order
from indexer.engines.whoosh.rank import best
from indexer.engines.whoosh.schema import SCHEMA_VERSION
from indexer.engines.whoosh.spellings import spellings
from indexer.engines.whoosh.writer import SegmentedWriter
from indexer.errors import EngineError
from indexer.model import DocumentType, Hit, Position, Query, SearchPage, Sort

_READER_CACHE_BYTES = 48 * 1024 * 1024
_WRITER_CACHE_BYTES = 0
MANY_DOCUMENTS = 30_000
"""From so many documents on, tantivy serves better."""


class WhooshReader:
    """Searches one generation; see :class:`indexer.engines.protocol.IndexReader`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        cache = SegmentCache(_READER_CACHE_BYTES)
        self._indexes = {kind: OpenSegments(folder / kind, cache) for kind in DocumentType}
        try:
            self.refresh()
        except EngineError:
            self.close()
            raise

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
        with engine_errors(self._folder):
            found = _matches(self._indexes[document_type], query)
            window = page_window(limit, after, sort=sort, is_reversed=is_reversed)
            plan = make_plan(query) if sort is Sort.RELEVANCE else None
            if plan and plan.parts:
                ranked = best(found, plan, window)
            else:
                ranked = in_order(found, sort, window)
            hits = tuple(_hit(one, sort, with_texts=with_texts) for one in ranked[:limit])
            counts = {facet: facet_counts(found, facet) for facet in facets}
        total = sum(documents.bit_count() for _, documents in found)
        return SearchPage(hits, total, has_more=len(ranked) > limit, facets=counts)

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return words spelled like ``word`` and in how many documents; see the protocol."""
        with engine_errors(self._folder):
            return spellings(self._indexes[document_type].views, word, limit=limit)

    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        """Return how many documents matched at the last refresh; see the protocol."""
        index = self._indexes[document_type]
        if query is None:
            return index.count()
        with engine_errors(self._folder):
            return sum(documents.bit_count() for _, documents in _matches(index, query))

    def close(self) -> None:
        """Let go of all files."""
        for index in self._indexes.values():
            index.close()


def _matches(index: OpenSegments, query: Query) -> Matches:
    return [
        (view.segment, SegmentMatcher(view.segment).matching(query) & view.alive)
        for view in index.views
    ]


def _hit(ranked: RankedHit[Location], sort: Sort, *, with_texts: bool) -> Hit:
    segment, document = ranked.address.segment, ranked.address.document
    texts = segment.texts(document) if with_texts else ()
    return ranked.shown(sort, segment.result(document), texts)


WhooshWriter = GenerationWriter[SegmentedWriter]


def _folder_writer(folder: Path) -> SegmentedWriter:
    return SegmentedWriter(folder, OpenSegments(folder, SegmentCache(_WRITER_CACHE_BYTES)))


class WhooshEngine(GenerationFolders):
    """Keeps generations as folders in ``directory``; see :mod:`indexer.engines.protocol`."""

    name = "whoosh"
    schema_version = SCHEMA_VERSION
    batch_documents = 500

    def __init__(self, directory: Path) -> None:
        about = {"engine": self.name, "schema_version": self.schema_version}
        super().__init__(directory, about)

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        with self.creating(generation) as folder, engine_errors(folder):
            for kind in DocumentType:
                create_index(folder / kind)

    def open_writer(self, generation: str) -> WhooshWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return WhooshWriter(self.checked(generation), _folder_writer)

    def open_reader(self, generation: str) -> WhooshReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return WhooshReader(self.checked(generation))

    def advice(self, documents: int) -> str | None:
        """Return what would serve so many documents better; None if nothing."""
        if documents < MANY_DOCUMENTS:
            return None
        return (
            f"{documents} documents are many for whoosh: with engine = 'tantivy'"
            " (pip install 'regsearch[tantivy]') searches are faster"
        )
