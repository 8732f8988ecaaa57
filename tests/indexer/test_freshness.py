"""What the indexer writes so that searches can say how fresh they are."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from indexer.clock import SystemClock, rfc3339
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import StoreError
from indexer.extract import BUILT_IN
from indexer.intake import PULLS_SECONDS, count_pulls, note_lost_events, note_reached
from indexer.run import ALIVE_SECONDS, run_indexer, stay_alive
from indexer.store import Journal, Store, StoreThread
from tests.builders import image
from tests.fakes.clock import START, ManualClock
from tests.indexer.stepping import Stepping, make_settings, pushed

pytestmark = pytest.mark.anyio

A, B = (image(seed=seed) for seed in "ab")
WEB = "team/web"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A registry with one image, read whole."""
    stepping = Stepping(tmp_path / "data")
    stepping.directory.mkdir()
    stepping.registry.put(WEB, A, tag="1")
    async with stepping:
        note(stepping)
        await stepping.settle()
        stepping.clock.advance(1)
        yield stepping


def note(stepping: Stepping) -> None:
    """Compare the store with the journal, as every start does."""
    note_lost_events(stepping.journal, stepping.store, now=stepping.clock.now())


# Alive


class StoppingClock(ManualClock):
    """A clock that cancels its sleeper after some sleeps."""

    def __init__(self, sleeps: int) -> None:
        super().__init__()
        self._left = sleeps

    async def sleep(self, seconds: float) -> None:
        """Sleep, or end the task."""
        self._left -= 1
        if not self._left:
            raise asyncio.CancelledError
        await super().sleep(seconds)


async def test_it_writes_every_second_that_it_is_alive(tmp_path: Path) -> None:
    clock = StoppingClock(3)
    with closing(StoreThread(Store(tmp_path))) as store:
        assert await store.read(Store.alive_at) is None
        with suppress(asyncio.CancelledError):
            await stay_alive(store, clock=clock, directory=tmp_path)
        assert await store.read(Store.alive_at) == rfc3339(START + timedelta(seconds=2))
    assert clock.sleeps == [ALIVE_SECONDS] * 2


async def test_an_indexer_that_cannot_write_is_not_alive_and_says_so_once(tmp_path: Path) -> None:
    class Full(Store):
        def set_alive(self, _: object) -> None:
            raise StoreError("the disk is full")

    with closing(StoreThread(Full(tmp_path))) as store, capture_logs() as logs:
        with suppress(asyncio.CancelledError):
            await stay_alive(store, clock=StoppingClock(4), directory=tmp_path)
        assert await store.read(Store.alive_at) is None
    assert [line["event"] for line in logs] == ["alive_not_written"]


async def test_it_is_alive_while_the_thread_that_indexes_is_busy(tmp_path: Path) -> None:
    class Slow(WhooshEngine):
        def create(self, generation: str) -> None:
            assert gate.wait(60)
            super().create(generation)

    class Fast(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds / 100)

    gate = threading.Event()
    engine = Slow(tmp_path / "search-index")
    running = asyncio.create_task(
        run_indexer(make_settings(tmp_path), engine=engine, clock=Fast(), kinds=BUILT_IN)
    )
    seen = set[str | None]()
    async with asyncio.timeout(60):
        while len(seen - {None}) < 5:
            await asyncio.sleep(0.01)
            assert not running.done()
            with suppress(StoreError), closing(Store(tmp_path, read_only=True)) as store:
                seen.add(store.alive_at())
                assert store.search_index.live() is None, "still at its first work"
    gate.set()
    running.cancel()
    await asyncio.wait([running])


# What no notification told


async def test_a_change_that_only_a_crawl_found_is_noted(stepping: Stepping) -> None:
    assert stepping.freshness().untold_at is None, "everything is new to the first crawl"
    stepping.registry.put(WEB, B, tag="1")
    stepping.deliver(pushed(WEB, B.digest, tag="1"))
    await stepping.settle()
    await stepping.crawl()
    assert stepping.freshness().untold_at is None, "the event told"
    stepping.registry.put(WEB, A, tag="1")
    await stepping.crawl()
    assert stepping.freshness().untold_at is not None


