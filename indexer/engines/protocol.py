"""What others need of a search engine: a few methods, with their guarantees.

An engine keeps *generations*, each one a whole search index under a name. Which generation is
live, and whether it is complete, is written in the store; the engine does not know.

An engine may be a library that keeps files, or a client of a server. So nothing here speaks of
files or processes.
"""

from collections.abc import Sequence
from typing import Protocol

from indexer.model import Document, DocumentType, Position, Query, SearchPage, Sort


class IndexReader(Protocol):
    """Searches one generation. Belongs to one thread."""

    def refresh(self) -> None:
        """Make later searches see everything committed before this call.

        It is called before each search, so it costs next to nothing when nothing was committed.
        """

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

    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        """Return how many documents of that type match; all of them without a query.

        The total of a search, without its ranking and its hits. Refused as a search is.
        """

    def close(self) -> None:
        """Let go of everything; there is no search after this."""


class IndexWriter(Protocol):
    """Changes one generation. There is one at a time, and it belongs to one thread at a time."""

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``; all is durable on return.

        Ids that are not there are no error; an id in both is added; a document given twice is kept
        once, the last one. :class:`indexer.errors.EngineError` when that cannot be done.

        After an error or a kill, the caller repeats the change, or makes a newer one of the same
        documents, until one succeeds. An engine whose commits are atomic shows readers all of a
        change or none of it. Another one may show a part until then. A repeated change never does
        harm, as a document replaces the one of its id. A server may carry out changes in another
        order: then the engine numbers them, and an older one never replaces a newer one.
        """

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""

    def close(self) -> None:
        """Let go of everything, so that another writer can be opened."""


class Engine(Protocol):
    """A kind of search index."""

    name: str
    schema_version: int
    """Changes whenever older generations must not be read any more."""
    batch_documents: int
    """About how many documents are best written at once while a generation is filled."""

    def create(self, generation: str) -> None:
        """Make an empty generation; an unfinished one of that name is removed first."""

    def open_writer(self, generation: str) -> IndexWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""

    def open_reader(self, generation: str) -> IndexReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign."""

    def generations(self) -> list[str]:
        """Return the names of all generations that it can drop, whole or not."""

    def drop(self, generation: str) -> None:
        """Remove a generation that it made; one that is not there is no error."""

    def size_bytes(self, generation: str) -> int:
        """Return how much room a generation takes; 0 for one that is not there."""

    def advice(self, documents: int) -> str | None:
        """Return what would serve so many documents better, for an operator; None if nothing."""
