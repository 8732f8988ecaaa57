"""Searches in processes of their own: kept apart, and none lost when one of the processes dies."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from indexer import errors
from indexer.clock import SystemClock
from indexer.errors import (
    EngineError,
    NotFoundError,
    QueryError,
    RegsearchError,
    SearchCancelledError,
    SearchTimeoutError,
    StoreError,
)
from indexer.model.document import DocumentType
from indexer.model.names import RepositoryName
from indexer.model.rights import make_rights
from indexer.settings import Settings
from search_api.search import ALL_SIGHT, NO_SIGHT, OWNER, VIEWER, SettledViewer, Sight
from search_api.search.clients import Client
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService
from search_api.search.setup import make_service, make_web_service, start_search_process
from tests.search_api.filling import settings_for

pytestmark = pytest.mark.anyio

LONG_SECONDS = 60


def patient(directory: Path) -> Settings:
    """Return settings with a deadline that no start of a process on a busy machine reaches."""
    return settings_for(directory).model_copy(
        update={"search_deadline": timedelta(seconds=LONG_SECONDS)}
    )


def wait_for(_: Searcher, path: Path) -> int:
    """Hold up a process until a file is there."""
    deadline = time.monotonic() + LONG_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return os.getpid()


def kill_once(_: Searcher, path: Path) -> int:
    """Kill the process, but not when that was done before."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def kill(_: Searcher) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def own_pid(_: Searcher) -> int:
    return os.getpid()


def seen_places(searcher: Searcher) -> set[tuple[str, str]]:
    """The registries and repositories that a search in the process finds."""
    page = searcher.search(SearchRequest(Order(DocumentType.REPOSITORY), limit=100)).page
    return {(hit.result["registry"], hit.result["repository"]) for hit in page.hits}


def refuse(_: Searcher) -> None:
    raise QueryError("too much fits", column=7)


class Changing(SettledViewer):
    """A viewer whose sight changes."""

    def __init__(self) -> None:
        super().__init__(ALL_SIGHT)
        self.now = ALL_SIGHT

    async def sight(self) -> Sight:
        return self.now


@pytest.fixture
async def service(filled: Path) -> AsyncIterator[SearchService]:
    made = make_service(patient(filled), processes=2)
    yield made
    await made.close()


async def found(service: SearchService) -> int:
    answer = await service.search(SearchRequest(Order(DocumentType.IMAGE), limit=5))
    return answer.page.total


async def test_searches_and_status_come_from_other_processes(service: SearchService) -> None:
    total = await found(service)
    assert await service.is_ready()
    status = await service.status()
    assert total == status.documents[DocumentType.IMAGE] > 0
    assert await service.call(own_pid) != os.getpid()
    # What only the store is read for does not wait behind searches.
    with pytest.raises(NotFoundError):
        await service.read(lambda each: each.repository("main", RepositoryName("none")))


async def test_a_search_that_takes_long_holds_up_no_other(
    service: SearchService, tmp_path: Path
) -> None:
    long = asyncio.create_task(service.call(wait_for, tmp_path / "go on"))
    assert await found(service) > 0
    assert not long.done()
    (tmp_path / "go on").touch()
    await long


async def test_a_search_whose_process_dies_is_answered_by_another(
    service: SearchService, tmp_path: Path
) -> None:
    others = [asyncio.create_task(found(service)) for _ in range(5)]
    assert await service.call(kill_once, tmp_path / "killed") != os.getpid()
    assert (tmp_path / "killed").exists()
    assert len(set(await asyncio.gather(*others))) == 1
    assert await found(service) > 0


async def test_a_search_that_kills_every_process_is_refused(service: SearchService) -> None:
    with pytest.raises(EngineError, match="died, and so did the next"):
        await service.call(kill)
    assert await found(service) > 0, "the next search has a new one"


async def test_errors_come_back_as_they_are(service: SearchService) -> None:
    with pytest.raises(QueryError, match="too much fits") as caught:
        await service.call(refuse)
    assert caught.value.column == 7


async def test_each_search_sees_what_its_caller_does_whichever_process_runs_it(
    filled: Path,
) -> None:
    """Rights are kept by processes, and also known to one that begins after another died."""
    viewer = Changing()
    VIEWER.set(viewer)
    settings = patient(filled).model_copy(update={"search_processes": 2})
    service = make_web_service(settings, clock=SystemClock())
    places = sorted(await service.call(seen_places))
    assert len(places) > 1
    for number in range(3):
        for registry, name in (*places, places[0]):
            viewer.now = Sight(make_rights([], {registry: [name, f"gone/{number}"]}))
            assert await service.call(seen_places) == {(registry, name)}
        viewer.now = NO_SIGHT
        assert await service.call(seen_places) == set()
        viewer.now = ALL_SIGHT
        assert await service.call(seen_places) == set(places)
        with pytest.raises(EngineError):
            await service.call(kill)
    await service.close()


async def test_a_process_that_was_started_before_is_one_of_them(filled: Path) -> None:
    settings = patient(filled).model_copy(update={"search_processes": 1})
    first = start_search_process(settings)
    service = make_web_service(settings, clock=SystemClock(), first=first)
    VIEWER.set(OWNER)
    assert await service.call(own_pid) == first.process.pid
    with pytest.raises(EngineError):
        await service.call(kill)
    assert await service.call(own_pid) != first.process.pid
    await service.close()
    assert not first.process.is_alive()


