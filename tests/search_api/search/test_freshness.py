"""Each way to be behind is named in words, everywhere, and no answer calls itself complete then."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from indexer.clock import rfc3339
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model.document import DocumentType
from indexer.model.event import Action, Event
from indexer.model.names import RepositoryName
from indexer.store import (
    Journal,
    NotificationCount,
    NotificationResult,
    Priority,
    RefreshKind,
    RefreshTarget,
    Store,
    StoreSearchState,
)
from search_api.cli import results
from search_api.cli import status as statuses
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.search.cursors import Order
from search_api.search.freshness import ALIVE_SECONDS, ReasonCode
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.search_api.filling import (
    REGISTRIES,
    Pushed,
    be_alive,
    fill,
    finish_crawl,
    put,
    searching_client,
)
from tests.search_api.sample_content import NGINX

pytestmark = pytest.mark.anyio

HOST = "registry.example"
SPECIFICATION = Path(__file__).parents[3] / "docs" / "search-api.md"
SENDER = "10.0.0.7"
NAME = RepositoryName("nginx")
REFRESH = RefreshTarget(RefreshKind.REPOSITORY, NAME)


@dataclass(slots=True)
class Scene:
    """A complete data directory in the hands of a test."""

    directory: Path
    clock: ManualClock = field(default_factory=ManualClock)

    def write(self, change: Callable[[Store], object]) -> None:
        with closing(Store(self.directory)) as store, store.transaction():
            change(store)

    def main(self, store: Store) -> int:
        number = store.registries.registry_id("main")
        assert number is not None
        return number

    def receive(self, result: NotificationResult, number: int = 1) -> None:
        at = rfc3339(self.clock.now())
        with closing(Journal(self.directory)) as journal:
            journal.count_notifications([NotificationCount("main", result, number, at, SENDER)])

    def crawl(self) -> None:
        """Have a complete crawl of each registry begin and end now."""
        self.clock.advance(1)
        with closing(Store(self.directory)) as store:
            for registry in REGISTRIES:
                finish_crawl(store, registry, clock=self.clock)
        self.be_alive()

    def be_alive(self) -> None:
        be_alive(self.directory, clock=self.clock)

    async def get(self, path: str) -> Any:
        async with searching_client(self.directory, clock=self.clock) as client:
            response = await client.get(path)
            assert response.status_code == 200
            is_json = "json" in response.headers["content-type"]
            return response.json() if is_json else response.text

    async def reasons(self) -> list[str]:
        """Return what is said of each way to be behind, by every surface alike."""
        answer = await self.get("/api/v1/search?limit=1")
        status = await self.get("/api/v1/status")
        fresh = answer["freshness"]
        reasons = [*fresh["behind"], *fresh["registries"]["main"]["behind"]]
        coded = [*fresh["reasons"], *fresh["registries"]["main"]["reasons"]]
        assert coded == [*status["reasons"], *status["registries"]["main"]["reasons"]]
        assert [one["message"] for one in coded] == reasons
        assert reasons == [*status["behind"], *status["registries"]["main"]["behind"]]
        assert answer["total_is_exact"] is fresh["complete"] is status["complete"] is (not reasons)
        assert f"regsearch_complete {float(not reasons)}" in await self.get("/metrics")
        printed = shown(statuses.print_status, status)
        noted = shown(results.print_page, answer)
        for reason in reasons:
            assert f"behind: {reason}" in printed
            assert reason in noted
        assert ("behind: " in printed) is bool(reasons)
        assert SENDER not in json.dumps(answer)
        return reasons


def shown(function: Callable[[dict[str, Any]], None], body: dict[str, Any]) -> str:
    stream = StringIO()
    with redirect_stdout(stream):
        function(body)
    return stream.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("complete")
    asyncio.run(fill(directory, [Pushed("nginx", NGINX)]))
    return directory


@pytest.fixture
def scene(made: Path, tmp_path: Path) -> Scene:
    return Scene(shutil.copytree(made, tmp_path / "data"))


async def test_what_is_not_behind_is_complete(scene: Scene) -> None:
    assert await scene.reasons() == []


async def test_an_event_that_is_not_taken_in(scene: Scene) -> None:
    event = Event(Action.DELETE, RepositoryName("a"))
    with closing(Journal(scene.directory)) as journal:
        journal.append([("main", event), ("main", event)], received_at=scene.clock.now())
        assert await scene.reasons() == ["2 events received, but not taken in yet"]
        scene.write(lambda store: store.set_journal_position(journal.newest()))
    assert await scene.reasons() == []


async def test_refreshes_that_wait_or_are_set_aside(scene: Scene) -> None:
    now = scene.clock.now()

    def ask(store: Store) -> None:
        store.queue.add(scene.main(store), [REFRESH], priority=Priority.EVENT, due_at=now)

    def set_aside(store: Store) -> None:
        (refresh,) = store.queue.due(scene.main(store), now, limit=1)
        store.queue.set_aside(refresh, reason="odd")

    scene.write(ask)
    assert await scene.reasons() == ["1 refresh waiting"]
    scene.write(set_aside)
    assert await scene.reasons() == ["1 refresh set aside: they failed"]


async def test_documents_that_are_not_indexed(scene: Scene) -> None:
    with closing(Store(scene.directory)) as store:
        put(store, [Pushed("new", image(seed="new"))], clock=scene.clock)
    assert await scene.reasons() == ["2 documents not indexed yet"]


@pytest.mark.parametrize("seconds", [ALIVE_SECONDS, -ALIVE_SECONDS])
async def test_an_indexer_that_is_not_alive(scene: Scene, seconds: float) -> None:
    """Also where the clock was set back: the time that it wrote is one to come."""
    scene.clock.advance(seconds)
    assert await scene.reasons() == []
    scene.clock.advance(0.6 if seconds > 0 else -0.6)
    assert await scene.reasons() == ["the indexer has not been alive for 6 seconds"]
    assert "regsearch_indexer_alive 0.0" in await scene.get("/metrics")
    scene.clock.advance(3 * 3_600 if seconds > 0 else -3 * 3_600)
    assert await scene.reasons() == ["the indexer has not been alive for 3 hours"]
    scene.be_alive()
    assert await scene.reasons() == []


async def test_notifications_that_were_refused_since_the_last_complete_crawl(scene: Scene) -> None:
    scene.clock.advance(1)
    scene.receive(NotificationResult.REFUSED, 12)
    assert await scene.reasons() == ["12 notifications refused: wrong secret"]
    status = (await scene.get("/api/v1/status"))["registries"]["main"]["notifications"]
    assert (status["refused"], status["refused_total"]) == (12, 12)
    assert status["refused_from"] == SENDER
    assert 'regsearch_notifications_total{registry="main",result="refused"} 12.0' in (
        await scene.get("/metrics")
    )
    scene.crawl()
    assert await scene.reasons() == []
    scene.clock.advance(1)
    scene.receive(NotificationResult.REFUSED)
    assert await scene.reasons() == ["1 notification refused: wrong secret"]
    status = (await scene.get("/api/v1/status"))["registries"]["main"]["notifications"]
    assert (status["refused"], status["refused_total"]) == (1, 13)


async def test_notifications_that_never_came_although_a_crawl_found_changes(scene: Scene) -> None:
    scene.write(lambda store: store.registries.set_untold(scene.main(store), at=scene.clock.now()))
    assert await scene.reasons() == ["no notification ever came, but a crawl found changes"]
    scene.crawl()
    assert await scene.reasons() == ["no notification ever came, but a crawl found changes"]
    scene.receive(NotificationResult.ACCEPTED)
    assert await scene.reasons() == []
    metrics = await scene.get("/metrics")
    assert 'regsearch_notifications_total{registry="main",result="accepted"} 1.0' in metrics
    assert 'regsearch_notification_received_timestamp_seconds{registry="main"}' in metrics


async def test_a_registry_that_sends_no_notifications_is_as_of_its_last_crawl(scene: Scene) -> None:
    def silence(store: Store) -> None:
        store.registries.put("main", url=f"http://{HOST}", registry_host=HOST, notifies=False)
        store.registries.set_untold(scene.main(store), at=scene.clock.now())

    scene.write(silence)
    assert await scene.reasons() == []
    answer = await scene.get("/api/v1/search")
    assert answer["freshness"]["registries"]["main"]["notifications"]["expected"] is False
    assert "registry main sends no notifications: all is as of its crawl" in shown(
        results.print_page, answer
    )


OLDER = "the store is older than the last known event, until a crawl is complete"


async def test_a_store_that_is_older_than_the_last_known_event(scene: Scene) -> None:
    scene.clock.advance(1)
    with closing(Journal(scene.directory)) as journal:
        known = journal.reached()
        journal.set_reached(known + 1)
        assert await scene.reasons() == [OLDER], "before the indexer noticed"
        scene.write(lambda store: store.registries.set_lost(at=scene.clock.now()))
        journal.set_reached(known)
    assert await scene.reasons() == [OLDER], "until a crawl"
    scene.crawl()
    assert await scene.reasons() == []


async def test_each_reason_has_a_code_of_the_specification(scene: Scene) -> None:
    """And none that programs could meet is missing there."""

    def write(store: Store) -> None:
        registries, number = store.registries, scene.main(store)
        until = scene.clock.now() + timedelta(minutes=1)
        registries.set_error(number, "503", at=scene.clock.now())
        registries.pause(number, until=until, reason="503")

    scene.write(write)
    told = (await scene.get("/api/v1/status"))["registries"]["main"]["reasons"]
    assert [one["code"] for one in told] == [ReasonCode.UNREADABLE, ReasonCode.PAUSED]
    specification = SPECIFICATION.read_text("utf-8")
    assert [one for one in ReasonCode if f"| `{one}` | " not in specification] == []


async def test_a_registry_that_was_never_read_or_cannot_be(scene: Scene) -> None:
    scene.write(
        lambda store: store.registries.set_error(scene.main(store), "503", at=scene.clock.now())
    )
    assert await scene.reasons() == ["it could not be read: 503"]


# What it costs


@dataclass(slots=True)
class Counted:
    """A searcher whose statements on both files are counted."""

    searcher: Searcher
    statements: list[str] = field(default_factory=list)

    def search(self) -> tuple[list[str], bool]:
        self.statements.clear()
        result = self.searcher.run(
            Searcher.search, SearchRequest(Order(DocumentType.REPOSITORY), limit=1)
        )
        return [*self.statements], result.freshness.complete


@pytest.fixture
def counted(scene: Scene) -> Iterator[Counted]:
    state = StoreSearchState(scene.directory)
    engine = WhooshEngine(scene.directory / INDEX_DIRECTORY)
    searcher = Searcher(state=state, engine=engine, clock=scene.clock)
    found = Counted(searcher)
    with closing(searcher):
        found.search()
        for opened in (state._store, state._journal):
            assert opened is not None
            opened._database.conn.set_trace_callback(found.statements.append)
        yield found


def test_a_search_counts_nothing_while_nothing_changes(counted: Counted, scene: Scene) -> None:
    """One number of each file says so; before, five statements counted it four times a second."""
    for _ in range(3):
        scene.clock.advance(1)
        statements, complete = counted.search()
        assert complete
        assert [one for one in statements if "search_index" not in one] == [
            "PRAGMA data_version",
            "PRAGMA data_version",
        ]
        assert len(statements) == 3


def test_what_was_received_before_a_search_is_in_its_freshness(
    counted: Counted, scene: Scene
) -> None:
    """However short the time between them is."""
    event = Event(Action.DELETE, RepositoryName("a"))
    with closing(Journal(scene.directory)) as journal:
        journal.append([("main", event)], received_at=scene.clock.now())
    assert not counted.search()[1]
    assert len(counted.search()[0]) == 1, "while anything waits, it is counted only now and then"
