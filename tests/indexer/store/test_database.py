"""Opening files: migrations, several processes at once, and files that are not ours to change."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from indexer.errors import StoreError, UnusableFileError
from indexer.store import Journal, Store
from indexer.store.database import open_database

OPENERS: dict[str, Callable[..., Store | Journal]] = {"store": Store, "journal": Journal}

OPEN_BOTH = """
import sys
from pathlib import Path
from indexer.store import Journal, Store
print("ready", flush=True)
sys.stdin.readline()
for opener in (Store, Journal):
    opener(Path(sys.argv[1])).close()
"""


@pytest.fixture(params=["store", "journal"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tables(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY 1").fetchall()


def applied(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
    return [row[0] for row in rows]


def test_a_file_is_made_once_and_opened_again_as_it_is(tmp_path: Path, name: str) -> None:
    OPENERS[name](tmp_path).close()
    before = tables(tmp_path / f"{name}.db"), applied(tmp_path / f"{name}.db")
    OPENERS[name](tmp_path).close()
    assert (tables(tmp_path / f"{name}.db"), applied(tmp_path / f"{name}.db")) == before
    assert applied(tmp_path / f"{name}.db")


def test_files_are_in_wal_mode_so_that_readers_and_the_writer_do_not_wait(
    tmp_path: Path, name: str
) -> None:
    OPENERS[name](tmp_path).close()
    with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_processes_that_start_together_all_open_the_same_new_files(tmp_path: Path) -> None:
    """Regression: SQLite does not wait where two processes turn WAL mode on at the same time."""
    for round_number in range(2):
        directory = tmp_path / str(round_number)
        directory.mkdir()
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN_BOTH, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(6)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.communicate()[1] for process in processes] == [""] * 6
        assert len(set(applied(directory / "store.db"))) == len(applied(directory / "store.db"))


def test_a_migration_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    is_broken = True
    steps = Migrations("test")

    @steps()
    def m001_first(database: Database) -> None:
        database.execute("CREATE TABLE first (x)")

    @steps()
    def m002_second(database: Database) -> None:
        database.execute("CREATE TABLE second (x)")
        if is_broken:
            database.execute("CREATE TABLE second (x)")

    path = tmp_path / "test.db"
    with pytest.raises(StoreError, match=r"test\.db: table second already exists"):
        open_database(path, steps, synchronous="NORMAL")
    assert applied(path) == ["m001_first"]
    assert "second" not in dict(tables(path))
    is_broken = False
    open_database(path, steps, synchronous="NORMAL").close()
    assert applied(path) == ["m001_first", "m002_second"]


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    def first(database: Database) -> None:
        database.execute("CREATE TABLE rows (x)")

    def second(database: Database) -> None:
        database.execute("ALTER TABLE rows ADD COLUMN y DEFAULT 'new'")

    old, new = Migrations("test"), Migrations("test")
    old(name="m001")(first)
    new(name="m001")(first)
    new(name="m002")(second)
    path = tmp_path / "test.db"
    database = open_database(path, old, synchronous="NORMAL")
    database.execute("INSERT INTO rows VALUES ('old')")
    database.close()
    with pytest.raises(StoreError, match="not up to date yet"):
        open_database(path, new, synchronous="NORMAL", read_only=True)
    database = open_database(path, new, synchronous="NORMAL")
    assert database.execute("SELECT * FROM rows").fetchall() == [("old", "new")]
    database.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_a_newer_version_is_refused_by_name_and_not_changed(
    tmp_path: Path, name: str, *, read_only: bool
) -> None:
    """It is refused before anything of ours is run against it."""
    OPENERS[name](tmp_path).close()
    path = tmp_path / f"{name}.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        first = connection.execute("SELECT min(id) FROM _sqlite_migrations").fetchone()[0]
        connection.execute(
            "UPDATE _sqlite_migrations SET name = 'm900_future' WHERE id = ?", [first]
        )
    before = tables(path), applied(path)
    with pytest.raises(StoreError, match=rf"{name}\.db was made by a newer .* 'm900_future'"):
        OPENERS[name](tmp_path, read_only=read_only)
    assert (tables(path), applied(path)) == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 100, b"SQLite format 3\0" * 64]
)
def test_a_damaged_file_is_named_and_not_overwritten(
    tmp_path: Path, name: str, content: bytes, *, read_only: bool
) -> None:
    path = tmp_path / f"{name}.db"
    path.write_bytes(content)
    with pytest.raises(UnusableFileError, match=rf"{name}\.db: .* is damaged and is left as it is"):
        OPENERS[name](tmp_path, read_only=read_only)
    assert path.read_bytes() == content


def test_a_page_that_is_damaged_is_found_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    """Regression: a file with a good beginning was opened, and written to until the page came."""
    OPENERS[name](tmp_path).close()
    path = tmp_path / f"{name}.db"
    content = path.read_bytes()
    damaged = content[:8_192] + b"\xff" * 4_096 + content[12_288:]
    path.write_bytes(damaged)
    with pytest.raises(UnusableFileError, match=rf"{name}\.db: .* is damaged"):
        OPENERS[name](tmp_path)
    assert path.read_bytes() == damaged


def test_a_file_that_is_locked_is_not_called_damaged(tmp_path: Path) -> None:
    path, steps = tmp_path / "test.db", Migrations("test")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked") as raised:
            open_database(path, steps, synchronous="NORMAL", busy_timeout_ms=10)
        assert not isinstance(raised.value, UnusableFileError)
        other.execute("ROLLBACK")
    open_database(path, steps, synchronous="NORMAL").close()


def test_a_missing_file_is_not_made_by_who_only_reads(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=rf"{name}\.db: unable to open"):
        OPENERS[name](tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_not_migrated_by_who_only_reads(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.db").touch()
    with pytest.raises(StoreError, match=r"not up to date yet: start the indexer once"):
        OPENERS[name](tmp_path, read_only=True)
    assert (tmp_path / f"{name}.db").read_bytes() == b""


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Store(tmp_path).close()
    reader = Store(tmp_path, read_only=True)
    with pytest.raises(StoreError, match="readonly"), reader.transaction():
        reader.set_journal_position(7)
    reader.close()


def test_a_missing_directory_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=rf"absent/{name}\.db"):
        OPENERS[name](tmp_path / "absent")


def test_a_lock_file_that_cannot_be_opened_is_an_error_of_the_store(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.lock").mkdir()
    with pytest.raises(StoreError, match=rf"{name}\.lock"):
        OPENERS[name](tmp_path)


def test_the_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Read-only files are opened by a URI, in which many characters mean something else."""
    directory = tmp_path / "50%3f of #1? ünïcode"
    directory.mkdir()
    OPENERS[name](directory).close()
    OPENERS[name](directory, read_only=True).close()
