"""Writing to a tantivy index: one commit for each batch, durable when it returns."""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from indexer.engines.local import engine_errors
from indexer.engines.protocol import EncodedDocument
from indexer.engines.tantivy.index import OpenIndex
from indexer.engines.tantivy.repositories import RepositoryNumbers
from indexer.engines.tantivy.schema import ID
from indexer.engines.tantivy.schema import encode as encode_document
from indexer.engines.tantivy.words import NewWords
from indexer.model import Document

_HEAP_BYTES = 48 * 1024 * 1024
"""What a writer may gather in memory before it makes a segment of it: some thousand documents. With
eight segments tantivy begins to merge, so a search index of 20,000 documents is filled without."""
_M_ARENA_MAX = -8
"""The number of that setting of the C library."""


class IndexFolderWriter(OpenIndex):
    """Writes to the index in one folder.

    There is one writer and one ``Index`` as long as this lives: several that write in turn leave
    files behind for ever.
    """

    def __init__(
        self, folder: Path, *, encode: Callable[[Document], EncodedDocument] = encode_document
    ) -> None:
        super().__init__(folder)
        self._encode = encode
        self._is_filled = False
        _share_freed_memory()
        with engine_errors(folder):
            self._writer = self._index.writer(_HEAP_BYTES, 1)
            self._begin()
            self._new_words = NewWords(folder, self.searcher)
            self._repositories = RepositoryNumbers(self.searcher)

    def _begin(self) -> None:
        """Commit nothing.

        The first change after a commit that another writer made has the number of that commit, so
        a merge that runs meanwhile takes it for done, and a deletion can be lost.
        """
        self._writer.commit()
        self.refresh()

    def apply(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        """Add or replace ``documents`` and drop ``removed``; where both name an id, it is added.

        :class:`indexer.errors.EngineError` when a document cannot be stored, and nothing is changed
        then; or when the disk fails: after that, either nothing or all of it may be there.
        """
        given = {document.key.id: document for document in documents}
        if not given and not removed:
            return
        with engine_errors(self._folder), self._undone_on_error():
            for found_id in removed:
                self._writer.delete_documents_by_term(ID, found_id)
            self._add(map(self._encode, given.values()))
            self._commit_all()

    def fill(self, documents: Iterable[EncodedDocument]) -> None:
        """Add or replace ``documents``, without a commit: each makes a segment to be merged."""
        with engine_errors(self._folder), self._undone_on_error():
            self._is_filled = True
            self._add(documents)

    def commit_filled(self) -> None:
        """Make durable, and have found, what was filled."""
        if self._is_filled:
            with engine_errors(self._folder), self._undone_on_error():
                self._commit_all()

    def optimize(self) -> None:
        """Commit; tantivy merges beside the commits."""
        self.commit_filled()

    def _add(self, documents: Iterable[EncodedDocument]) -> None:
        # One by one: tantivy is at work on one while the next is made.
        for key, (row, words) in documents:
            row_with_repository = self._repositories.add(row, key)
            self._new_words.add(words)
            self._writer.delete_documents_by_term(ID, key.id)
            self._writer.add_json(row_with_repository)

    def _commit_all(self) -> None:
        self._new_words.write()
        self._writer.commit()
        self._is_filled = False
        self.refresh()

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Undo all since the last commit after an error, be it what was filled."""
        try:
            yield
        except BaseException:
            self._is_filled = False
            self._writer.rollback()
            self._begin()
            raise

    def count(self) -> int:
        """Return the number of documents."""
        return self.searcher.num_docs

    def close(self) -> None:
        """Wait for merges and let go of the lock."""
        with engine_errors(self._folder):
            self._writer.wait_merging_threads()


def _share_freed_memory() -> None:
    """Have what one thread frees used by all of them.

    The C library keeps it for each thread otherwise, and tantivy has many that write: half of the
    memory of an indexer would be what none of them needs. Only GNU's library can be told so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_ARENA_MAX, 2)
