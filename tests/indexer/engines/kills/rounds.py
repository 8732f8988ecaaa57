"""The rounds: changes, a kill in the middle of them, and a check afterwards."""

import asyncio
import json
import multiprocessing
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from indexer.clock import SystemClock
from indexer.engines import Engine
from indexer.errors import EngineError
from indexer.extract import BUILT_IN
from indexer.indexing import Indexing
from indexer.model.document import DocumentType, SearchPage, Sort
from indexer.model.query import Everything, Query
from indexer.store import LiveIndex, OwnThread, Store, StoreSearchState, StoreThread
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.result import SearchResult
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.kills import victim
from tests.indexer.engines.kills.answers import ALL, TYPES, look
from tests.indexer.engines.kills.content import BATCH, FACE, put_step, step_of_store
from tests.indexer.engines.kills.victim import (
    COMMIT,
    EXTRACT_SECONDS,
    INDEX_DIRECTORY,
    MERGE,
    REBUILD,
    START,
    SWAP,
)
from tests.opensearch.cluster import CLUSTER

PROJECT = Path(__file__).parents[4]
ROUNDS_OF_A_STORE = 25
"""After so many rounds everything begins anew, or the histories of tags would grow for ever."""
AGAIN = 0.3
"""The share of kills after which the next process is killed too, before anything is healed."""
AT_ANY_MOMENT = 0.3
MOMENT_SECONDS = 1.5
AIMS = (START, COMMIT, MERGE, REBUILD, SWAP)
DELAYS = {"whoosh": 0.08, "tantivy": 0.02, "opensearch": 0.08}
"""The longest delay in seconds between the target of a kill and the kill; mostly shorter."""
START_DELAY = 0.2
SWAP_DELAY = 0.006
GIVE_UP_SECONDS = 30.0
CLUSTER_SECONDS = 2.0
"""A cluster has ended by then what a killed process had asked for."""
HEALING_SECONDS = 60.0
REPORT_EVERY = 25
# Starting Python takes longer than all that is done before a kill, so a process is born ready.
_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload([__name__])


@dataclass(slots=True)
class Tally:
    """The counts and failures of the rounds so far."""

    engine: str
    seed: str
    rounds: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    """How many kills came during what."""
    opened: int = 0
    """How many kills left an index that could be opened before anything was healed."""
    healed: int = 0
    """How often an index could not be opened and was made anew."""
    answers: int = 0
    refused: list[str] = field(default_factory=list)
    """What was said instead of an answer, as is said of an index that is to be healed."""
    mixed: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        """Return everything in one line."""
        kills = ", ".join(f"{phase} {self.phases[phase]}" for phase in sorted(self.phases))
        return (
            f"{self.engine}: rounds {self.rounds}, kills {self.phases.total()} ({kills}),"
            f" opened as it was {self.opened}, healed {self.healed},"
            f" answers meanwhile {self.answers}, refused {len(self.refused)},"
            f" mixed {len(self.mixed)}, differences {len(self.differences)},"
            f" {self.seconds:.0f} seconds"
        )


def kill_again_and_again(
    folder: Path, engine: str, *, rounds: int, seed: str, report: Callable[[str], None] = print
) -> Tally:
    """Run so many rounds below ``folder``; ends at the first bad one."""
    tally = Tally(engine, seed)
    started = time.monotonic()
    while tally.rounds < rounds and not (tally.mixed or tally.differences):
        first = tally.rounds + 1
        directory = folder / f"from-{first}"
        scene = Scene(directory, tally)
        with scene.reading():
            for number in range(first, min(first + ROUNDS_OF_A_STORE, rounds + 1)):
                scene.round(random.Random(f"{seed}/{number}"))
                tally.rounds, tally.seconds = number, time.monotonic() - started
                if tally.mixed or tally.differences:
                    break
                if number % REPORT_EVERY == 0:
                    report(tally.line())
        if tally.mixed or tally.differences:
            report(f"round {tally.rounds} failed; its data is in {directory}")
            report("\n".join([*tally.mixed, *tally.differences]))
        else:
            shutil.rmtree(directory)
    tally.seconds = time.monotonic() - started
    return tally


