"""Copies of journal and store that fit together, taken while both are written to.

For a moment the journal is held, as anybody does who appends to it. In that moment both are looked
at, and both copies are of that state. So each event that was acknowledged before is in the copy of
the journal, and the copy of the store knows no entry that is not: one would be skipped when its
number is given to another event.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from indexer.clock import Clock
from indexer.errors import StoreError
from indexer.store.database import refuse_damaged, translated_errors
from indexer.store.journal import JOURNAL_FILE, Journal
from indexer.store.schema import STORE_FILE
from indexer.store.store import Store

LOCK_SECONDS = 10.0
"""How long to wait for others that write to the journal."""


@dataclass(frozen=True, slots=True)
class CopiedDatabases:
    """What was copied: each event that was acknowledged before ``taken_at`` is in it."""

    taken_at: datetime
    store_version: str
    """The last step of the schema."""
    journal_version: str
    registries: Sequence[str]
    tags: int


def copy_databases(
    directory: Path, to: Path, *, clock: Clock, lock_seconds: float = LOCK_SECONDS
) -> CopiedDatabases:
    """Copy store and journal of a data directory, which others may use, into a folder.

    :class:`UnusableFileError` names a file that is damaged, :class:`StoreError` one that is not
    there or cannot be read now.
    """
    journal_path, store_path = directory / JOURNAL_FILE, directory / STORE_FILE
    for path in (store_path, journal_path):
        if not path.exists():
            raise StoreError(f"{path}: no such file; start regsearch once to make it")
        with closing(_open(path)) as database:
            # Named before anything waits for it.
            _look(database, path)
    with (
        translated_errors(journal_path),
        closing(sqlite3.connect(journal_path, timeout=lock_seconds, isolation_level=None)) as held,
        closing(_open(journal_path)) as journal,
        closing(_open(store_path)) as store,
    ):
        _hold(held)
        taken_at = clock.now()
        _look(store, store_path)
        _look(journal, journal_path)
        held.rollback()
        _copy(journal, journal_path, to / JOURNAL_FILE)
        with translated_errors(store_path):
            _copy(store, store_path, to / STORE_FILE)
            names = store.execute("SELECT name FROM registries WHERE NOT removed ORDER BY name")
            (tags,) = store.execute("SELECT count(*) FROM tags WHERE hidden_at IS NULL").fetchone()
            return CopiedDatabases(
                taken_at=taken_at,
                store_version=_version(store),
                journal_version=_version(journal),
                registries=[row[0] for row in names],
                tags=tags,
            )


def adopt_databases(directory: Path, *, now: datetime) -> None:
    """Make copies the databases of a data directory whose search index is elsewhere, or nowhere.

    They are migrated. Each registry is crawled at the next start, for events after the copy are
    lost. :class:`UnusableFileError` names a file that is damaged, or that a newer version made.
    """
    Journal(directory).close()
    with closing(Store(directory)) as store, store.transaction():
        store.registries.set_lost(at=now)
        store.search_index.forget()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _hold(journal: sqlite3.Connection) -> None:
    """Let nobody write to the journal until the end of this transaction."""
    try:
        journal.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        # Nobody else writes to a disk that is read-only either, and it may be the last chance.
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
            raise


def _look(database: sqlite3.Connection, path: Path) -> None:
    """Begin to read: from the first query on, a connection sees the state of that moment."""
    with translated_errors(path):
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _copy(source: sqlite3.Connection, path: Path, to: Path) -> None:
    """Copy a database into one file; refuse to copy damage, for a backup is to be whole."""
    with closing(sqlite3.connect(to, isolation_level=None)) as copy:
        # Whoever keeps the copy syncs it.
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)
        refuse_damaged(copy, path)
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()


def _version(database: sqlite3.Connection) -> str:
    names = database.execute("SELECT max(name) FROM _sqlite_migrations").fetchone()
    return str(names[0])