async def test_the_processes_end_with_what_started_them(filled: Path) -> None:
    service = make_service(patient(filled), processes=1)
    pid = await service.call(own_pid)
    await service.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_data_directory_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)
    service = make_service(patient(tmp_path), processes=1)
    try:
        with pytest.raises(StoreError, match=r"store\.db"):
            await found(service)
    finally:
        await service.close()


def search_for_ever(searcher: Searcher) -> None:
    """Search until it is asked to stop, as an engine is."""
    while True:
        searcher.deadline.check()
        time.sleep(0.01)


def hang(_: Searcher) -> None:
    """Do what cannot be asked to stop."""
    time.sleep(LONG_SECONDS)


def stop(_: Searcher, path: Path) -> int:
    """Stop the process, once."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()


async def answering_pid(service: SearchService) -> int:
    """Return the process that searches, however long its start takes on a busy machine."""
    for _ in range(60):
        # The second: no process was ready until 2 s after the deadline of this call.
        with suppress(SearchTimeoutError, EngineError):
            return await service.call(own_pid)
    raise AssertionError("no process searches")


@asynccontextmanager
async def served(directory: Path, *, seconds: float) -> AsyncIterator[SearchService]:
    """Give a service with one search process and a deadline."""
    settings = settings_for(directory).model_copy(
        update={"search_deadline": timedelta(seconds=seconds)}
    )
    made = make_service(settings, processes=1)
    try:
        await answering_pid(made)
        yield made
    finally:
        await made.close()


async def test_a_search_ends_at_its_deadline_and_its_process_goes_on(filled: Path) -> None:
    async with served(filled, seconds=1) as service:
        pid, before = await answering_pid(service), service.load()
        with pytest.raises(SearchTimeoutError, match="longer than 1 s"):
            await service.call(search_for_ever)
        assert service.load().timed_out == before.timed_out + 1
        assert await answering_pid(service) == pid
        assert service.load().processes_replaced == 0


async def test_a_search_that_cannot_stop_ends_with_its_process(filled: Path) -> None:
    async with served(filled, seconds=1) as service:
        pid = await answering_pid(service)
        with pytest.raises(SearchTimeoutError):
            await service.call(hang)
        await replaced(service)
        assert await answering_pid(service) != pid


async def test_a_search_whose_client_goes_stops_and_one_that_waits_never_runs(
    filled: Path, tmp_path: Path
) -> None:
    gone = asyncio.Event()

    async def go() -> None:
        await gone.wait()

    client = Client("one", go)
    async with served(filled, seconds=LONG_SECONDS) as service:
        pid = await service.call(own_pid)
        running = asyncio.create_task(service.call_for(client, search_for_ever))
        await until(lambda: service.load().running == 1)
        waiting = asyncio.create_task(service.call_for(client, kill_once, tmp_path / "ran"))
        await until(lambda: service.load().waiting == 1)
        assert (service.load().running, service.load().waiting) == (1, 1)
        gone.set()
        for task in (running, waiting):
            with pytest.raises(SearchCancelledError):
                await task
        assert await service.call(own_pid) == pid
        assert not (tmp_path / "ran").exists()
        assert service.load().cancelled == 2


async def test_a_stopped_process_is_replaced_and_its_search_tried_again(
    filled: Path, tmp_path: Path
) -> None:
    async with served(filled, seconds=LONG_SECONDS) as service:
        pid = await service.call(own_pid)
        assert await service.call(stop, tmp_path / "stopped") != pid
        assert service.load().processes_replaced == 1
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_search_in_a_stopped_process_reaches_its_deadline(
    filled: Path, tmp_path: Path
) -> None:
    """It is not tried again, whether its process is ended for that or for its silence."""
    async with served(filled, seconds=1) as service:
        with pytest.raises(SearchTimeoutError):
            await service.call(stop, tmp_path / "stopped")
        await replaced(service)


async def test_without_a_process_that_can_search_the_service_is_not_ready(filled: Path) -> None:
    service = make_service(patient(filled), processes=1)
    try:
        assert not await service.is_ready()
        await service.call(own_pid)
        assert await service.is_ready()
    finally:
        await service.close()


async def replaced(service: SearchService) -> None:
    """Wait until a process was replaced and the new one can search."""
    await until(lambda: service.load().processes_replaced > 0)
    await until(lambda: bool(service.load().processes_ready))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


async def test_without_processes_a_search_has_a_deadline_too(filled: Path) -> None:
    settings = settings_for(filled).model_copy(update={"search_deadline": timedelta(seconds=1)})
    service = make_service(settings)
    try:
        with pytest.raises(SearchTimeoutError, match="longer than 1 s"):
            await service.call(search_for_ever)
        assert await found(service) > 0
    finally:
        await service.close()


def _kinds(kind: type[RegsearchError]) -> Iterator[type[RegsearchError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _kinds(each)


@pytest.mark.parametrize("kind", list(_kinds(RegsearchError)))
def test_every_error_goes_from_process_to_process(kind: type[RegsearchError]) -> None:
    error = kind("what", column=3) if issubclass(kind, QueryError) else kind("what")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (kind, "what", vars(error))


def test_whoever_ends_a_process_need_not_import_anything_for_it() -> None:
    """A web process may be told to end while it imports, in the middle of another module."""
    code = (
        "import sys, search_api.search.process; print('multiprocessing.connection' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
