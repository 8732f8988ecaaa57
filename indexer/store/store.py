"""The store: our copy of registries in SQLite, and everything that must change with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.store.absences import AbsenceTables
from indexer.store.attachments import AttachmentTables
from indexer.store.changes import Changes
from indexer.store.content import ContentTables
from indexer.store.database import open_database, translated_errors
from indexer.store.extraction import ExtractionTables
from indexer.store.index_state import SearchIndexTables
from indexer.store.lineage import ChainTables, LineageKeys, LineageTables
from indexer.store.presence import PresenceTables
from indexer.store.pulls import PullTables
from indexer.store.queue import Queue
from indexer.store.referrers import ReferrersTables
from indexer.store.registries import RegistryTables
from indexer.store.retention import RetentionTables
from indexer.store.schema import STORE_FILE, migrations
from indexer.store.shown import ShownTables
from indexer.store.untagged import UntaggedTables

_ENTRIES, _PULLS = "journal", "pulls"
"""The names of positions."""


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
        self.attachments = AttachmentTables(self._database)
        self.changes = Changes(self._database)
        self.content = ContentTables(self._database)
        self.presence = PresenceTables(self._database)
        self.chains = ChainTables(self._database)
        self.extraction = ExtractionTables(self._database)
        self.lineage = LineageTables(self._database, self.content)
        self.lineage_keys = LineageKeys(self._database)
        self.pulls = PullTables(self._database)
        self.queue = Queue(self._database)
        self.referrers = ReferrersTables(self._database)
        self.registries = RegistryTables(self._database)
        self.retention = RetentionTables(self._database)
        self.search_index = SearchIndexTables(self._database)
        self.shown = ShownTables(self._database)
        self.untagged = UntaggedTables(self._database)
        if not read_only and not self.extraction.is_current():
            with translated_errors(self.path), self._database.atomic():
                self.extraction.begin()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one transaction: all of it is kept, or nothing.

        :class:`indexer.errors.StoreError` when SQLite cannot.
        """
        with translated_errors(self.path), self._database.atomic():
            yield

    def journal_position(self) -> int:
        """Return the number of the last journal entry whose refreshes are in the queue."""
        return self._position(_ENTRIES)

    def set_journal_position(self, position: int) -> None:
        """Move the position in the journal."""
        self._set_position(_ENTRIES, position)

    def durable_journal_position(self) -> int | None:
        """Return the journal position once no power cut can undo it; None when that is not now."""
        return self._durable(_ENTRIES)

    def pulls_position(self) -> int:
        """Return the last batch of the journal's pulls that is counted."""
        return self._position(_PULLS)

    def set_pulls_position(self, position: int) -> None:
        """Move the position in the journal's batches of pulls."""
        self._set_position(_PULLS, position)

    def durable_pulls_position(self) -> int | None:
        """Return the position of pulls once no power cut can undo it; None when that is not now."""
        return self._durable(_PULLS)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _position(self, name: str) -> int:
        row = self._database.execute(
            "SELECT position FROM positions WHERE name = ?", [name]
        ).fetchone()
        return row[0] if row else 0

    def _set_position(self, name: str, position: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", [name, position])

    def _durable(self, name: str) -> int | None:
        """Return a position that a checkpoint has synced with all that follows from it.

        That is one that takes in every transaction; somebody who reads an older state keeps it from
        being whole.
        """
        position = self._position(name)
        with translated_errors(self.path):
            row = self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        is_busy, in_wal, moved = row
        return None if is_busy or moved < in_wal else position
