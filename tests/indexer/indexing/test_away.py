"""A search index in a cluster that is away for a while, is left for another engine, or is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from indexer.engines import Engine
from indexer.engines.opensearch import ClusterAddress, OpenSearchEngine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import EngineAwayError, EngineError
from indexer.store import LiveIndex, RebuildProgress
from tests.builders import image
from tests.end_to_end.ports import free_port
from tests.indexer.stepping import Stepping, pushed
from tests.opensearch.cluster import Cluster

pytestmark = pytest.mark.anyio

IMAGES = [image(seed=str(number)) for number in range(6)]
SECONDS = 60.0
Until = Callable[[Callable[[], bool]], Awaitable[None]]
BLOCK = "cluster.blocks.read_only"


@pytest.fixture
def cluster(needs_cluster: Cluster) -> Iterator[Cluster]:
    yield needs_cluster
    block(needs_cluster, value=None)


def block(cluster: Cluster, *, value: bool | None) -> None:
    """Have the cluster refuse all that writes, or take that back."""
    cluster.ask("PUT", "/_cluster/settings", {"transient": {BLOCK: value}})


def in_cluster(directory: Path, *urls: str) -> OpenSearchEngine:
    return OpenSearchEngine(
        directory / "search-index", ClusterAddress(urls, timeout=30), prefix="t-away", patience=0
    )


def in_files(directory: Path) -> WhooshEngine:
    return WhooshEngine(directory / "search-index")


@asynccontextmanager
async def stepping_on(directory: Path, engine: Engine) -> AsyncIterator[Stepping]:
    """Give an indexer with an engine, whose search index has six images."""
    stepping = Stepping(directory, batch=2)
    stepping.engine = engine
    async with stepping:
        for number, built in enumerate(IMAGES):
            stepping.registry.put(f"team/web{number}", built, tag="1")
        await stepping.crawl()
        await stepping.index()
        yield stepping


async def restarted(stepping: Stepping, engine: Engine, *others: Engine) -> None:
    stepping._close_reader()
    stepping.engine, stepping.others = engine, others
    await stepping.reopen()


@asynccontextmanager
async def indexing(stepping: Stepping) -> AsyncIterator[Until]:
    """Run the loop of the indexing; gives what waits until something is so."""
    running = asyncio.create_task(stepping.indexing.run())

    async def until(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not is_so():
                assert not running.done(), running.exception()
                stepping.clock.advance(5)
                stepping.indexing.changed.set()
                await asyncio.sleep(0.02)

    try:
        yield until
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def live(stepping: Stepping) -> LiveIndex:
    found = stepping.store.search_index.live()
    assert found is not None
    return found


def is_right(stepping: Stepping) -> bool:
    """Tell whether searches find what the registry holds, and nothing waits."""
    try:
        is_found = stepping.searchable() == stepping.truth()
    except (EngineError, AssertionError):
        # Repositories are written before images.
        return False
    return is_found and live(stepping).complete and not stepping.store.search_index.stale_count()


async def push(stepping: Stepping, repository: str) -> None:
    built = image(seed=repository)
    stepping.registry.put(repository, built, tag="2")
    stepping.deliver(pushed(repository, built.digest, tag="2"))
    await stepping.settle()


async def test_changes_wait_for_a_cluster_that_takes_none_and_none_is_lost(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stepping_on(tmp_path, in_cluster(tmp_path, *cluster.urls)) as stepping:
        before, generation = stepping.searchable(), live(stepping).generation
        with capture_logs() as logs:
            async with indexing(stepping) as until:
                block(cluster, value=True)
                await push(stepping, "team/new")
                await until(lambda: any(one["event"] == "search_index_away" for one in logs))
                assert stepping.searchable() == before
                assert stepping.store.search_index.stale_count() > 0
                block(cluster, value=None)
                await until(lambda: is_right(stepping))
                await until(lambda: any(one["event"] == "search_index_back" for one in logs))
        assert live(stepping).generation == generation
        told = [one for one in logs if one["event"] == "search_index_away"]
        assert len(told) == 1, "it is said once, however often it is tried"


async def test_a_start_waits_for_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    async with stepping_on(tmp_path, in_cluster(tmp_path, *cluster.urls)) as stepping:
        generation = live(stepping).generation
        await restarted(stepping, stepping.engine)
        block(cluster, value=True)
        with capture_logs() as logs:
            async with indexing(stepping) as until:
                await until(lambda: any(one["event"] == "search_index_away" for one in logs))
                block(cluster, value=None)
                await push(stepping, "team/new")
                await until(lambda: is_right(stepping))
        assert live(stepping).generation == generation, "what is there is not made anew"


async def test_an_index_that_somebody_removed_is_made_anew_by_itself(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stepping_on(tmp_path, in_cluster(tmp_path, *cluster.urls)) as stepping:
        generation = live(stepping).generation
        async with indexing(stepping) as until:
            cluster.ask("DELETE", "/t-away*")
            await until(lambda: live(stepping).generation != generation and is_right(stepping))
        assert stepping.engine.generations() == [live(stepping).generation]


async def test_a_rebuild_goes_on_where_the_cluster_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stepping_on(tmp_path, in_cluster(tmp_path, *cluster.urls)) as stepping:
        with stepping.store.transaction():
            stepping.store.search_index.set_rebuild(RebuildProgress(0, 0))
        await stepping.indexing.rebuilds.go_on()
        rebuild = stepping.indexing.generations.rebuild
        assert rebuild is not None
        waiting = list(rebuild.waiting)
        assert waiting
        block(cluster, value=True)
        with pytest.raises(EngineAwayError):
            await stepping.indexing.rebuilds.go_on()
        assert stepping.indexing.generations.rebuild is rebuild
        assert rebuild.waiting == waiting
        block(cluster, value=None)
        await stepping.index()
        assert live(stepping).generation == rebuild.generation
        assert is_right(stepping)


async def test_a_cluster_that_is_gone_is_left_without_waiting_for_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    there = in_cluster(tmp_path, *cluster.urls)
    async with stepping_on(tmp_path, there) as stepping:
        left = live(stepping).generation
        gone = in_cluster(tmp_path, f"http://127.0.0.1:{free_port()}")
        await restarted(stepping, in_files(tmp_path), gone)
        async with indexing(stepping) as until:
            await push(stepping, "team/new")
            await until(lambda: live(stepping).engine == "whoosh" and is_right(stepping))
        assert there.generations() == [left]
        await restarted(stepping, in_files(tmp_path), there)
        await stepping.index()
        assert there.generations() == [], "it is removed when the cluster is back"


async def test_what_answers_is_kept_up_to_date_while_the_cluster_to_come_is_away(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stepping_on(tmp_path, in_files(tmp_path)) as stepping:
        block(cluster, value=True)
        await restarted(stepping, in_cluster(tmp_path, *cluster.urls), in_files(tmp_path))
        async with indexing(stepping) as until:
            await push(stepping, "team/new")
            await until(lambda: is_right(stepping))
            assert live(stepping).engine == "whoosh"
            block(cluster, value=None)
            await until(lambda: live(stepping).engine == "opensearch" and is_right(stepping))
            await until(lambda: in_files(tmp_path).generations() == [])


async def test_a_cluster_that_refuses_while_it_is_filled_keeps_no_change_from_what_answers(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with stepping_on(tmp_path, in_files(tmp_path)) as stepping:
        await restarted(stepping, in_cluster(tmp_path, *cluster.urls), in_files(tmp_path))
        await stepping.indexing.generations.open()
        stepping._is_healed = True
        await stepping.indexing.rebuilds.go_on()
        block(cluster, value=True)
        await push(stepping, "team/new")
        while await stepping.indexing.update():
            pass
        assert live(stepping).engine == "whoosh"
        assert is_right(stepping)
        assert not await stepping.indexing.rebuilds.go_on()
        block(cluster, value=None)
        stepping.clock.advance(60)
        await stepping.index()
        assert live(stepping).engine == "opensearch"
        assert is_right(stepping)
        assert stepping.engine.generations() == [live(stepping).generation]


async def test_moving_to_a_cluster_and_back_leaves_nothing_behind(
    cluster: Cluster, tmp_path: Path
) -> None:
    files, there = in_files(tmp_path), in_cluster(tmp_path, *cluster.urls)
    async with stepping_on(tmp_path, files) as stepping:
        for engine, other in ((there, files), (files, there), (there, files)):
            await restarted(stepping, engine, other)
            await stepping.indexing.generations.open()
            stepping._is_healed = True
            while stepping.store.search_index.rebuild() is not None:
                assert live(stepping).engine == other.name
                assert is_right(stepping), "the one before answers"
                await stepping.indexing.rebuilds.go_on()
            assert live(stepping).engine == engine.name
            assert is_right(stepping)
            assert other.generations() == []
