"""Pull counts reach the store and answers once, after a kill of any process at any time."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from indexer.intake import PULLS_SECONDS, count_pulls, move_pulls
from indexer.model.document import DocumentType
from indexer.model.event import Pull
from indexer.model.names import Digest, RepositoryName
from indexer.store import Store
from tests.builders import image, index
from tests.fakes.clock import ManualClock
from tests.indexer.stepping import KilledError, Stepping

pytestmark = pytest.mark.anyio

A = image(seed="a")
MULTI = index([A])
WEB = "team/web"


def pull(stepping: Stepping, digest: str, times: int = 1, *, repository: str = WEB) -> None:
    pulls = [("default", Pull(RepositoryName(repository), Digest(digest)))] * times
    stepping.journal.append(pulls, received_at=stepping.clock.now())


def shown(stepping: Stepping) -> dict[str, tuple[int, str | None]]:
    return {
        hit.id: (hit.result["pulls"], hit.result["last_pulled_at"])
        for kind in DocumentType
        for hit in stepping.hits(kind)
    }


async def test_pulls_are_shown_with_image_and_repository(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put(WEB, MULTI, tag="1")
        stepping.registry.put(WEB, A, tag="amd64")
        await stepping.crawl()
        await stepping.index()
        assert set(shown(stepping).values()) == {(0, None)}
        pull(stepping, MULTI.digest, 3)
        pull(stepping, A.digest)
        pulled_at = stepping.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert stepping.move_pulls() == 2
        await stepping.index()
        assert shown(stepping) == {
            f"{WEB} default": (4, pulled_at),
            f"{WEB}@{MULTI.digest} default": (3, pulled_at),
            f"{WEB}@{A.digest} default": (1, pulled_at),
        }
        live = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == live, "counts survive a rebuild"


async def test_pulls_survive_a_removal_and_a_new_crawl(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        pull(stepping, A.digest, 5)
        stepping.move_pulls()
        stepping.registry.delete_repository(WEB)
        await stepping.crawl()
        await stepping.index()
        assert shown(stepping) == {}
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        await stepping.index()
        assert {count for count, _ in shown(stepping).values()} == {5}


async def test_pulls_before_the_first_sight_of_a_repository_count(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put(WEB, A, tag="1")
        pull(stepping, A.digest, 2)
        stepping.move_pulls()
        await stepping.crawl()
        await stepping.index()
        assert {count for count, _ in shown(stepping).values()} == {2}


async def test_a_kill_before_any_transaction_counts_nothing_twice_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        for number in range(1, 4):
            pull(stepping, A.digest, number)
            await stepping.reopen(dies_at=2)
            stepping.move_pulls()
            pull(stepping, A.digest)
            with pytest.raises(KilledError):
                stepping.move_pulls()
        await stepping.reopen()
        stepping.move_pulls()
        repository_id = stepping.repository_id(WEB)
        assert stepping.store.pulls.get_repository(repository_id).count == 1 + 2 + 3 + 3


async def test_pulls_of_a_registry_that_the_settings_do_not_name_are_passed_over(
    tmp_path: Path,
) -> None:
    async with Stepping(tmp_path) as stepping:
        gone = ("gone", Pull(RepositoryName(WEB), Digest(A.digest)))
        stepping.journal.append([gone], received_at=stepping.clock.now())
        assert stepping.move_pulls() == 1
        assert stepping.move_pulls() == 0
        assert stepping.store.pulls_position() > 0


async def test_a_power_cut_undoes_no_count_that_the_journal_has_dropped(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        pull(stepping, A.digest, 3)
        stepping.move_pulls()
        pull(stepping, A.digest, 4)
        stepping.move_pulls()
        # What is sure to be left of the store: its write-ahead log is synced at checkpoints only.
        (tmp_path / "left").mkdir()
        shutil.copy(tmp_path / "store.db", tmp_path / "left")
        with closing(Store(tmp_path / "left")) as left:
            row = stepping.rows["default"]
            with left.transaction():
                left.registries.put(row.name, url="", registry_host="")
            move_pulls(stepping.journal, left, stepping.rows, now=stepping.clock.now())
            repository_id = left.repositories.find(row.id, RepositoryName(WEB))
            assert repository_id is not None
            assert left.pulls.get_repository(repository_id).count == 7


async def test_counts_are_moved_every_minute_also_after_the_journal_was_held(
    tmp_path: Path,
) -> None:
    clock, changed = ManualClock(), asyncio.Event()
    async with Stepping(tmp_path) as stepping:
        pull(stepping, A.digest)
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with structlog.testing.capture_logs() as logged:
                counting = asyncio.create_task(
                    count_pulls(
                        stepping.journal,
                        stepping.thread,
                        stepping.rows,
                        clock=clock,
                        on_change=changed.set,
                    )
                )
                async with asyncio.timeout(60):
                    while not logged:
                        await asyncio.sleep(0.01)
        assert logged[0]["event"] == "pulls_not_moved"
        async with asyncio.timeout(60):
            await changed.wait()
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting
        assert set(clock.sleeps) == {PULLS_SECONDS}
        assert stepping.store.pulls.get_repository(stepping.repository_id(WEB)).count == 1
