"""Opening SQLite files: pragmas, migrations, and what their errors mean."""

import fcntl
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from indexer.errors import DamagedRowError, OutdatedStoreError, StoreError, UnusableFileError

BUSY_TIMEOUT_MS = 5_000
_UNREADABLE = (UnicodeDecodeError, zlib.error, json.JSONDecodeError)
"""What bytes cause that are not what was written."""
_UNDECODED = "Could not decode to UTF-8"
"""How Python's errors begin about a text of a row that is none."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def open_database(
    path: Path,
    migrations: Migrations,
    *,
    synchronous: str,
    read_only: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
) -> Database:
    """Open or make a file in WAL mode and bring its schema up to date.

    ``synchronous`` is SQLite's word, ``FULL`` or ``NORMAL``. A read-only database is never made or
    migrated. The connection may move between threads but serves one at a time.
    :class:`UnusableFileError` names the file when it is damaged, which is looked for before the
    first write, or made by a newer version; :class:`StoreError` when it cannot be used now.
    """
    with _named_damage(path), translated_errors(path):
        if read_only:
            uri = f"{path.resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        else:
            connection = sqlite3.connect(path, check_same_thread=False)
        try:
            database = Database(connection, execute_plugins=False)
            database.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
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
        refuse_damaged(database.conn, path)
        _refuse_newer(database, migrations, path)
        database.execute("PRAGMA journal_mode = WAL").fetchall()
        migrations.apply(database)


def refuse_unusable(path: Path, *, thoroughly: bool) -> None:
    """Look at a file that another process writes; :class:`UnusableFileError` if it is damaged.

    ``thoroughly`` looks at every page. One that is not there, or cannot be read now, is fine.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with (
            _named_damage(path),
            translated_errors(path),
            closing(sqlite3.connect(uri, uri=True)) as connection,
        ):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if thoroughly:
                refuse_damaged(connection, path)
    except UnusableFileError:
        raise
    except StoreError:
        # Whoever needs it says why.
        return


def refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """Look at every page, a second for each GB or so: what is written to a damaged file is lost.

    :class:`UnusableFileError` names ``path``.
    """
    with translated_errors(path):
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _damaged(path, found.splitlines()[-1])


def _damaged(path: Path, reason: object) -> UnusableFileError:
    return UnusableFileError(
        f"{path}: {reason}; the file is damaged and is left as it is:"
        " restore a backup with `regsearch restore`, or move the file away: a new one is begun,"
        " and the next crawl fills it"
    )


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's own number of an error, without its details; 0 where Python raised it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


@contextmanager
def _named_damage(path: Path) -> Iterator[None]:
    """Tell damage, which SQLite may find wherever it reads, from what may pass."""
    try:
        yield
    except StoreError as error:
        if isinstance(error, DamagedRowError):
            raise _damaged(path, error.__cause__) from error
        raise


def _refuse_newer(database: Database, migrations: Migrations, path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as empty:
        ours = {m.name for m in migrations.pending(Database(empty, execute_plugins=False))}
    unknown = sorted({migration.name for migration in migrations.applied(database)} - ours)
    if unknown:
        raise UnusableFileError(
            f"{path} was made by a newer version: unknown migration {unknown[0]!r}; use that"
            " version, or restore a backup with `regsearch restore`"
        )


def _refuse_others(database: Database, migrations: Migrations, path: Path) -> None:
    _refuse_newer(database, migrations, path)
    if migrations.pending(database):
        raise OutdatedStoreError(f"{path} is not up to date yet: start the indexer once")


def close_database(database: Database) -> None:
    """Close a file that was written to, with all of it in the file itself and none in its log.

    SQLite does so only for whoever closes last, and not if that one only reads. So a copy of the
    file of a stopped service is whole. Where the disk is full, the log is kept and is read again.
    """
    with suppress(sqlite3.Error):
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.close()


def unpack(packed: bytes, *, table: str, row: str) -> bytes:
    """Return what was compressed into a row; :class:`DamagedRowError` names it."""
    try:
        return zlib.decompress(packed)
    except (zlib.error, TypeError) as error:
        raise DamagedRowError(
            f"table {table}, row {row} of the store cannot be read: {error}"
        ) from error


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into :class:`StoreError` naming the file.

    :class:`DamagedRowError` if bytes are not what was written, :class:`UnusableFileError` if SQLite
    says so of the file.
    """
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) in _DAMAGED:
            raise _damaged(path, error) from error
        kind = DamagedRowError if str(error).startswith(_UNDECODED) else StoreError
        raise kind(f"{path}: {error}") from error
    except _UNREADABLE as error:
        raise DamagedRowError(f"{path}: a row cannot be read: {error}") from error
