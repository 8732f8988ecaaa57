"""Searching a data directory that others make, change, swap and break meanwhile.

Long, because all that belongs to one module is tested in one place.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from indexer.engines import Engine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import NotFoundError, StoreError
from indexer.extract import BUILT_IN
from indexer.model.document import DocumentType
from indexer.model.event import Action, Event, Rejected
from indexer.model.names import RepositoryName
from indexer.store import (
    Journal,
    LiveIndex,
    OwnThread,
    Priority,
    RebuildProgress,
    RefreshKind,
    RefreshTarget,
    Store,
    StoreSearchState,
    StoreStatus,
)
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.resources import Resources
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.response import status_json
from search_api.search.result import SearchResult
from search_api.search.searcher import FRESHNESS_AGE, Searcher
from search_api.search.service import SearchService
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.fakes.engine import WatchedEngine
from tests.search_api.filling import Pushed, be_alive, bring_up_to_date, fill, finish_crawl, put
from tests.search_api.sample_content import NGINX, WEB

pytestmark = pytest.mark.anyio

ALL = Order(DocumentType.REPOSITORY)
CONTENT = [Pushed("nginx", NGINX), Pushed("team/web", WEB)]


class Interrupting(WatchedEngine):
    """``then`` is run once, before a reader looks for what is new."""

    def __init__(self, directory: Path) -> None:
        super().__init__(WhooshEngine(directory), self._watched)
        self.then: Callable[[], None] | None = None
        self.opened = 0

    def _watched(self, call: str) -> None:
        self.opened += call == "open_reader"
        if call == "refresh" and self.then is not None:
            then, self.then = self.then, None
            then()


@asynccontextmanager
async def opened(
    directory: Path, clock: ManualClock, *, engine: Engine | None = None
) -> AsyncIterator[SearchService]:
    state = StoreSearchState(directory)
    engine = engine or WhooshEngine(directory / INDEX_DIRECTORY)
    searcher = Searcher(state=state, engine=engine, clock=clock)
    service = SearchService(
        searcher,
        state,
        make_thread=partial(OwnThread, path=state.directory),
        clock=clock,
        kinds=BUILT_IN,
    )
    try:
        yield service
    finally:
        await service.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def directory(tmp_path: Path, clock: ManualClock) -> Path:
    await fill(tmp_path, CONTENT, clock=clock)
    return tmp_path


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    opened_store = Store(directory)
    yield opened_store
    opened_store.close()


async def everything(service: SearchService, text: str = "") -> SearchResult:
    return await service.search(SearchRequest(ALL, limit=100, text=text))


def names(answer: SearchResult) -> list[str]:
    return [hit.result["repository"] for hit in answer.page.hits]


def live_index(store: Store) -> LiveIndex:
    live = store.search_index.live()
    assert live is not None
    return live


def live_folder(directory: Path) -> Path:
    """The folder of the generation that answers searches."""
    with closing(Store(directory, read_only=True)) as store:
        return directory / INDEX_DIRECTORY / live_index(store).generation


# The store


async def test_before_the_first_start_there_is_nothing_and_it_says_so(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path, clock) as service:
        answer = await everything(service)
        status = await service.status()
        assert not await service.is_ready()
    assert (answer.page.hits, answer.page.total) == ((), 0)
    assert not answer.freshness.complete
    assert answer.freshness.registries == ()
    assert (status.live, status.documents, status.store) == (None, {}, StoreStatus())
    assert list(tmp_path.iterdir()) == [], "looking makes no files"


async def test_a_store_that_appears_is_found_without_a_restart(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path, clock) as service:
        assert names(await everything(service)) == []
        Store(tmp_path).close()
        assert names(await everything(service)) == []
        assert not await service.is_ready()
        await fill(tmp_path, CONTENT, clock=clock)
        assert names(await everything(service)) == ["nginx", "team/web"]
        assert await service.is_ready()
        clock.advance(1)
        assert (await everything(service)).freshness.complete


async def test_resources_are_read_as_soon_as_there_is_a_store(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with opened(tmp_path, clock) as service:
        with pytest.raises(StoreError, match="no indexer has made a store yet"):
            await service.read(Resources.registries)
        assert list(tmp_path.iterdir()) == []
        with closing(Store(tmp_path)) as store:
            put(store, CONTENT, clock=clock)
        [main] = await service.read(Resources.registries)
        assert main["repository_count"] == len(CONTENT)
        with pytest.raises(NotFoundError, match="no registry 'none'"):
            await service.read(lambda resources: resources.registry("none"))


async def test_a_store_that_cannot_be_read_is_not_taken_for_none(
    tmp_path: Path, clock: ManualClock
) -> None:
    """No answer may look as if nothing was there when nothing could be read."""
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    async with opened(tmp_path, clock) as service:
        for ask in (everything(service), service.status(), service.is_ready()):
            with pytest.raises(StoreError, match=r"store\.db"):
                await ask
        (tmp_path / "store.db").unlink()
        assert names(await everything(service)) == []


async def test_a_store_of_a_newer_version_is_named(directory: Path, clock: ManualClock) -> None:
    with closing(sqlite3.connect(directory / "store.db")) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('store', 'm999_later', 'now')"
        )
        connection.commit()
    async with opened(directory, clock) as service:
        with pytest.raises(StoreError, match="newer version"):
            await everything(service)


async def test_what_is_indexed_meanwhile_is_found_by_the_next_search(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    async with opened(directory, clock) as service:
        assert names(await everything(service)) == ["nginx", "team/web"]
        put(store, [Pushed("new/one", image(seed="new"))], clock=clock)
        assert names(await everything(service)) == ["nginx", "team/web"]
        await bring_up_to_date(directory, clock=clock)
        assert names(await everything(service)) == ["new/one", "nginx", "team/web"]


# The search index


async def rebuild(directory: Path, store: Store, clock: ManualClock) -> None:
    with store.transaction():
        store.search_index.set_rebuild(RebuildProgress(0, 0))
    await bring_up_to_date(directory, clock=clock)


async def test_a_generation_is_swapped_while_searches_go_on(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    """No search fails or finds less while the search index is made again."""
    async with opened(directory, clock) as service:
        before = live_folder(directory)
        running = asyncio.create_task(rebuild(directory, store, clock))
        searches = 0
        while not running.done():
            assert names(await everything(service)) == ["nginx", "team/web"]
            searches += 1
        await running
        assert names(await everything(service)) == ["nginx", "team/web"]
        assert searches > 3
    assert live_folder(directory) != before


async def test_a_generation_that_is_swapped_away_in_the_middle_of_a_search(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    """The store named it, and before it could be read it was gone."""
    engine = Interrupting(directory / INDEX_DIRECTORY)

    def swap() -> None:
        live, folder = live_index(store), live_folder(directory)
        following = replace(live, generation=f"{live.generation}x")
        folder.rename(folder.with_name(following.generation))
        with store.transaction():
            store.search_index.set_live(following)

    async with opened(directory, clock, engine=engine) as service:
        await everything(service)
        engine.then = swap
        assert names(await everything(service)) == ["nginx", "team/web"]
        engine.then = swap
        assert (await service.status()).documents[DocumentType.REPOSITORY] == 2
        engine.then = swap
        assert await service.is_ready()
        assert engine.then is None
    assert engine.opened == 4


async def test_a_search_index_that_does_not_open_is_empty_and_every_answer_says_so(
    directory: Path, clock: ManualClock
) -> None:
    async with opened(directory, clock) as service:
        assert await service.is_ready()
        shutil.rmtree(live_folder(directory))
        for _ in range(2):
            with capture_logs() as logs:
                answer = await everything(service)
            assert (names(answer), answer.freshness.complete) == ([], False)
            assert "search_index_unusable" in [line["event"] for line in logs]
        assert not await service.is_ready()
        status = await service.status()
    # Whoever looks for what is wrong is shown what can be shown.
    assert (status.live, status.documents) == (None, {})
    assert not status.freshness.index_complete
    assert [registry.name for registry in status.freshness.registries] == ["main", "second"]


async def test_a_healed_search_index_is_found_without_a_restart(
    directory: Path, clock: ManualClock
) -> None:
    async with opened(directory, clock) as service:
        await everything(service)
        shutil.rmtree(live_folder(directory))
        assert names(await everything(service)) == []
        await bring_up_to_date(directory, clock=clock)
        assert names(await everything(service)) == ["nginx", "team/web"]


@pytest.mark.parametrize("other", [{"schema_version": 0}, {"engine": "other"}])
async def test_a_generation_of_another_schema_or_engine_is_not_read(
    directory: Path, clock: ManualClock, store: Store, other: dict[str, Any]
) -> None:
    with store.transaction():
        store.search_index.set_live(replace(live_index(store), **other))
    async with opened(directory, clock) as service:
        answer = await everything(service)
        assert not await service.is_ready()
        assert (await service.status()).live is None
    assert answer.page.total == 0
    assert not answer.freshness.complete


async def test_a_reader_is_opened_once_and_kept(directory: Path, clock: ManualClock) -> None:
    engine = Interrupting(directory / INDEX_DIRECTORY)
    async with opened(directory, clock, engine=engine) as service:
        for _ in range(3):
            await everything(service)
            await service.status()
    assert engine.opened == 1


async def test_pages_follow_each_other(directory: Path, clock: ManualClock) -> None:
    async with opened(directory, clock) as service:
        first = await service.search(SearchRequest(ALL, limit=1))
        second = await service.search(SearchRequest(ALL, limit=1, cursor=first.next))
    assert first.page.has_more
    assert not second.page.has_more
    assert names(first) + names(second) == ["nginx", "team/web"]


async def test_many_searches_at_once_are_all_answered(directory: Path, clock: ManualClock) -> None:
    async with opened(directory, clock) as service:
        answers = await asyncio.gather(
            *(everything(service, "web" if n % 2 else "nginx") for n in range(100))
        )
    assert [names(answer) for answer in answers] == [["nginx"], ["team/web"]] * 50


# How true an answer is


async def test_an_answer_is_complete_only_when_every_registry_was_read_whole(
    tmp_path: Path, clock: ManualClock
) -> None:
    await fill(tmp_path, [], clock=clock)
    with closing(Store(tmp_path)) as store:
        async with opened(tmp_path, clock) as service:

            async def complete() -> bool:
                be_alive(tmp_path, clock=clock)
                return (await everything(service)).freshness.complete

            assert await complete()
            with store.transaction():
                row = store.registries.put("third", url="http://x", registry_host="x")
            assert not await complete(), "one was never read"
            with store.transaction():
                crawl = store.registries.start_crawl(row.id, at=clock.now())
            (third,) = [
                each
                for each in (await everything(service)).freshness.registries
                if each.name == "third"
            ]
            assert third.first_backfill_running
            with store.transaction():
                store.registries.save_catalog_page(crawl, resume="", repositories=0)
                store.registries.end_crawl(row.id, at=clock.now())
            assert not await complete(), "one was not read whole"
            with store.transaction():
                crawl = store.registries.start_crawl(row.id, at=clock.now())
                store.registries.save_catalog_page(crawl, resume="", repositories=0)
                store.registries.finish_crawls(row.id, at=clock.now())
            assert await complete()
            with store.transaction():
                store.registries.set_error(row.id, "away", at=clock.now())
            assert not await complete(), "one cannot be read now"
            with store.transaction():
                store.registries.set_answered(row.id)
            assert await complete()


async def test_while_anything_waits_freshness_is_counted_again_only_after_a_while(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    async with opened(directory, clock) as service:
        number = store.registries.registry_id("main")
        assert number is not None

        def ask_for(name: str) -> None:
            with store.transaction():
                target = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName(name))
                store.queue.add(number, [target], priority=Priority.EVENT, due_at=clock.now())

        async def waiting() -> int:
            return (await everything(service)).freshness.registries[0].refreshes_waiting

        assert await waiting() == 0
        ask_for("x")
        assert await waiting() == 1, "at once, for until then nothing waited"
        ask_for("y")
        assert (await service.status()).freshness.registries[0].refreshes_waiting == 2
        assert await waiting() == 1
        clock.advance(FRESHNESS_AGE / timedelta(seconds=1))
        assert await waiting() == 1
        clock.advance(0.001)
        assert await waiting() == 2


async def test_an_answer_never_tells_of_an_event_that_came_after_its_search(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    """An event that is applied and indexed between search and count is not in that answer."""
    engine = Interrupting(directory / INDEX_DIRECTORY)
    async with opened(directory, clock, engine=engine) as service:
        await everything(service)
        clock.advance(1)
        number = store.registries.registry_id("main")
        assert number is not None

        def apply_an_event() -> None:
            with store.transaction():
                store.registries.set_event_applied(number, clock.now())

        engine.then = apply_an_event
        answer = await everything(service)
        assert answer.freshness.registries[0].newest_event_applied_at is None
        clock.advance(1)
        answer = await everything(service)
        assert answer.freshness.registries[0].newest_event_applied_at is not None


async def test_what_waits_in_the_journal_is_counted(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    journal = Journal(directory)
    event = Event(Action.DELETE, RepositoryName("a"))
    journal.append(
        [("main", event), ("main", event), ("second", Rejected("odd", b"x"))],
        received_at=clock.now(),
    )
    async with opened(directory, clock) as service:
        counts = (await everything(service)).freshness.journal
        assert (counts["main"].waiting, counts["main"].rejected) == (2, 0)
        assert (counts["second"].waiting, counts["second"].rejected) == (0, 1)
        with store.transaction():
            store.set_journal_position(journal.newest())
        status = await service.status()
        assert status.freshness.journal["second"].rejected == 1
        assert "main" not in status.freshness.journal
        assert [(row[0], row[2]) for row in status.store.rejected] == [("second", "odd")]
    journal.close()


async def test_status_shows_crawls_rebuilds_and_what_was_set_aside(
    directory: Path, clock: ManualClock, store: Store
) -> None:
    number = store.registries.registry_id("main")
    assert number is not None
    target = RefreshTarget(RefreshKind.TAG, RepositoryName("team/web"), "1.4")
    with store.transaction():
        store.queue.add(number, [target], priority=Priority.EVENT, due_at=clock.now())
        (refresh,) = store.queue.due(number, clock.now(), limit=5)
        store.queue.set_aside(refresh, reason="it is too large")
        store.search_index.set_rebuild(RebuildProgress(1, 2))
    finish_crawl(store, "second", clock=clock, complete=False)
    async with opened(directory, clock) as service:
        status = await service.status()
    (aside,) = status.store.set_aside
    assert (aside.registry, aside.repository, aside.reference) == ("main", "team/web", "1.4")
    assert status.store.rebuild == RebuildProgress(1, 2)
    assert status.documents == {
        DocumentType.IMAGE: 2,
        DocumentType.REPOSITORY: 2,
        DocumentType.UNTAGGED: 0,
    }
    main, second = status.store.crawls["main"], status.store.crawls["second"]
    assert main is not None
    assert second is not None
    assert (main.complete, second.complete) == (True, False)


async def test_the_status_has_the_advice_of_the_engine_that_the_settings_name(
    directory: Path, clock: ManualClock
) -> None:
    class Advising(WatchedEngine):
        def advice(self, documents: int) -> str | None:
            return f"{documents} are many"

    engine = Advising(WhooshEngine(directory / INDEX_DIRECTORY), lambda _: None)
    async with opened(directory, clock, engine=engine) as service:
        status = await service.status()
    assert status.advice == "4 are many"
    assert status_json(status)["search_index"]["advice"] == "4 are many"
