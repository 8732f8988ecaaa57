"""What the rest of the indexer needs of a search engine: a few methods, with their guarantees.

An engine keeps *generations*, each one a whole search index under a name. Which generation is
live, and whether it is complete, is written in the store; the engine does not know.
"""

from collections.abc import Sequence
from typing import Protocol

from indexer.model import Document, DocumentType, Position, Query, SearchPage, Sort


class IndexReader(Protocol):
    """Searches one generation. Belongs to one thread."""

    def refresh(self) -> None:
        """Make later searches see everything committed before this call."""

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
        """Return the first ``limit`` hits behind ``after``, the position of a hit of this order.

        Hits are ordered by their position's key, greatest first (names: least first; reversed:
        the other way round), then by id, least first. The key of a document depends on that
        document and the query alone, so positions stay good while other documents change.

        ``facets`` are names from :data:`indexer.model.document.FACETS` or ``label:KEY``; all
        documents that match are counted.

        What stands for many words is bounded: a prefix may mean the first thousand words only,
        names aside, and a pattern or the beginning of a value for more than ten thousand is
        refused.

        :class:`indexer.errors.EngineError` when the generation cannot be read,
        :class:`indexer.errors.QueryError` when a pattern stands for too much.
        """

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return searchable words spelled like ``word`` and how many documents have each.

        Nearest first, then those in most documents, then by word; ``word`` itself is not among
        them. Words of names, of texts and of labels' values are known.
        """

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""

    def close(self) -> None:
        """Let go of all files."""


class IndexWriter(Protocol):
    """Changes one generation. There is one at a time, and it belongs to one thread at a time."""

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one commit.

        Either all of it becomes visible to readers or, after an error or a kill, none of it.
        Ids that are not there are no error; a document given twice is kept once, the last one.
        """

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""

    def close(self) -> None:
        """Let go of all files and locks."""


class Engine(Protocol):
    """A kind of search index."""

    name: str
    schema_version: int
    """Changes whenever older generations must not be read any more."""

    def create(self, generation: str) -> None:
        """Make an empty generation; an unfinished one of that name is removed first."""

    def open_writer(self, generation: str) -> IndexWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""

    def open_reader(self, generation: str) -> IndexReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not."""

    def drop(self, generation: str) -> None:
        """Remove a generation; one that is not there is no error."""

    def size_bytes(self, generation: str) -> int:
        """Return how much room a generation takes; 0 for one that is not there."""
