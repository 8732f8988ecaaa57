"""Opening SQLite files: pragmas, migrations, and what their errors mean."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
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
        database = Database(connection, execute_plugins=False)
        try:
            database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if not read_only:
                database.execute("PRAGMA journal_mode = WAL").fetchall()
                database.execute(f"PRAGMA synchronous = {synchronous}")
                with _one_at_a_time(path):
                    migrations.apply(database)
            _refuse_newer(database, migrations, path)
        except BaseException:
            connection.close()
            raise
    return database


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Keep two processes that start together from migrating the same file."""
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_newer(database: Database, migrations: Migrations, path: Path) -> None:
    applied = {migration.name for migration in migrations.applied(database)}
    ours = {migration.name for migration in migrations.pending(Database(memory=True))}
    if applied - ours:
        unknown = min(applied - ours)
        raise StoreError(f"{path} was made by a newer version: unknown migration {unknown!r}")
    if ours - applied:
        raise StoreError(f"{path} is not up to date yet: start the indexer once")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into :class:`StoreError` naming the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