class Scene:
    """One data directory, through some rounds."""

    def __init__(self, directory: Path, tally: Tally) -> None:
        self._directory = directory
        self._tally = tally
        self._engine: Engine = ALL_ENGINES[tally.engine](directory / INDEX_DIRECTORY)
        directory.mkdir(parents=True)
        self._log = directory / "victim.log"
        store = Store(directory)
        with store.transaction():
            put_step(store, 0, now=SystemClock().now())
            # What is yet to be indexed is everything, and so nothing of that alone.
            store.search_index.indexed(store.search_index.stale(limit=ALL))
        store.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a process that searches all the time; its findings are in the tally at the end."""
        program = "tests.indexer.engines.kills.reading"
        command = [sys.executable, "-m", program, str(self._directory), self._tally.engine]
        with subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield
            finally:
                told, _ = process.communicate()
        # It may warn of a generation that was replaced during a search, before its last line.
        *_, last = told.splitlines() or [
            '{"answers": 0, "wrong": ["the reader died"], "refused": []}'
        ]
        found = json.loads(last)
        self._tally.answers += found["answers"]
        self._tally.refused += found["refused"]
        self._tally.mixed += found["wrong"]

    def round(self, chance: random.Random) -> None:
        """Kill once or more, look what searches say each time, and have the rest made up for."""
        while True:
            self._tally.phases[self._kill(chance)] += 1
            self._tally.opened += self._look()
            if chance.random() >= AGAIN:
                break
        self._settle()

    # The kill

    def _kill(self, chance: random.Random) -> str:
        """Start a process and kill it; return its step at that time."""
        is_aimed = chance.random() >= AT_ANY_MOMENT
        aim = chance.choice(AIMS) if is_aimed else ""
        rebuild_every = chance.randint(1, 3) if aim in {REBUILD, SWAP} else chance.randint(3, 12)
        times = 1 if aim in {"", START} else chance.randint(1, 2 if aim in {SWAP, MERGE} else 6)
        most = {START: START_DELAY, SWAP: SWAP_DELAY}.get(aim, DELAYS[self._tally.engine])
        delay = chance.random() ** 2 * most if aim else chance.random() * MOMENT_SECONDS
        reader, writer = _NURSERY.Pipe(duplex=False)
        process = _NURSERY.Process(
            target=victim.main,
            args=(self._directory, self._tally.engine),
            kwargs={
                "rebuild_every": rebuild_every,
                "told": writer,
                "log": self._log,
                # A process that is forked from an older one has not our environment.
                "cluster": os.environ.get(CLUSTER, ""),
            },
        )
        process.start()
        writer.close()
        told = _Told(reader.fileno())
        try:
            told.wait_for(aim or START, times=times)
            time.sleep(delay)
        finally:
            process.kill()
            process.join()
        told.read_rest()
        reader.close()
        if process.exitcode != -signal.SIGKILL:
            self._tally.differences.append(f"the process ended by itself; its log is {self._log}")
        process.close()
        return told.last

    # What is left

    def _look(self) -> bool:
        """Search as the web process does; return whether the index can be opened."""
        store = Store(self._directory, read_only=True)
        step, live = step_of_store(store), store.search_index.live()
        is_stale = store.search_index.stale_count() > 0
        store.close()
        if live is None or not live.complete:
            # Nothing, or not all, and every answer says so.
            return True
        try:
            found = asyncio.run(self._look_through_searching())
            if self._engine.name == "opensearch" and any(wrong for _, wrong in found.values()):
                # The cluster ended what the killed process had asked for between two of these
                # searches. Nobody writes any more: what is wrong stays wrong.
                time.sleep(CLUSTER_SECONDS)
                found = asyncio.run(self._look_through_searching())
        except EngineError:
            return False
        steps = [each for each, _ in found.values()]
        self._tally.mixed += [text for _, wrong in found.values() for text in wrong]
        # Repositories are written first.
        if steps not in ([step, step], [step, step - 1], [step - 1, step - 1]):
            self._tally.mixed.append(f"searches are at {steps} while the store is at {step}")
        elif steps != [step, step] and not is_stale:
            self._tally.mixed.append(f"nothing is stale, and searches are at {steps}, not {step}")
        return True

    async def _look_through_searching(self) -> dict[DocumentType, tuple[int, list[str]]]:
        state, clock = StoreSearchState(self._directory), SystemClock()
        searcher = Searcher(state=state, engine=self._engine, clock=clock)
        service = SearchService(
            searcher,
            state,
            make_thread=partial(OwnThread, path=state.directory),
            clock=clock,
            kinds=BUILT_IN,
        )
        try:
            loop = asyncio.get_running_loop()

            def ask(
                query: Query, *, document_type: DocumentType, limit: int, sort: Sort
            ) -> SearchPage:
                request = SearchRequest(
                    Order(document_type, sort), limit=limit, conditions=(query,), facets=(FACE,)
                )
                search = service.search(request)
                answer: SearchResult = asyncio.run_coroutine_threadsafe(search, loop).result()
                if not answer.freshness.index_complete:
                    raise EngineError("the search index does not open")
                return answer.page

            return {kind: await loop.run_in_executor(None, look, ask, kind) for kind in TYPES}
        finally:
            await service.close()

    def _settle(self) -> None:
        """Have Indexing do what is left to do, and compare everything with the store."""
        with structlog.testing.capture_logs() as logs:
            self._tally.differences += asyncio.run(_index_all(self._directory, self._engine))
        told = Counter(line["event"] for line in logs)
        self._tally.healed += told["search_index_unusable"]
        if told["search_index_differs"]:
            self._tally.differences.append("documents had got lost, and were counted at the start")
        if not self._look():
            self._tally.differences.append("what was healed cannot be opened")


class _Told:
    """The lines of a process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.last = START

    def wait_for(self, phase: str, *, times: int) -> None:
        """Return when a phase has begun so often, or after a while, or at the end."""
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while times > 0 and (left := give_up_at - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], left)[0]:
                lines = self._read()
                if lines is None:
                    return
                times -= lines.count(phase)

    def read_rest(self) -> None:
        """Read to the end."""
        while self._read() is not None:
            pass

    def _read(self) -> list[str] | None:
        block = os.read(self._descriptor, 65_536)
        if not block:
            return None
        *lines, self._rest = (self._rest + block).split(b"\n")
        told = [line.decode() for line in lines]
        self.last = told[-1] if told else self.last
        return told


