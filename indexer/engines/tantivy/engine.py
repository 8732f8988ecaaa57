"""The fast engine: tantivy, in Rust, good to millions of documents; an optional dependency.

A generation is a folder with one tantivy index for each type of document.
"""

from collections.abc import Sequence
from pathlib import Path

from tantivy import Index
from tantivy.tantivy import __version__ as library_version

from indexer.engines.local import GenerationFolders
from indexer.engines.ranking import text_parts
from indexer.engines.tantivy.facets import facet_counts
from indexer.engines.tantivy.index import OpenIndex, engine_errors
from indexer.engines.tantivy.order import Place, Wanted, in_order
from indexer.engines.tantivy.rank import best
from indexer.engines.tantivy.schema import SCHEMA_VERSION, schema
from indexer.engines.tantivy.spellings import spellings
from indexer.engines.tantivy.view import View
from indexer.engines.tantivy.writer import IndexFolderWriter
from indexer.errors import EngineError
from indexer.model import Document, DocumentType, Hit, Position, Query, SearchPage, Sort


class TantivyReader:
    """Searches one generation; see :class:`indexer.engines.protocol.IndexReader`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._indexes = {kind: OpenIndex(folder / kind) for kind in DocumentType}

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
            # One more than asked for tells whether there are more. Names begin with the least.
            wanted = Wanted(limit + 1, after, is_descending=(sort is Sort.NAME) == is_reversed)
            matching = view.matcher.matching(query)
            if sort is Sort.RELEVANCE and text_parts(query):
                places, total = best(view, query, wanted)
            else:
                places, total = in_order(view, matching, sort, wanted), view.total(matching)
            hits = tuple(_hit(view, place, sort, with_texts=with_texts) for place in places[:limit])
            counts = facet_counts(view, matching, facets) if facets else {}
        return SearchPage(hits, total, has_more=len(places) > limit, facets=counts)

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return words spelled like ``word`` and in how many documents; see the protocol."""
        view = self._indexes[document_type].view
        with engine_errors(self._folder):
            return spellings(view, word, limit=limit)

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there were at the last refresh."""
        return self._indexes[document_type].view.size

    def close(self) -> None:
        """Let go of all files."""
        self._indexes.clear()


def _hit(view: View, place: Place, sort: Sort, *, with_texts: bool) -> Hit:
    score = place.key if sort is Sort.RELEVANCE else 0.0
    result, texts = view.shown(place.address, with_texts=with_texts)
    return Hit(result, score, Position(place.key, place.id), texts)


class TantivyWriter:
    """Changes one generation; see :class:`indexer.engines.protocol.IndexWriter`."""

    def __init__(self, folder: Path) -> None:
        self._writers: dict[DocumentType, IndexFolderWriter] = {}
        try:
            for kind in DocumentType:
                self._writers[kind] = IndexFolderWriter(folder / kind)
        except EngineError:
            self.close()
            raise

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit.

        An id in both is added. :class:`indexer.errors.EngineError` when a document cannot be
        stored (it is named) or the index cannot be written.
        """
        self._writers[document_type].apply(documents, removed)

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""
        return self._writers[document_type].count()

    def close(self) -> None:
        """Wait for merges and let go of all files and locks."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


class TantivyEngine:
    """Keeps generations as folders in ``directory``; see :mod:`indexer.engines.protocol`."""

    name = "tantivy"
    schema_version = SCHEMA_VERSION

    def __init__(self, directory: Path) -> None:
        about = {
            "engine": self.name,
            "schema_version": self.schema_version,
            "library": library_version,
        }
        self._folders = GenerationFolders(directory, about)

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        with self._folders.creating(generation) as folder, engine_errors(folder):
            for kind in DocumentType:
                (folder / kind).mkdir()
                Index(schema(), path=str(folder / kind), reuse=False)

    def open_writer(self, generation: str) -> TantivyWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return TantivyWriter(self._folders.checked(generation))

    def open_reader(self, generation: str) -> TantivyReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""
        return TantivyReader(self._folders.checked(generation))

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not, in order."""
        return self._folders.names()

    def drop(self, generation: str) -> None:
        """Remove a generation; one that is not there is no error."""
        self._folders.drop(generation)

    def size_bytes(self, generation: str) -> int:
        """Return how much room a generation takes; 0 for one that is not there."""
        return self._folders.size_bytes(generation)
