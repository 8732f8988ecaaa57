"""Damaged rows of each table are found, named, deleted and read again; whole rows never are."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import DamagedRowError, UnusableFileError
from indexer.model.event import Action, Command, Event, Pull, Rejected
from indexer.model.names import Digest
from indexer.store import JOURNAL_FILE, STORE_FILE, Journal, RefreshKind, RefreshTarget, Store
from indexer.store.damage import find_damaged
from indexer.store.database import refuse_unusable
from tests.attachments import sbom
from tests.builders import image, index
from tests.indexer.store.stored import NOW, WEB, event_move, push, put_registry, put_repository

A, B = image(seed="a"), image(seed="b")
MULTI = index([A, B], attestations=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a data directory with rows in most tables."""
    with closing(Store(tmp_path)) as store:
        repository_id = put_repository(store)
        for tag, built in (("1.0", A), ("2.0", B), ("multi", MULTI), ("sbom", sbom(A))):
            push(store, repository_id, tag, built, when=0)
        with store.transaction():
            store.content.add_tag_moves(repository_id, [event_move("1.0", A.digest, 1, "me")])
            crawl = store.registries.start_crawl(1, at=NOW)
            store.registries.set_source(1, "process 1", at=NOW)
            target = RefreshTarget(RefreshKind.TAG, WEB, "1.0")
            store.queue.add(1, [target], priority=1, due_at=NOW, crawl_id=crawl)  # type: ignore[arg-type]
            store.set_alive(NOW)
            store.set_journal_position(1)
    with closing(Journal(tmp_path)) as journal:
        event = Event(Action.PUSH, WEB, digest=Digest(A.digest), event_id="1", occurred_at=NOW)
        pull = Pull(WEB, Digest(A.digest), NOW)
        items: list[Any] = [event, Command.CRAWL, Rejected("odd", b"\xff"), pull]
        journal.append([("default", item) for item in items], received_at=NOW)
    return tmp_path


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement).rowcount > 0


def set_aside(directory: Path) -> list[tuple[str, str]]:
    """Return the table and the reason of each damaged row that was found."""
    with closing(Store(directory)) as store, store.transaction():
        return [(row.table, row.reason) for row in store.damage.set_aside(at=NOW)]


def test_what_is_whole_is_never_set_aside(directory: Path) -> None:
    for name in (STORE_FILE, JOURNAL_FILE):
        with closing(sqlite3.connect(directory / name)) as database:
            assert find_damaged(database) == []
    assert set_aside(directory) == []


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        (
            "manifests",
            "UPDATE manifests SET body = zeroblob(9)",
        ),
        ("tags", "UPDATE tags SET digest = 'sha256:x' WHERE name = '1.0'"),
        ("tags", "UPDATE tags SET confirmed_at = 'now' WHERE name = '1.0'"),
        ("tag_moves", "UPDATE tag_moves SET actor = CAST(x'ff' AS TEXT) WHERE from_event"),
        ("queue", "UPDATE queue SET kind = 'tbg'"),
        ("queue", "UPDATE queue SET priority = 'soon'"),
        ("positions", "UPDATE positions SET position = x'00'"),
        ("alive", "UPDATE alive SET at = ''||x'ff'"),
    ],
)
def test_a_damaged_row_is_found_and_gone(directory: Path, table: str, statement: str) -> None:
    change(directory / STORE_FILE, statement)
    assert {found for found, _ in set_aside(directory)} == {table}
    assert set_aside(directory) == []
    with closing(Store(directory)) as store:
        assert store.damage.count() > 0
        newest, *_ = store.damage.list_newest(limit=1)
        assert (newest.table, bool(newest.row), bool(newest.reason)) == (table, True, True)


