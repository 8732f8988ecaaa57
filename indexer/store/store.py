"""The store: our copy of registries in SQLite, and everything that must change with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.extract import ChainKind
from indexer.store.absences import AbsenceTables
from indexer.store.attachments import AttachmentTables
from indexer.store.changes import Changes
from indexer.store.content import ContentTables
from indexer.store.damage import DamageTables
from indexer.store.database import close_database, open_database, translated_errors
from indexer.store.extraction import ExtractionTables
from indexer.store.history import TagHistory
from indexer.store.index_state import SearchIndexTables
from indexer.store.lineage import ChainTables, LineageKeys, LineageTables, Trie
from indexer.store.measures import MeasureTables
from indexer.store.moves import MoveTables
from indexer.store.parts import PartTables
from indexer.store.presence import PresenceTables
from indexer.store.pulled import PulledTables
from indexer.store.pulls import PullTables
from indexer.store.queue import Queue
from indexer.store.referrers import ReferrersTables
from indexer.store.registries import RegistryTables
from indexer.store.repositories import RepositoryTables
from indexer.store.retention import RetentionTables
from indexer.store.schema import STORE_FILE, migrations
from indexer.store.shown import ShownTables
from indexer.store.stale import StaleDocuments
from indexer.store.summaries import SummaryTables
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
        self._is_read_only = read_only
        self._database = open_database(
            self.path, migrations, synchronous="NORMAL", read_only=read_only
        )
        self._make_tables(self._database)
        if not read_only and not self.extraction.is_current():
            with translated_errors(self.path), self._database.atomic():
                self.extraction.begin()

    def _make_tables(self, database: Database) -> None:
        """Make each table once, those first that others are made with."""
        tries = {kind: Trie(database, kind) for kind in ChainKind}
        history = TagHistory(database)
        self.absences = AbsenceTables(database)
        self.attachments = AttachmentTables(database)
        self.changes = Changes(database)
        self.lineage_keys = LineageKeys(database, tries)
        self.measures = MeasureTables(database)
        self.moves = MoveTables(database)
        self.parts = PartTables(database)
        self.pulls = PullTables(database)
        self.queue = Queue(database)
        self.repositories = RepositoryTables(database)
        self.stale = StaleDocuments(database)
        self.summaries = SummaryTables(database)
        self.chains = ChainTables(database, tries=tries, stale=self.stale)
        self.extraction = ExtractionTables(database, self.chains)
        self.lineage = LineageTables(
            database, history=history, repositories=self.repositories, tries=tries
        )
        self.presence = PresenceTables(database, self.stale)
        self.pulled = PulledTables(database, self.stale)
        self.referrers = ReferrersTables(database, self.stale)
        self.registries = RegistryTables(
            database, absences=self.absences, pulled=self.pulled, stale=self.stale
        )
        self.untagged = UntaggedTables(database, self.stale)
        self.retention = RetentionTables(
            database, chains=self.chains, stale=self.stale, untagged=self.untagged
        )
        self.search_index = SearchIndexTables(database, self.untagged)
        self.content = ContentTables(
            database,
            attachments=self.attachments,
            chains=self.chains,
            changes=self.changes,
            extraction=self.extraction,
            history=history,
            presence=self.presence,
            pulls=self.pulls,
            retention=self.retention,
            stale=self.stale,
            untagged=self.untagged,
        )
        self.damage = DamageTables(
            database,
            extraction=self.extraction,
            parts=self.parts,
            queue=self.queue,
            registries=self.registries,
            search_index=self.search_index,
        )
        self.shown = ShownTables(database, content=self.content, history=history)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one transaction: all of it is kept, or nothing.

        :class:`indexer.errors.StoreError` when SQLite cannot.
        """
        with translated_errors(self.path), self._database.atomic():
            yield

    def set_alive(self, at: datetime) -> None:
        """Write that the indexer is alive, and can write."""
        self._database.execute("INSERT OR REPLACE INTO alive VALUES (1, ?)", [rfc3339(at)])

    def alive_at(self) -> str | None:
        """Return when the indexer was last alive, RFC 3339; None before the first time."""
        row = self._database.execute("SELECT at FROM alive").fetchone()
        return row[0] if row else None

    def version(self) -> int:
        """Return a number that is another one after every change by another process."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

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
        """Close the file, with all that was written in it."""
        if self._is_read_only:
            self._database.close()
        else:
            close_database(self._database)

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
