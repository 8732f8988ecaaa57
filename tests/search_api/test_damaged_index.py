"""A torn, cut, foreign or missing search index at the start of the service, with each engine.

The log names it, searches are answered while it is made anew, and say that they are not complete.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from indexer.extract import BUILT_IN
from indexer.indexing import Indexing
from indexer.settings import Settings
from indexer.store import Store, StoreThread
from search_api.processes.data_dir import INDEX_DIRECTORY, make_engines
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.indexer.engines.conformance.engines import ENGINES
from tests.search_api.filling import (
    REGISTRIES,
    finish_crawl,
    make_client,
    put,
    seem_served,
    settings_for,
)
from tests.search_api.sample_content import CONTENT
from tests.series import thorough

pytestmark = pytest.mark.anyio

QUESTIONS = ("type=image&limit=100&facets=kind", "limit=100", "type=image&q=nginx")
BATCH = 4
"""Documents in one commit: making the sample content anew takes several."""


@dataclass(frozen=True, slots=True)
class Service:
    """The web application and the indexing of one data directory, each as it is at a start."""

    client: httpx2.AsyncClient
    indexing: Indexing

    async def answers(self) -> list[dict[str, Any]]:
        """Return the answers of searches; all searches must be answered."""
        found = [await self.client.get(f"/api/v1/search?{asked}") for asked in QUESTIONS]
        assert [answer.status_code for answer in found] == [200] * len(QUESTIONS)
        return [answer.json() for answer in found]

    async def step(self) -> bool:
        """Run the next step of indexing; False if there is nothing to do."""
        worked = await self.indexing.update()
        return await self.indexing.rebuilds.go_on() or worked


def settings(directory: Path, engine: str) -> Settings:
    return settings_for(directory).model_copy(update={"engine": engine})


@asynccontextmanager
async def started(directory: Path, engine: str) -> AsyncIterator[Service]:
    """Start both over a data directory; the indexing does nothing by itself."""
    clock, chosen = ManualClock(), settings(directory, engine)
    store, engines = StoreThread(Store(directory)), make_engines(chosen)
    indexing = Indexing(
        directory=directory,
        engine=engines.chosen,
        others=engines.others,
        store=store,
        clock=clock,
        batch=BATCH,
        kinds=BUILT_IN,
    )
    async with make_client(make_web(chosen, clock=clock)) as client:
        yield Service(client, indexing)
    await indexing.close()
    store.close()


@dataclass(frozen=True, slots=True)
class Whole:
    """A data directory, to be copied, and what searches answer over it."""

    directory: Path
    answers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    """Give a data directory with the sample content for each engine."""
    return {name: asyncio.run(_fill(tmp_path_factory.mktemp(name), name)) for name in ENGINES}


async def _fill(directory: Path, engine: str) -> Whole:
    store = Store(directory)
    put(store, CONTENT, clock=ManualClock())
    for registry in REGISTRIES:
        finish_crawl(store, registry, clock=ManualClock())
    store.close()
    async with started(directory, engine) as service:
        await service.indexing.generations.open()
        while await service.step():
            pass
        seem_served(directory, clock=ManualClock())
        answers = await service.answers()
    assert all(answer["freshness"]["complete"] for answer in answers)
    return Whole(directory, answers)


def generation(directory: Path) -> Path:
    """Return the folder of the only generation."""
    [found] = [path for path in (directory / INDEX_DIRECTORY).iterdir() if path.is_dir()]
    return found


# Damage

Damage = Callable[[Path], object]


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(Random(3).randbytes(path.stat().st_size))


def _hole(path: Path) -> None:
    """Lose what is in the middle, as a power cut may."""
    content = path.read_bytes()
    third = len(content) // 3
    path.write_bytes(content[:third] + bytes(third) + content[2 * third :])


WAYS: dict[str, Damage] = {
    "half of": _half,
    "nothing of": _nothing,
    "no": Path.unlink,
    "garbage for": _garbage,
}
FILES = {
    "whoosh": ("*.seg", "*.toc"),
    "tantivy": ("*.term", "*.idx", "*.pos", "*.fieldnorm", "*.fast", "*.store", "meta.json"),
}


def _of_file(way: Damage, pattern: str) -> Damage:
    return lambda folder: way(min(folder.glob(pattern)))


def _all_files(way: Damage) -> Damage:
    def damage(folder: Path) -> None:
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            way(path)

    return damage


def _other_engine(name: str) -> Damage:
    """Put a whole generation of the other engine in its place."""

    def exchange(folder: Path) -> None:
        shutil.rmtree(folder)
        [other] = ENGINES.keys() - {name}
        ENGINES[other](folder.parent).create(folder.name)

    return exchange


def _under_another_name(folder: Path) -> None:
    """What is in the files is good, and made with another schema."""
    path = folder / "generation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 0}))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def damages(engine: str) -> dict[str, Damage]:
    """Return all that is done to the index of an engine, by name."""
    named = {"generation.json": "generation.json"} | {
        f"image/{pattern}": f"image/{pattern}" for pattern in FILES[engine]
    }
    return {
        **{
            f"{way} {name}": _of_file(damage, pattern)
            for way, damage in WAYS.items()
            for name, pattern in named.items()
        },
        **{f"{way} all files": _all_files(damage) for way, damage in WAYS.items()},
        "a hole in the middle": _of_file(_hole, f"image/{FILES[engine][0]}"),
        "no folder": shutil.rmtree,
        "no folder of any": lambda folder: shutil.rmtree(folder.parent),
        "an empty folder": _empty,
        "no folder of images": lambda folder: shutil.rmtree(folder / "image"),
        "a file for a folder": _a_file,
        "another engine's": _other_engine(engine),
        "another schema's": _under_another_name,
    }


# The ways that one file after the other is not damaged in before a commit.
OTHER_WAYS = ("half of image/", "nothing of image/", "no image/")
CASES = [
    (thorough if name.startswith(OTHER_WAYS) else pytest.param)(
        engine, damage, id=f"{engine}: {name}"
    )
    for engine in ENGINES
    for name, damage in damages(engine).items()
]


@pytest.mark.parametrize(("engine", "damage"), CASES)
async def test_a_damaged_index_is_named_and_made_anew_while_searches_are_answered(
    whole: dict[str, Whole], tmp_path: Path, engine: str, damage: Damage
) -> None:
    directory = shutil.copytree(whole[engine].directory, tmp_path / "data")
    folder = generation(directory)
    damage(folder)
    async with started(directory, engine) as service:
        with capture_logs() as logs:
            await service.indexing.generations.open()
        [told] = [line for line in logs if line["event"] == "search_index_unusable"]
        assert told["log_level"] == "warning"
        assert told["generation"] == folder.name
        assert str(folder) in told["reason"]
        totals = []
        is_working = True
        while is_working:
            answers = await service.answers()
            is_complete = answers[0]["freshness"]["complete"]
            assert [answer["total_is_exact"] for answer in answers] == [is_complete] * len(answers)
            if not is_complete:
                totals.append(answers[0]["total"])
            is_working = await service.step()
        assert totals[0] == 0
        assert totals == sorted(totals), "what is there again is shown"
        assert totals[-1] > 0
        assert await service.answers() == whole[engine].answers
    assert generation(directory) != folder


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_index_of_the_engine_of_before_is_replaced_while_searches_are_answered(
    whole: dict[str, Whole], tmp_path: Path, engine: str
) -> None:
    """As after a change of the settings; each search has the whole answer, from both engines."""
    [before] = ENGINES.keys() - {engine}
    directory = shutil.copytree(whole[before].directory, tmp_path / "data")
    folder = generation(directory)
    async with started(directory, engine) as service:
        assert await service.answers() == whole[engine].answers
        with capture_logs() as logs:
            await service.indexing.generations.open()
        [told] = [line for line in logs if line["event"] == "engine_changed"]
        assert (told["before"], told["now"]) == (before, engine)
        while await service.step():
            assert await service.answers() == whole[engine].answers
        assert await service.answers() == whole[engine].answers
    assert generation(directory) != folder


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_damaged_index_is_made_anew_by_itself(
    whole: dict[str, Whole], tmp_path: Path, engine: str
) -> None:
    """With the loop as it runs, and somebody who asks all the time."""
    directory = shutil.copytree(whole[engine].directory, tmp_path / "data")
    damages(engine)["half of all files"](generation(directory))
    async with started(directory, engine) as service:
        before = await service.client.get("/api/v1/search?limit=100")
        assert (before.status_code, before.json()["total_is_exact"]) == (200, False)
        assert (await service.client.get("/readyz")).status_code == 503
        running = asyncio.create_task(service.indexing.run())
        answer = before
        while not answer.json()["freshness"]["complete"]:
            assert not running.done()
            answer = await service.client.get("/api/v1/search?limit=100")
            assert answer.status_code == 200
        assert answer.json() == whole[engine].answers[1]
        running.cancel()
        await asyncio.wait([running])
