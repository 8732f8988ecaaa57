"""The store: our copy of registries in SQLite, and everything that must change with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.store.absences import AbsenceTables
from indexer.store.content import ContentTables
from indexer.store.database import open_database, translated_errors
from indexer.store.queue import Queue
from indexer.store.registries import RegistryTables
from indexer.store.schema import STORE_FILE, migrations
from indexer.store.search_index import SearchIndexTables


class Store:
    """The open store; one thread at a time. Writers use :meth:`transaction`.

    ``synchronous = NORMAL``: a power cut may undo the last transactions but never half of one. The
    journal position is in the same file, so what was undone is read from the journal again.
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.path = directory / STORE_FILE
        self._database = open_database(
            self.path, migrations, synchronous="NORMAL", read_only=read_only
        )
        self.absences = AbsenceTables(self._database)
        self.content = ContentTables(self._database)
        self.queue = Queue(self._database)
        self.registries = RegistryTables(self._database)
        self.search_index = SearchIndexTables(self._database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one transaction: all of it is kept, or nothing.

        :class:`indexer.errors.StoreError` when SQLite cannot.
        """
        with translated_errors(self.path), self._database.atomic():
            yield

    def journal_position(self) -> int:
        """Return the number of the last journal entry whose refreshes are in the queue."""
        row = self._database.execute(
            "SELECT position FROM positions WHERE name = 'journal'"
        ).fetchone()
        return row[0] if row else 0

    def set_journal_position(self, position: int) -> None:
        """Move the position in the journal."""
        self._database.execute("INSERT OR REPLACE INTO positions VALUES ('journal', ?)", [position])

    def durable_journal_position(self) -> int | None:
        """Return the journal position once no power cut can undo it; None when that is not now.

        A checkpoint that takes in every transaction syncs the file with all that follows from the
        entries up to there. Somebody who reads an older state keeps it from being whole.
        """
        position = self.journal_position()
        with translated_errors(self.path):
            row = self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        is_busy, in_wal, moved = row
        return None if is_busy or moved < in_wal else position

    def close(self) -> None:
        """Close the file."""
        self._database.close()
