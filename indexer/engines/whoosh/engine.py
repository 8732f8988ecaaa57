"""The embedded engine: Whoosh, pure Python, good to about 100,000 documents.

A generation is a folder with one Whoosh index for each type of document, so that searching the few
repositories does not wade through the many images. Commits, columns, files and locks are Whoosh's;
the lists of terms are our own, as its writer and its merges were too slow
(:mod:`indexer.engines.whoosh.postings`).

The folder must be writable by the service alone: Whoosh keeps part of an index as pickles.
"""

from collections.abc import Sequence
from pathlib import Path

from indexer.engines.local import GenerationFolders
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.facets import facet_counts
from indexer.engines.whoosh.index import OpenIndex, create_index, engine_errors
from indexer.engines.whoosh.match import matching
from indexer.engines.whoosh.order import Place, Wanted, in_order
from indexer.engines.whoosh.rank import asked_text, best
from indexer.engines.whoosh.schema import SCHEMA_VERSION
from indexer.engines.whoosh.spellings import spellings
from indexer.engines.whoosh.writer import IndexFolderWriter
from indexer.errors import EngineError
from indexer.model import Document, DocumentType, Hit, Position, Query, SearchPage, Sort

_READER_CACHE_BYTES = 48 * 1024 * 1024
_WRITER_CACHE_BYTES = 0


class WhooshReader:
    """Searches one generation; see :class:`indexer.engines.protocol.IndexReader`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        cache = SegmentCache(_READER_CACHE_BYTES)
        self._indexes = {kind: OpenIndex(folder / kind, cache) for kind in DocumentType}
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
            views = self._indexes[document_type].views
            found = [(view.segment, matching(view.segment, query) & view.alive) for view in views]
            text = asked_text(query) if sort is Sort.RELEVANCE else None
            # One more than asked for tells whether there are more. Names begin with the least.
            wanted = Wanted(limit + 1, after, is_descending=(sort is Sort.NAME) == is_reversed)
            if text is not None and text.parts:
                places = best(found, text, wanted)
            else:
                places = in_order(found, sort, wanted)
            hits = tuple(_hit(place, sort, with_texts=with_texts) for place in places[:limit])
            counts = {facet: facet_counts(found, facet) for facet in facets}
        total = sum(documents.bit_count() for _, documents in found)
        return SearchPage(hits, total, has_more=len(places) > limit, facets=counts)

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return words spelled like ``word`` and in how many documents; see the protocol."""
        with engine_errors(self._folder):
            return spellings(self._indexes[document_type].views, word, limit=limit)

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there were at the last refresh."""
        return self._indexes[document_type].count()

    def close(self) -> None:
        """Let go of all files."""
        for index in self._indexes.values():
            index.close()


def _hit(place: Place, sort: Sort, *, with_texts: bool) -> Hit:
    result = place.segment.result(place.document)
    score = place.key if sort is Sort.RELEVANCE else 0.0
    texts = place.segment.texts(place.document) if with_texts else ()
    return Hit(result, score, Position(place.key, place.id), texts)


class WhooshWriter:
    """Changes one generation; see :class:`indexer.engines.protocol.IndexWriter`."""

    def __init__(self, folder: Path) -> None:
        self._writers: dict[DocumentType, IndexFolderWriter] = {}
        try:
            for kind in DocumentType:
                index = OpenIndex(folder / kind, SegmentCache(_WRITER_CACHE_BYTES))
                self._writers[kind] = IndexFolderWriter(folder / kind, index)
        except EngineError:
            self.close()
            raise

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit.

        An id in both is added. :class:`indexer.errors.EngineError` when a document cannot be
        stored (it is named) or the index cannot be written; nothing is changed then.
        """
        self._writers[document_type].apply(documents, removed)

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""
        return self._writers[document_type].count()

    def is_merging(self, document_type: DocumentType) -> bool:
        """Tell whether segments are being merged, in the background."""
        return self._writers[document_type].is_merging()

    def close(self) -> None:
        """Give up what is being merged, and let go of all files."""
        for writer in self._writers.values():
            writer.close()


class WhooshEngine:
    """Keeps generations as folders in ``directory``; see :mod:`indexer.engines.protocol`."""

    name = "whoosh"
    schema_version = SCHEMA_VERSION

    def __init__(self, directory: Path) -> None:
        about = {"engine": self.name, "schema_version": self.schema_version}
        self._folders = GenerationFolders(directory, about)

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        with self._folders.creating(generation) as folder, engine_errors(folder):
            for kind in DocumentType:
                create_index(folder / kind)

    def open_writer(self, generation: str) -> WhooshWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return WhooshWriter(self._folders.checked(generation))

    def open_reader(self, generation: str) -> WhooshReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return WhooshReader(self._folders.checked(generation))

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not, in order."""
        return self._folders.names()

    def drop(self, generation: str) -> None:
        """Remove a generation; one that is not there is no error."""
        self._folders.drop(generation)

    def size_bytes(self, generation: str) -> int:
        """Return how much room a generation takes; 0 for one that is not there."""
        return self._folders.size_bytes(generation)
