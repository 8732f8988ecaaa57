"""The indexer process: one at a time, fed from the journal, in line with its settings."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from indexer.clock import SystemClock
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import IndexerRunningError, StoreError
from indexer.extract import BUILT_IN
from indexer.intake import ENTRIES_PER_WRITE, move_entries
from indexer.model.document import ASKED_FOR, DocumentType
from indexer.model.event import Command, Event, Rejected
from indexer.model.names import TagName
from indexer.model.query import Everything
from indexer.run import PID_FILE, _client, indexer_lock, put_registries, run_indexer
from indexer.settings import RegistrySettings
from indexer.store import Journal, RefreshKind, RefreshTarget, Store, StoreThread
from tests.builders import image
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.indexer.stepping import Stepping, make_settings, pushed

pytestmark = pytest.mark.anyio

A, B = (image(seed=seed) for seed in "ab")
WEB = "team/web"
HOLDER = """
import sys, time
from pathlib import Path
from indexer.run import indexer_lock
with indexer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


class TestLock:
    def test_only_one_process_holds_it_and_its_number_is_told(self, tmp_path: Path) -> None:
        with indexer_lock(tmp_path):
            assert (tmp_path / PID_FILE).read_text() == f"{os.getpid()}\n"
            refused = pytest.raises(IndexerRunningError, match=f"as process {os.getpid()}$")
            with refused, indexer_lock(tmp_path):
                pass
            assert (tmp_path / PID_FILE).read_text() == f"{os.getpid()}\n"
        with indexer_lock(tmp_path):
            pass

    def test_two_directories_have_two_locks(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        with indexer_lock(tmp_path), indexer_lock(tmp_path / "other"):
            pass

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / PID_FILE).mkdir()
        with pytest.raises(StoreError, match=rf"{PID_FILE}: "), indexer_lock(tmp_path):
            pass

    def test_a_kill_frees_it(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            refused = pytest.raises(IndexerRunningError, match=f"as process {holder.pid}$")
            with refused, indexer_lock(tmp_path):
                pass
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        with indexer_lock(tmp_path):
            assert (tmp_path / PID_FILE).read_text() == f"{os.getpid()}\n"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        opened.registry.put(WEB, A, tag="1")
        await opened.settle()
        await opened.index()
        yield opened


class TestJournal:
    async def test_entries_of_an_unknown_registry_are_passed_over(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, B, tag="2")
        stepping.deliver(pushed(WEB, B.digest, tag="2"), registry="nobody-knows-it")
        stepping.deliver(pushed(WEB, B.digest, tag="2"))
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.store.journal_position() == stepping.journal.newest()

    async def test_rejected_entries_are_passed_over(self, stepping: Stepping) -> None:
        stepping.journal.append(
            [("default", Rejected("no JSON", b"x"))], received_at=stepping.clock.now()
        )
        await stepping.enqueue_refreshes()
        assert stepping.store.journal_position() == stepping.journal.newest()
        assert stepping.waiting() == 0

    async def test_entries_are_moved_once_and_in_batches(self, stepping: Stepping) -> None:
        events = [pushed(f"team/r{n}", A.digest, tag="1") for n in range(ENTRIES_PER_WRITE + 3)]
        stepping.deliver(*events)
        moved = [await move(stepping) for _ in range(3)]
        assert moved == [ENTRIES_PER_WRITE, 3, 0]
        catalog = 1  # It is read because these are many of repositories that are not known.
        assert stepping.freshness().refreshes_waiting == len(events) + catalog
        before = stepping.store.transactions
        assert await move(stepping) == 0
        assert stepping.store.transactions == before, "nothing new, nothing written"


async def move(stepping: Stepping) -> int:
    entries = await stepping.thread.read(
        lambda store: move_entries(stepping.journal, store, stepping.rows, now=stepping.clock.now())
    )
    return len(entries)


class TestSettings:
    """The effect of settings with other registries than in the run before."""

    async def test_a_registry_that_is_removed_leaves_the_search_index(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, "old", "new") as stepping:
            for registry in stepping.registries.values():
                registry.put(WEB, A, tag="1")
            await stepping.settle()
            await stepping.index()
            removed = stepping.registries.pop("old")
            await stepping.reopen()
            await stepping.index()
            assert [row.name for row in stepping.store.registries.freshness()] == ["new"]
            assert stepping.searchable() == stepping.truth() == {("new", WEB, "1"): A.digest}
            await stepping.reopen()
            await stepping.index()
            stepping.registries["old"] = removed
            await stepping.reopen()
            await stepping.settle()
            await stepping.index()
            assert stepping.searchable() == stepping.truth()
            assert len(stepping.truth()) == 2, "it is back at once, without waiting for a crawl"

    async def test_the_history_of_a_removed_registry_is_kept(self, tmp_path: Path) -> None:
        """Nobody could tell it again."""
        async with Stepping(tmp_path, "old", "new") as stepping:
            old = stepping.registries["old"]
            old.put(WEB, A, tag="1")
            stepping.deliver(pushed(WEB, A.digest, tag="1"), registry="old")
            await stepping.settle()
            moves = stepping.moves()
            assert {move[3] for move in moves} == {"ci"}
            stepping.registries.pop("old")
            await stepping.reopen()
            assert stepping.moves() == moves

    async def test_a_registry_that_had_nothing_is_removed_without_a_trace(
        self, tmp_path: Path
    ) -> None:
        async with Stepping(tmp_path, "old", "new") as stepping:
            await stepping.settle()
            stepping.registries.pop("old")
            await stepping.reopen()
            assert stepping.waiting() == 0

    async def test_a_registry_with_another_host_is_shown_under_it_and_read_again(
        self, stepping: Stepping
    ) -> None:
        settings = make_settings(
            stepping.directory,
            RegistrySettings(
                name="default", url="http://default.test", registry_host="mirror.test:5000"
            ),
        )
        with stepping.store.transaction():
            rows = put_registries(stepping.store, settings, now=stepping.clock.now())
        assert stepping.store.queue.contains(rows["default"].id, RefreshTarget(RefreshKind.CATALOG))
        await stepping.index()
        for kind in ASKED_FOR:
            [hit] = stepping.hits(kind)
            assert hit.result["reference"] == f"mirror.test:5000/{WEB}:1"
        with stepping.store.transaction():
            put_registries(stepping.store, settings, now=stepping.clock.now())
        assert stepping.store.search_index.stale_count() == 0


class TickingClock(SystemClock):
    """Real time in which every sleep is short; ``slept`` has the requested seconds."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001 if len(self.slept) < 10_000 else seconds)


class Running:
    """The whole indexer at work on a registry that is served."""

    def __init__(self, directory: Path, registry: FakeRegistry) -> None:
        self.registry = registry
        self.journal = Journal(directory)
        self.store = Store(directory)
        self.engine = WhooshEngine(directory / "search-index")

    def searchable(self) -> dict[tuple[str, str], str]:
        live = self.store.search_index.live()
        if live is None:
            return {}
        reader = self.engine.open_reader(live.generation)
        hits = reader.search(Everything(), document_type=DocumentType.IMAGE, limit=100).hits
        reader.close()
        return {
            (hit.result["repository"], tag): hit.result["digest"]
            for hit in hits
            for tag in hit.result["tags"]
        }

    def truth(self) -> dict[tuple[str, str], str]:
        return {
            (name, TagName(tag)): digest
            for name, content in self.registry.content.repositories.items()
            for tag, digest in content.tags.items()
        }

    async def until_true(self) -> None:
        # Whoever holds the journal keeps the store's thread waiting at each of many short sleeps.
        async with asyncio.timeout(60):
            while self.searchable() != self.truth():
                await asyncio.sleep(0.01)


@pytest.fixture
def served() -> Iterator[tuple[FakeRegistry, str]]:
    registry = FakeRegistry(username="reader", password="secret")
    registry.put(WEB, A, tag="1")
    with serving(registry.app) as url:
        yield registry, url


@asynccontextmanager
async def running(
    directory: Path, served: tuple[FakeRegistry, str], clock: SystemClock
) -> AsyncIterator[Running]:
    registry, url = served
    settings = make_settings(
        directory,
        RegistrySettings(
            name="default",
            url=url,
            registry_host="host",
            username="reader",
            password="secret",
            crawl_interval=timedelta(0),
        ),
    )
    run = Running(directory, registry)
    task = asyncio.create_task(
        run_indexer(settings, engine=run.engine, clock=clock, kinds=BUILT_IN)
    )
    try:
        yield run
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        run.journal.close()
        run.store.close()


async def test_the_indexer_crawls_takes_in_events_and_makes_them_searchable(
    tmp_path: Path, served: tuple[FakeRegistry, str]
) -> None:
    clock = TickingClock()
    async with running(tmp_path, served, clock) as run:
        await run.until_true()
        run.registry.put(WEB, B, tag="1")
        run.registry.put("team/new", A, tag="1")
        events = [pushed(WEB, B.digest, tag="1"), pushed("team/new", A.digest, tag="1")]
        run.journal.append([("default", event) for event in events], received_at=clock.now())
        await run.until_true()
        run.registry.delete_repository("team/new")
        run.journal.append([("default", Command.CRAWL)], received_at=clock.now())
        await run.until_true()
    # And once more, where it was.
    async with running(tmp_path, served, clock) as run:
        run.registry.put(WEB, A, tag="2")
        many = [("elsewhere", pushed(WEB, A.digest))] * ENTRIES_PER_WRITE
        run.journal.append(many, received_at=clock.now())
        run.journal.append([("default", pushed(WEB, A.digest, tag="2"))], received_at=clock.now())
        await run.until_true()


def event_ids(journal: Journal) -> list[str]:
    return [
        entry.item.event_id
        for entry in journal.entries_after(0, limit=9)[0]
        if isinstance(entry.item, Event)
    ]


async def until_only_the_new_is_left(journal: Journal) -> None:
    async with asyncio.timeout(60):
        while event_ids(journal) != ["new"]:
            await asyncio.sleep(0.01)


@pytest.fixture
def old_and_new(tmp_path: Path) -> Iterator[Journal]:
    """Give a journal with an entry that is old enough to be dropped and one that is not."""
    journal = Journal(tmp_path)
    now = SystemClock().now()
    old = now - timedelta(days=7, minutes=1)
    journal.append([("default", pushed(WEB, A.digest, tag="1", event_id="old"))], received_at=old)
    journal.append([("default", pushed(WEB, A.digest, event_id="new"))], received_at=now)
    yield journal
    journal.close()


async def test_old_entries_of_the_journal_are_dropped_once_no_power_cut_can_undo_their_effect(
    tmp_path: Path, served: tuple[FakeRegistry, str], old_and_new: Journal
) -> None:
    """Regression: an entry went for good while its effect was not synced to the disk yet."""
    async with running(tmp_path, served, TickingClock()):
        await until_only_the_new_is_left(old_and_new)
        # What is sure to be left: the write-ahead log is synced at checkpoints only.
        (tmp_path / "left").mkdir()
        shutil.copy(tmp_path / "store.db", tmp_path / "left")
    store = Store(tmp_path / "left")
    assert store.journal_position() >= old_and_new.newest() - 1
    store.close()


async def test_a_journal_that_somebody_holds_is_pruned_later_and_stops_nothing(
    tmp_path: Path, served: tuple[FakeRegistry, str], old_and_new: Journal
) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with structlog.testing.capture_logs() as logged:
            async with running(tmp_path, served, TickingClock()) as run:
                await run.until_true()
                async with asyncio.timeout(60):
                    while not any(line["event"] == "journal_not_pruned" for line in logged):
                        await asyncio.sleep(0.01)
                assert event_ids(old_and_new) == ["old", "new"]
                holder.execute("ROLLBACK")
                await until_only_the_new_is_left(old_and_new)


async def test_that_a_certificate_is_not_checked_is_told_at_each_start(tmp_path: Path) -> None:
    settings = RegistrySettings(name="lab", url="https://r.test", insecure=True)
    store = StoreThread(Store(tmp_path))
    try:
        with structlog.testing.capture_logs() as logs:
            rows = await store.write(
                lambda opened: put_registries(
                    opened, make_settings(tmp_path, settings), now=SystemClock().now()
                )
            )
            client = _client(settings, rows["lab"], store=store, clock=SystemClock())
            await client.aclose()
    finally:
        store.close()
    (said,) = (line for line in logs if line["event"] == "tls_not_verified")
    assert (said["registry"], said["log_level"]) == ("lab", "warning")
