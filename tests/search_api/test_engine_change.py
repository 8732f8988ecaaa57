"""Another engine in the settings, through the real wiring: searching goes on as if nothing was."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from indexer.settings import RegistrySettings, Settings
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.processes.indexer import serve_indexer
from search_api.web import make_web
from tests.builders import image
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.search_api.filling import make_client

pytestmark = pytest.mark.anyio

NAMES = sorted(f"team/web{number}" for number in range(12))
ENOUGH_SECONDS = 60


@pytest.fixture
def registry_url() -> Iterator[str]:
    """A registry with a few repositories."""
    registry = FakeRegistry()
    for name in NAMES:
        registry.put(name, image(seed=name), tag="1")
    with serving(registry.app) as url:
        yield url


@pytest.fixture
def settings_with(tmp_path: Path, registry_url: str) -> Callable[[str], Settings]:
    """Settings of one data directory, with any engine."""

    def settings_with(engine: str) -> Settings:
        registry = RegistrySettings(name="main", url=registry_url)
        return Settings.model_validate(
            {"data_dir": tmp_path, "engine": engine, "registry": (registry,)}
        )

    return settings_with


@asynccontextmanager
async def indexing(settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(serve_indexer(settings))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def found(client: httpx2.AsyncClient) -> list[str]:
    """Return the names of what a search finds; none before there is a store."""
    answer = await client.get("/api/v1/search?q=web&type=repository")
    return sorted(result["repository"] for result in answer.json().get("results", ()))


async def read_index(client: httpx2.AsyncClient) -> dict[str, object]:
    answer = await client.get("/api/v1/status")
    assert answer.status_code == 200
    index: dict[str, object] = answer.json()["search_index"]
    return index


async def is_whole(engine: str, client: httpx2.AsyncClient, *, always: bool = False) -> bool:
    """Return whether all is found in what an engine made; ``always`` all must be found."""
    names = await found(client)
    assert not always or names == NAMES
    if names != NAMES:
        return False
    index = await read_index(client)
    return (index["engine"], index["complete"], index["rebuild"]) == (engine, True, None)


async def is_alone(generations: Path) -> bool:
    """Return whether nothing is left of what the other engine made."""
    return len(list(generations.iterdir())) == 1


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not await condition():
            await asyncio.sleep(0.005)


async def test_a_change_of_engines_and_back_never_stops_the_answers(
    settings_with: Callable[[str], Settings], tmp_path: Path
) -> None:
    settings = settings_with("whoosh")
    async with indexing(settings), make_client(make_web(settings)) as client:
        await until(lambda: is_whole("whoosh", client))
    for before, now in (("whoosh", "tantivy"), ("tantivy", "whoosh")):
        settings = settings_with(now)
        async with make_client(make_web(settings)) as client:
            index = await read_index(client)
            assert (index["engine"], index["wanted_engine"]) == (before, now)
            assert await found(client) == NAMES
            async with indexing(settings):
                # Each time it looks, all is found, by one engine or the other.
                await until(functools.partial(is_whole, now, client, always=True))
                await until(functools.partial(is_alone, tmp_path / INDEX_DIRECTORY))
            index = await read_index(client)
            assert (index["engine"], index["wanted_engine"]) == (now, now)
            assert isinstance(index["size_bytes"], int)
            assert index["size_bytes"] > 0
