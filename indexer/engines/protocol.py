"""The protocol of a search engine: a few methods, with their guarantees.

An engine keeps *generations*. Each is a whole search index with a name. The store, not the engine,
knows the live generation and whether it is complete.

An engine may be a library that keeps files, or a client of a server. So this module does not
mention files or processes. A server may be away: each method says so with an error of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from indexer.model import (
    Document,
    DocumentKey,
    DocumentType,
    Position,
    Query,
    SearchPage,
    Sort,
)

WRITTEN_IN_ORDER = (DocumentType.REPOSITORY, DocumentType.IMAGE, DocumentType.UNTAGGED)
"""So that whoever has seen an image finds its repository too."""


class EncodedDocument(NamedTuple):
    """A document as its engine writes it. Other processes make some, so it can be pickled."""

    key: DocumentKey
    content: Any
    """What the engine wants."""


def go_on() -> None:
    """Let a search go on: the ``check`` of a reader whose searches may take any time."""


class IndexReader(Protocol):
    """Searches one generation. It belongs to one thread."""

    def refresh(self) -> None:
        """Make later searches see everything committed before this call.

        It is called before each search, so it must be almost free if nothing was committed. A
        server may show a commit to all readers at once.
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
        preferred: Query | None = None,
    ) -> SearchPage:
        """Return the first ``limit`` hits behind ``after``, the position of a hit of this order.

        Hits are in the order of their position's key, greatest first, then of their id, least
        first. Names have the least first, and a reversed order the opposite. The key of a document
        depends on that document and the query alone, so changes of others keep positions valid.

        ``facets`` are names from :data:`indexer.model.document.FACETS` or ``label:KEY``; all
        matching documents are counted.

        In the order of relevance, documents that match ``preferred`` come before those that differ
        from them in nothing else than a little prominence.

        :class:`indexer.model.Visible` is a condition anywhere in a query. The names in it are
        exact. Rights have thousands of names, and a caller searches more than once. So an engine
        makes its form of rights once for each key and commit. It keeps those used last, within a
        bound of memory. Beside a query, rights change no score: the answer is that of an index
        with the visible documents alone.

        The words of one part are bounded, those of all documents together, hidden ones too. A
        prefix may mean its first thousand words only, names aside. A pattern or the beginning of a
        value is refused if it means more than ten thousand.

        :class:`indexer.errors.EngineError` if the generation cannot be read,
        :class:`indexer.errors.EngineAwayError` if a server does not answer, or not as a whole, and
        :class:`indexer.errors.QueryError` if a query means too many words.
        """

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int, within: Query | None = None
    ) -> list[tuple[str, int]]:
        """Return the searchable words nearest to ``word``, each with its number of documents.

        They have the fewest edits by which any word differs from it, of those that are allowed
        (:func:`indexer.model.edits_allowed`); ``word`` itself is none of them. Those in most
        documents are first, then by word.

        Only documents that match ``within`` are looked at, all if it is None. A word that only
        others have is not returned. Words of names, of texts and of labels' values are searchable.
        """

    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        """Return the number of matching documents of a type; of all documents without a query.

        It is the total of a search, without ranking and hits, and it raises the same errors. Rights
        hold as in a search.
        """

    def newest(
        self, query: Query, groups: Sequence[Query], *, document_type: DocumentType
    ) -> list[Mapping[str, Any] | None]:
        """Return the stored result of the newest document in each group that matches ``query``.

        A group is a query too. It has None if nothing in it matches. The newest was pushed last; of
        those pushed at the same time or never, it was created last; of equals it has the least id.
        The same errors as those of a search are raised.
        """

    def close(self) -> None:
        """Release all resources; no search may follow."""


class IndexWriter(Protocol):
    """Changes one generation. Only one exists at a time, used by one thread at a time."""

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``; all is durable on return.

        Missing ids are no error. An id in both is added. Of a document given twice, the last one is
        kept. :class:`indexer.errors.EngineError` if the change fails.

        After an error or a kill, the caller repeats the change, or makes a newer one of the same
        documents, until one succeeds. An engine with atomic commits shows readers all of a change
        or none of it. Another engine may show a part until then. A repeated change does no harm,
        because a document replaces the one with its id. A server may apply changes in another
        order. Its engine must number them, so that an older one never replaces a newer one.

        Every method raises :class:`indexer.errors.EngineAwayError` if a server does not answer, or
        refuses for now. What succeeded before is there then, and the caller repeats the call.
        """

    def fill(self, document_type: DocumentType, documents: Iterable[EncodedDocument]) -> None:
        """Add or replace ``documents`` while a generation is filled; its engine encoded them.

        They are durable, and found, after the next change of another method, or sooner. After a
        kill, or an error other than that of a server that is away, all since then may be lost: the
        caller fills the generation anew.
        """

    def commit_filled(self) -> None:
        """Make durable, and have found, what was filled. The caller asks for it now and then."""

    def optimize(self) -> None:
        """Commit, and make later searches as fast as can be; a generation was filled.

        It may take half of the time that filling took, and changes no answer.
        """

    def count(self, document_type: DocumentType) -> int:
        """Return the number of documents of a type."""

    def close(self) -> None:
        """Release all resources, so that another writer can be opened."""


class Engine(Protocol):
    """A kind of search index."""

    name: str
    schema_version: int
    """A new value makes older generations unreadable, so they are rebuilt."""
    batch_documents: int
    """The best number of documents between two commits while a generation is filled, roughly."""

    def encode(self, document: Document, /) -> EncodedDocument:
        """Return ``document`` as it is filled in. Other processes call it too: it can be pickled.

        :class:`indexer.errors.EngineError` naming the id when something in it cannot be stored.
        """

    def create(self, generation: str) -> None:
        """Make an empty generation; an unfinished one of that name is removed first."""

    def open_writer(self, generation: str) -> IndexWriter:
        """Open for writing; :class:`indexer.errors.EngineError` if missing, torn or foreign."""

    def open_reader(self, generation: str, *, check: Callable[[], None] = go_on) -> IndexReader:
        """Open for searching; :class:`indexer.errors.EngineError` if missing, torn or foreign.

        The reader calls ``check`` often while it searches, best every few milliseconds. An
        error of ours that it raises ends that search; the reader stays usable.
        """

    def generations(self) -> list[str]:
        """Return the names of all generations that the engine can drop, whole or not."""

    def drop(self, generation: str) -> None:
        """Remove a generation of this engine; a missing one is no error."""

    def size_bytes(self, generation: str) -> int:
        """Return the size of a generation in bytes; 0 for a missing one."""

    def advice(self, documents: int) -> str | None:
        """Return advice for an operator with this number of documents; None if there is none."""
