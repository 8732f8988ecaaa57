"""Data directories that an earlier version made: they open, migrate, and answer as before."""

import asyncio
import json
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from indexer.clock import Clock
from indexer.engines import Engine
from indexer.extract import BUILT_IN
from indexer.indexing import Indexing
from indexer.model import Action, Command, Event
from indexer.settings import Settings
from indexer.store import Journal, Store, StoreThread
from search_api.processes import make_engines
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import make_client, seem_served, settings_for

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parents[1] / "samples" / "data_dirs"
ANSWERS: dict[str, dict[str, Any]] = json.loads((SAMPLES / "answers.json").read_text())
NOT_KEPT = {"score", "cursor", "next"}
"""Keys whose values belong to an engine, or to one store."""
NEW = {"behind", "reasons", "documents_waiting", "indexer_alive_at", "notifications"}
NEW |= {"last_complete_crawl_started_at", "access"}
"""Keys that answers did not have yet when these directories were made."""
ASKED_MEANWHILE = ("/api/v1/search?q=web", "/v1/search?q=web")
ANSWERED_DAYS_LATER = 30
ENOUGH_SECONDS = 60


@pytest.fixture(params=["whoosh", "tantivy"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an unpacked data directory, with the engine that made its search index."""
    unpack(request.param, tmp_path)
    hosts = {"main": "main.test", "second": "second.test"}
    found = settings_for(tmp_path, registries=hosts)
    return found.model_copy(update={"engine": request.param})


@pytest.fixture
def clock() -> ManualClock:
    clock = ManualClock()
    clock.advance(ANSWERED_DAYS_LATER * 86_400)
    return clock


def unpack(name: str, directory: Path) -> None:
    # The first releases of Python 3.11 have no filters yet.
    safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(SAMPLES / f"{name}.tar.xz") as packed:
        packed.extractall(directory, **safely)


async def test_it_ends_with_the_same_answers(settings: Settings, clock: ManualClock) -> None:
    """Until the search index is made anew, answers may lack something, and then they say so."""
    async with make_client(make_web(settings, clock=clock)) as client:
        await ask_meanwhile(client)
        async with indexing(settings, clock=clock) as store, asyncio.timeout(ENOUGH_SECONDS):
            engine = make_engines(settings).chosen
            while not await store.read(partial(is_up_to_date, engine)):
                await ask_meanwhile(client)
        # Freshness is counted again after a quarter of a second.
        clock.advance(1)
        seem_served(settings.data_dir, clock=clock)
        for path, expected in ANSWERS.items():
            response = await client.get(path)
            body = kept(response.json())
            assert {"status": response.status_code, "body": body} == expected, path


async def test_a_start_again_changes_nothing(settings: Settings, clock: ManualClock) -> None:
    for _ in range(2):
        async with indexing(settings, clock=clock) as store, asyncio.timeout(ENOUGH_SECONDS):
            engine = make_engines(settings).chosen
            while not await store.read(partial(is_up_to_date, engine)):
                await asyncio.sleep(0.01)
            generation = await store.read(lambda opened: opened.search_index.live())
    async with indexing(settings, clock=clock) as store:
        assert await store.read(lambda opened: opened.search_index.live()) == generation


async def test_its_journal_is_understood(settings: Settings) -> None:
    journal = Journal(settings.data_dir)
    entries, _ = journal.entries_after(0, limit=1_000)
    said = [entry.item.action if isinstance(entry.item, Event) else entry.item for entry in entries]
    assert Counter(said) == {Command.CRAWL: 3, Action.PUSH: 18}
    assert journal.newest() == entries[-1].id
    journal.close()


@asynccontextmanager
async def indexing(settings: Settings, *, clock: Clock) -> AsyncIterator[StoreThread]:
    """Index in the background, as the indexer does that cannot reach any registry."""
    store = StoreThread(Store(settings.data_dir))
    engines = make_engines(settings)
    at_work = Indexing(
        directory=settings.data_dir,
        engine=engines.chosen,
        others=engines.others,
        store=store,
        clock=clock,
        kinds=BUILT_IN,
    )
    running = asyncio.create_task(at_work.run())
    try:
        yield store
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await at_work.close()
        store.close()


def is_up_to_date(engine: Engine, store: Store) -> bool:
    live = store.search_index.live()
    waits = store.search_index.rebuild() or store.extraction.progress()
    return (
        live is not None
        and live.complete
        and (live.engine, live.schema_version) == (engine.name, engine.schema_version)
        and engine.generations() == [live.generation]
        and store.extraction.is_current()
        and not waits
        and not store.search_index.stale_count()
    )


async def ask_meanwhile(client: httpx2.AsyncClient) -> None:
    """Search; an answer that does not say that it is incomplete must be the whole one."""
    for path in ASKED_MEANWHILE:
        response = await client.get(path)
        assert response.status_code == 200, response.text
        if is_said_to_be_complete(response):
            assert kept(response.json()) == ANSWERS[path]["body"]


def is_said_to_be_complete(response: httpx2.Response) -> bool:
    freshness = response.json().get("freshness")
    return bool(freshness["complete"]) if freshness else "warning" not in response.headers


def kept(value: Any) -> Any:
    """Return JSON without what need not be the same."""
    if isinstance(value, dict):
        return {key: kept(part) for key, part in value.items() if key not in NOT_KEPT | NEW}
    return [kept(part) for part in value] if isinstance(value, list) else value