async def test_a_removal_that_only_a_crawl_found_is_noted(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    await stepping.settle()
    assert stepping.freshness().untold_at is None
    stepping.registry.delete_tag(WEB, "2")
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()
    assert stepping.freshness().untold_at is not None


# A store that is older than its journal, or than a lost one


def reach(stepping: Stepping) -> None:
    """Have the journal told what the store has taken in for good."""
    note_reached(stepping.journal, stepping.store)


def back_up(stepping: Stepping, folder: Path) -> None:
    folder.mkdir()
    for path in stepping.directory.glob("store.db*"):
        shutil.copy(path, folder)


def restore(stepping: Stepping, folder: Path) -> None:
    for path in stepping.directory.glob("store.db*"):
        path.unlink()
    shutil.copytree(folder, stepping.directory, dirs_exist_ok=True)


@pytest.mark.parametrize("is_journal_lost", [False, True])
async def test_a_store_from_a_backup_begins_a_crawl_by_itself(
    stepping: Stepping, tmp_path: Path, is_journal_lost: bool
) -> None:
    """What the time between brought is found again, told or not, without any other crawl."""
    reach(stepping)
    await stepping.close()
    back_up(stepping, tmp_path / "backup")
    await stepping.open()
    stepping.registry.put("told", B, tag="1")
    stepping.registry.put("untold", B, tag="1")
    stepping.deliver(pushed("told", B.digest, tag="1"))
    await stepping.crawl()
    reach(stepping)
    assert stepping.visible() == stepping.truth()
    before = stepping.latest_crawl().started_at
    await stepping.close()
    restore(stepping, tmp_path / "backup")
    if is_journal_lost:
        for path in stepping.directory.glob("journal.*"):
            path.unlink()
    stepping.clock.advance(60)
    await stepping.open()
    with capture_logs() as logs:
        note(stepping)
        note(stepping)
    assert [line["event"] for line in logs] == ["store_is_older"], "once"
    assert stepping.freshness().lost_at == rfc3339(stepping.clock.now())
    stepping.clock.advance(1)
    await stepping.settle()
    assert stepping.visible() == stepping.truth()
    assert stepping.latest_crawl().started_at > before
    assert stepping.latest_crawl().complete
    assert stepping.freshness().untold_at is None, "what was lost was told, perhaps"
    crawls = stepping.latest_crawl().id
    await stepping.reopen()
    note(stepping)
    stepping.clock.advance(3_600)
    await stepping.settle()
    assert stepping.latest_crawl().id == crawls, "one crawl is enough"


async def test_a_store_that_is_as_new_as_its_journal_needs_no_crawl(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    await stepping.settle()
    reach(stepping)
    await stepping.reopen()
    note(stepping)
    assert stepping.freshness().lost_at is None


def test_a_new_data_directory_lost_nothing(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal, closing(Store(tmp_path)) as store:
        with store.transaction():
            store.registries.put("main", url="", registry_host="")
        with capture_logs() as logs:
            note_lost_events(journal, store, now=START)
        assert (logs, journal.reached()) == ([], store.journal_position())
        assert store.registries.freshness()[0].lost_at is None


def test_a_journal_that_somebody_holds_is_told_later(tmp_path: Path) -> None:
    with (
        closing(Journal(tmp_path)) as journal,
        closing(sqlite3.connect(tmp_path / "journal.db")) as other,
        closing(Store(tmp_path)) as store,
    ):
        before = journal.reached()
        other.execute("BEGIN IMMEDIATE")
        note_lost_events(journal, store, now=START)
        assert journal.reached() == before
        other.rollback()
        note_reached(journal, store)
        assert journal.reached() == 0


async def test_the_position_is_noted_every_minute(tmp_path: Path) -> None:
    clock = StoppingClock(2)
    with closing(Journal(tmp_path)) as journal, closing(StoreThread(Store(tmp_path))) as store:
        known = journal.reached() + 7
        await store.write(lambda opened: opened.set_journal_position(known))
        with suppress(asyncio.CancelledError):
            await count_pulls(journal, store, {}, clock=clock, on_change=lambda: None)
        assert journal.reached() == known
    assert clock.sleeps == [PULLS_SECONDS]