def test_a_damaged_body_is_asked_for_again(directory: Path) -> None:
    where = f"WHERE digest = '{A.digest}'"
    change(directory / STORE_FILE, f"UPDATE manifests SET body = substr(body, 2) {where}")
    with (
        closing(Store(directory, read_only=True)) as store,
        pytest.raises(DamagedRowError, match=f"manifests, row {A.digest}"),
    ):
        store.content.manifest(1, Digest(A.digest))
    set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.queue.contains(1, RefreshTarget(RefreshKind.DIGEST, WEB, A.digest))
        assert not store.content.is_linked(1, Digest(A.digest))
        assert store.content.is_linked(1, Digest(B.digest))


def test_content_whose_digest_is_lost_is_asked_for_too(directory: Path) -> None:
    where = f"WHERE digest = '{A.digest}'"
    change(directory / STORE_FILE, f"UPDATE manifests SET digest = CAST(x'ff' AS TEXT) {where}")
    set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.queue.contains(1, RefreshTarget(RefreshKind.DIGEST, WEB, A.digest))


def test_the_users_of_a_damaged_config_are_asked_for(directory: Path) -> None:
    where = f"WHERE digest = '{A.blobs[0].digest}'"
    change(directory / STORE_FILE, f"UPDATE configs SET body = substr(body, 2) {where}")
    set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.queue.contains(1, RefreshTarget(RefreshKind.DIGEST, WEB, A.digest))
        assert not store.content.has_config(Digest(A.blobs[0].digest))


def test_damaged_lineage_is_made_again_from_the_bodies(directory: Path) -> None:
    change(directory / STORE_FILE, "UPDATE manifest_chains SET blob_chain = 'x' WHERE id = 1")
    set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.extraction.progress() is not None


def test_a_registry_keeps_its_number_and_is_crawled(directory: Path) -> None:
    broken = "UPDATE registries SET name = CAST(x'ff' AS TEXT), requests = 'x', error = x'00'"
    change(directory / STORE_FILE, broken)
    set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.registries.registry_id("damaged-1") == 1
        assert store.registries.events_lost_at(1) == NOW
        assert put_registry(store).id != 1


def test_a_repository_without_its_name_goes_with_all_that_is_in_it(directory: Path) -> None:
    change(directory / STORE_FILE, "UPDATE repositories SET name = CAST(x'ff' AS TEXT)")
    assert ("repositories", "name: it is no UTF-8") in set_aside(directory)
    with closing(Store(directory)) as store:
        assert store.content.tags(1) == {}
        assert store.registries.events_lost_at(1) == NOW
        assert store.search_index.rebuild() is not None


def test_damaged_entries_and_pulls_of_the_journal_are_found(directory: Path) -> None:
    for statement in (
        "UPDATE entries SET repository = CAST(x'ff' AS TEXT) WHERE action = 'push'",
        "UPDATE pulls SET newest_at = 'x'",
        "UPDATE open_batch SET batch = 'x'",
        "UPDATE reached SET position = 'x'",
    ):
        change(directory / JOURNAL_FILE, statement)
    with closing(Journal(directory)) as journal:
        found = {row.table for row in journal.set_damage_aside()}
        assert found == {"entries", "pulls", "open_batch", "reached"}
        entries, reached = journal.entries_after(0, limit=10)
        assert [entry.item for entry in entries] == [Command.CRAWL]
        assert journal.reached() == reached
        assert journal.close_pulls(0)[0] == []
        assert journal.set_damage_aside() == []


def test_a_file_that_sqlite_cannot_read_is_refused_by_who_only_reads(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    refuse_unusable(path, thoroughly=True)
    Store(tmp_path).close()
    refuse_unusable(path, thoroughly=True)
    content = path.read_bytes()
    path.write_bytes(content[:8_192] + b"\xff" * (len(content) - 8_192))
    with pytest.raises(UnusableFileError, match=r"store\.db.*regsearch restore"):
        refuse_unusable(path, thoroughly=True)
    path.write_bytes(b"no database" * 500)
    with pytest.raises(UnusableFileError, match=r"store\.db.*regsearch restore"):
        refuse_unusable(path, thoroughly=False)
