"""Pulls: added up in the journal, and moved into the store once, even after a kill."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import JournalError
from indexer.model.event import Pull
from indexer.model.names import Digest, RepositoryName
from indexer.model.stored import Pulls
from indexer.store import Journal, PullCount, Store
from tests.builders import image, index
from tests.indexer.store.stored import NOW, WEB, at, push, put_repository

A, B = (Digest("sha256:" + letter * 64) for letter in "ab")
CHILD = image()
MULTI = index([CHILD])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def pull(journal: Journal, *digests: Digest, registry: str = "main", when: float = 0) -> None:
    pulls = [(registry, Pull(WEB, digest, at(when))) for digest in digests]
    journal.append(pulls, received_at=NOW)


def numbers(counts: list[PullCount]) -> dict[tuple[str, str], int]:
    return {(each.registry, each.digest): each.pulls for each in counts}


def rows(tmp_path: Path) -> int:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        (found,) = connection.execute("SELECT count(*) FROM pulls").fetchone()
    return int(found)


def test_pulls_are_added_up_by_what_was_pulled(journal: Journal, tmp_path: Path) -> None:
    pull(journal, A, B, A)
    pull(journal, A, when=5)
    pull(journal, A, when=3)
    pull(journal, A, registry="other")
    assert rows(tmp_path) == 3
    counts, _ = journal.close_pulls(0)
    assert numbers(counts) == {("main", A): 4, ("main", B): 1, ("other", A): 1}
    (newest,) = [c.newest_at for c in counts if (c.registry, c.digest) == ("main", A)]
    assert newest == "2026-03-01T12:00:05.000000Z"


def test_a_pull_without_a_time_is_of_when_it_was_received(journal: Journal) -> None:
    journal.append([("main", Pull(WEB, A))], received_at=at(7))
    ((counted,), _) = journal.close_pulls(0)
    assert counted.newest_at == "2026-03-01T12:00:07.000000Z"


def test_a_closed_batch_gets_nothing_more(journal: Journal) -> None:
    pull(journal, A)
    counts, first = journal.close_pulls(0)
    pull(journal, A, A)
    assert numbers(counts) == {("main", A): 1}
    again, second = journal.close_pulls(first)
    assert numbers(again) == {("main", A): 2}
    assert second > first
    assert journal.close_pulls(second) == ([], second), "nothing came, so there is no new batch"


def test_what_was_not_moved_is_there_again_with_what_came_since(journal: Journal) -> None:
    pull(journal, A)
    journal.close_pulls(0)
    pull(journal, A, B)
    counts, _ = journal.close_pulls(0)
    assert numbers(counts) == {("main", A): 2, ("main", B): 1}


def test_batches_are_dropped_up_to_a_position(journal: Journal, tmp_path: Path) -> None:
    pull(journal, A)
    _, first = journal.close_pulls(0)
    pull(journal, B)
    _, second = journal.close_pulls(first)
    journal.drop_pulls(first)
    assert rows(tmp_path) == 1
    assert numbers(journal.close_pulls(0)[0]) == {("main", B): 1}
    journal.drop_pulls(second)
    assert rows(tmp_path) == 0


def test_a_new_journal_goes_on_behind_the_batches_of_a_lost_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    pull(journal, A)
    _, position = journal.close_pulls(0)
    journal.close()
    for path in tmp_path.glob("journal.*"):
        path.unlink()
    with closing(Journal(tmp_path)) as new:
        pull(new, B)
        counts, _ = new.close_pulls(position - 1)
        assert numbers(counts) == {("main", B): 1}


def test_what_cannot_be_written_is_an_error_and_kept(journal: Journal, tmp_path: Path) -> None:
    pull(journal, A)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            pull(journal, A)
        with pytest.raises(JournalError, match="locked"):
            journal.close_pulls(0)
        with pytest.raises(JournalError, match="locked"):
            journal.drop_pulls(10**12)
    assert numbers(journal.close_pulls(0)[0]) == {("main", A): 1}


# In the store


def counted(digest: str, pulls: int = 1, *, when: float = 0) -> PullCount:
    newest_at = at(when).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return PullCount("main", RepositoryName(WEB), Digest(digest), pulls, newest_at)


def test_counts_of_a_digest_and_of_its_repository_grow(store: Store) -> None:
    web, other = put_repository(store), put_repository(store, "other")
    assert store.pulls.get_repository(web) == Pulls(0, None)
    for one in (counted(A, 2, when=9), counted(A, 3), counted(B, 1, when=4)):
        assert store.pulls.add(web, one)
    assert store.pulls.get_image(web, A) == Pulls(5, "2026-03-01T12:00:09.000000Z")
    assert store.pulls.get_image(web, B) == Pulls(1, "2026-03-01T12:00:04.000000Z")
    assert store.pulls.get_repository(web) == Pulls(6, "2026-03-01T12:00:09.000000Z")
    assert store.pulls.get_repository(other) == Pulls()


def test_an_index_and_its_child_are_one_pull_of_the_repository(store: Store) -> None:
    web, other = put_repository(store), put_repository(store, "other")
    push(store, web, "1", MULTI, when=0)
    assert store.pulls.add(web, counted(MULTI.digest))
    assert not store.pulls.add(web, counted(CHILD.digest))
    assert store.pulls.get_repository(web).count == 1
    assert store.pulls.get_image(web, Digest(CHILD.digest)).count == 1
    assert store.pulls.add(other, counted(CHILD.digest)), "there it is no part of an index"


def test_a_child_that_has_a_tag_is_an_image_of_its_own(store: Store) -> None:
    web = put_repository(store)
    push(store, web, "1", MULTI, when=0)
    push(store, web, "amd64", CHILD, when=0)
    assert store.pulls.add(web, counted(CHILD.digest))
    assert store.pulls.get_repository(web).count == 1
