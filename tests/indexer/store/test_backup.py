"""Copies of journal and store fit together, however the service goes on meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import StoreError, UnusableFileError
from indexer.model.event import Action, Event
from indexer.model.names import RepositoryName
from indexer.store import JOURNAL_FILE, STORE_FILE, Journal, Store, adopt_databases, copy_databases
from tests.fakes.clock import START, ManualClock

REGISTRY = "main"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a data directory with a registry that was crawled, and one event that was taken in."""
    made = tmp_path / "data"
    made.mkdir()
    with closing(Journal(made)) as journal, closing(Store(made)) as store:
        journal.append([event(1)], received_at=START)
        with store.transaction():
            row = store.registries.put(REGISTRY, url="http://main", registry_host="main")
            store.registries.start_crawl(row.id, at=START)
            store.set_journal_position(journal.newest())
    return made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    made = tmp_path / "copies"
    made.mkdir()
    return made


def event(number: int) -> tuple[str, Event]:
    return REGISTRY, Event(Action.DELETE, RepositoryName(f"r{number}"), event_id=f"e{number}")


def test_copies_hold_what_is_only_in_the_logs_of_those_who_write(directory: Path, to: Path) -> None:
    with closing(Journal(directory)) as journal, closing(Store(directory)) as store:
        journal.append([event(2)], received_at=START)
        with store.transaction():
            store.set_journal_position(journal.newest())
        copied = copy_databases(directory, to, clock=ManualClock())
        journal.append([event(3)], received_at=START)
    assert (copied.taken_at, list(copied.registries), copied.tags) == (START, [REGISTRY], 0)
    assert copied.store_version.startswith("m0")
    assert sorted(path.name for path in to.iterdir()) == [JOURNAL_FILE, STORE_FILE]
    with closing(Journal(to)) as journal, closing(Store(to)) as store:
        entries, reached = journal.entries_after(0, limit=10)
        assert len(entries) == 2
        assert store.journal_position() == reached


def test_adopted_copies_are_crawled_and_have_no_search_index(directory: Path, to: Path) -> None:
    copy_databases(directory, to, clock=ManualClock())
    adopt_databases(to, now=START)
    with closing(Store(to)) as store:
        registry_id = store.registries.registry_id(REGISTRY)
        assert registry_id is not None
        assert store.registries.events_lost_at(registry_id) == START
        assert store.search_index.live() is None


@pytest.mark.parametrize("name", [JOURNAL_FILE, STORE_FILE])
def test_damage_is_not_copied(directory: Path, to: Path, name: str) -> None:
    path = directory / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(UnusableFileError, match=name):
        copy_databases(directory, to, clock=ManualClock())


@pytest.mark.parametrize("name", [JOURNAL_FILE, STORE_FILE])
def test_a_file_that_is_missing_is_named(directory: Path, to: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(StoreError, match=name):
        copy_databases(directory, to, clock=ManualClock())


def test_who_holds_the_journal_for_too_long_is_waited_for_and_named(
    directory: Path, to: Path
) -> None:
    with closing(sqlite3.connect(directory / JOURNAL_FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"journal\.db.*locked"):
            copy_databases(directory, to, clock=ManualClock(), lock_seconds=0.05)