async def _index_all(directory: Path, engine: Engine) -> list[str]:
    """Run Indexing until there is nothing to do; return how the index differs from the store."""
    store = StoreThread(Store(directory))
    indexing = Indexing(
        directory=directory,
        engine=engine,
        store=store,
        clock=SystemClock(),
        batch=BATCH,
        kinds=BUILT_IN,
        extract_seconds=EXTRACT_SECONDS,
    )
    running = asyncio.create_task(indexing.run())
    try:
        async with asyncio.timeout(HEALING_SECONDS):
            while not running.done() and not (
                indexing.is_verified and await store.read(partial(_is_up_to_date, engine))
            ):
                await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.wait([running])
        if not running.cancelled():
            return [f"indexing ended: {running.exception()!r}"]
        return await indexing.generations.thread.run(partial(_differences, indexing, engine))
    finally:
        running.cancel()
        await asyncio.wait([running])
        await indexing.close()
        store.close()


def _is_up_to_date(engine: Engine, store: Store) -> bool:
    live, tables = store.search_index.live(), store.search_index
    # What was live before is dropped when the next one is.
    if live is None or not live.complete or engine.generations() != [live.generation]:
        return False
    return tables.rebuild() is None and not tables.stale_count()


def _differences(indexing: Indexing, engine: Engine) -> list[str]:
    """Compare each document of the live generation with the one made from the store now."""
    store, live = indexing.generations.reading, indexing.generations.live
    made = [
        document
        for repository_id in store.search_index.repository_ids()
        for document in indexing.generations.maker.all_documents(repository_id)
    ]
    wanted = {(one.key.type, one.key.id): json.dumps(dict(one.result)) for one in made}
    found = _found(engine, live)
    different = []
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            different.append(f"{key}: {found.get(key)} instead of {wanted.get(key)}")
    return different


def _found(engine: Engine, live: LiveIndex) -> dict[tuple[DocumentType, str], str]:
    reader = engine.open_reader(live.generation)
    try:
        found: dict[tuple[DocumentType, str], str] = {}
        for kind in DocumentType:
            page = reader.search(Everything(), document_type=kind, limit=ALL)
            assert len(page.hits) == page.total == len({hit.id for hit in page.hits}), kind
            found.update(((kind, hit.id), json.dumps(dict(hit.result))) for hit in page.hits)
        return found
    finally:
        reader.close()
