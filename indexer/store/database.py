"""Opening SQLite files: pragmas, migrations, and what their errors mean."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from indexer.errors import StoreError

BUSY_TIMEOUT_MS = 5_000


def open_database(
    path: Path, migrations: Migrations, *, synchronous: str, read_only: bool = False
) -> Database:
    """Open or make a file in WAL mode and bring its schema up to date.

    ``synchronous`` is SQLite's word, ``FULL`` or ``NORMAL``. A read-only database is never made or
    migrated. The connection may move between threads but serves one at a time.
    :class:`StoreError` names the file when it is missing, damaged, or made by a newer version.
    """
    with translated_errors(path):
        if read_only:
            uri = f"{path.resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        else:
            connection = sqlite3.connect(path, check_same_thread=False)
        try:
            database = Database(connection, execute_plugins=False)
            database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if read_only:
                _refuse_others(database, migrations, path)
            else:
                _bring_up_to_date(database, migrations, path)
                database.execute(f"PRAGMA synchronous = {synchronous}")
        except BaseException:
            connection.close()
            raise
    return database


def _bring_up_to_date(database: Database, migrations: Migrations, path: Path) -> None:
    """Migrate, one process at a time; SQLite does not wait where two turn WAL mode on at once."""
    try:
        lock = path.with_suffix(".lock").open("a")
    except OSError as error:
        raise StoreError(f"{path}: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _refuse_newer(database, migrations, path)
        database.execute("PRAGMA journal_mode = WAL").fetchall()
        migrations.apply(database)


def _refuse_newer(database: Database, migrations: Migrations, path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as empty:
        ours = {m.name for m in migrations.pending(Database(empty, execute_plugins=False))}
    unknown = sorted({migration.name for migration in migrations.applied(database)} - ours)
    if unknown:
        raise StoreError(f"{path} was made by a newer version: unknown migration {unknown[0]!r}")


def _refuse_others(database: Database, migrations: Migrations, path: Path) -> None:
    _refuse_newer(database, migrations, path)
    if migrations.pending(database):
        raise StoreError(f"{path} is not up to date yet: start the indexer once")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into :class:`StoreError` naming the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
