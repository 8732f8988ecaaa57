"""The worker of a registry: order, retries, set-aside refreshes, crawls, and no idle turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from indexer.clock import parse_rfc3339
from indexer.errors import StoreError, UnreachableError
from indexer.model.event import Command
from indexer.model.names import RepositoryName
from indexer.refresh.removal import LOST_MIN, SECOND_LOOK_AFTER
from indexer.refresh.schedule import INCOMPLETE_RETRY, RESTART_PAUSE
from indexer.refresh.worker import (
    ASKED_PAUSE_MAX,
    ASKED_UNDOUBTED,
    FAILURES_IN_A_ROW,
    LOOK_AFTER_SECONDS,
    PAUSE_MAX,
    RETRY_MAX,
    TICK_SECONDS,
    TRIES_MAX,
)
from indexer.registry.responses import RETRY_AFTER_MAX_SECONDS
from indexer.store import NO_CATALOG, Priority, RefreshKind, RefreshTarget
from tests.builders import image
from tests.fakes.registry import FakeRegistry, Fault
from tests.indexer.stepping import KilledError, Stepping, deleted, pushed

pytestmark = pytest.mark.anyio

A, B = (image(seed=seed) for seed in "ab")
WEB = "team/web"
SECONDS = 60.0
DOWN = Response(status_code=503)
DENIED = JSONResponse({"errors": [{"code": "DENIED", "message": "no"}]}, 403)
HTML = HTMLResponse("<html>please log in</html>")


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A world whose first crawl is over, of a registry with one image."""
    stepping = Stepping(tmp_path)
    stepping.registry.put(WEB, A, tag="1")
    async with stepping:
        await stepping.settle()
        stepping.registry.requests.clear()
        yield stepping


def fail(
    registry: FakeRegistry,
    match: str,
    answer: Response | Callable[[Request], Response | Awaitable[Response]],
    *,
    times: int | None = None,
) -> Fault:
    fault = Fault(match, answer, times=times)
    registry.faults.append(fault)
    return fault


def manifests_asked(stepping: Stepping) -> list[str]:
    asked = [line.partition("/manifests/")[2] for line in stepping.registry.requests]
    return [reference for reference in asked if reference]


async def event(stepping: Stepping, *tags: str) -> None:
    """Take in a push of each tag, which is in the registry already."""
    for tag in tags:
        stepping.registry.put(WEB, A, tag=tag, notify=False)
        stepping.deliver(pushed(WEB, A.digest, tag=tag))
    await stepping.enqueue_refreshes()


async def _hear_of(stepping: Stepping, tag: str, *, source: str) -> None:
    """Take in a push that a process of the registry tells of, and all that follows at once."""
    stepping.registry.put(WEB, A, tag=tag, notify=False)
    stepping.deliver(replace(pushed(WEB, A.digest, tag=tag), source=source))
    await stepping.settle()


class TestOrder:
    async def test_a_fresh_push_overtakes_a_crawl(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, max_in_flight=1) as stepping:
            for number in range(6):
                stepping.registry.put(WEB, A, tag=f"v{number}")
            stepping.registry.put("zoo/last", B, tag="fresh")
            worker = stepping.worker
            await worker._look_after()
            for _ in range(3):
                await worker._start_refreshes()
                await asyncio.wait(worker._running)
                await worker._wait()
            stepping.deliver(pushed("zoo/last", B.digest, tag="fresh"))
            await stepping.enqueue_refreshes()
            worker.wake(at_once=False)
            stepping.registry.requests.clear()
            await worker._start_refreshes()
            await asyncio.wait(worker._running)
            assert stepping.registry.requests[0] == "GET /v2/zoo/last/manifests/fresh"
            await stepping.settle()
            assert stepping.visible() == stepping.truth()

    async def test_no_more_run_at_once_than_keep_the_connections_busy(self, tmp_path: Path) -> None:
        at_once: list[int] = []

        async with Stepping(tmp_path, max_in_flight=3) as stepping:

            async def slow(request: Request) -> Response:
                at_once.append(len(stepping.worker._running))
                return await stepping.registry._router.answer(request)

            for number in range(20):
                stepping.registry.put(WEB, A, tag=f"v{number}")
            fail(stepping.registry, "/manifests/", slow)
            await stepping.settle()
            assert max(at_once) == 6
            assert stepping.visible() == stepping.truth()


class TestBackOff:
    async def test_a_registry_that_is_down_is_asked_less_and_less_often(
        self, stepping: Stepping
    ) -> None:
        fail(stepping.registry, "/v2/", DOWN)
        await event(stepping, "2")
        await stepping.settle(seconds=3_600)
        # Three requests a try, and three more to see whether it answers elsewhere.
        tries = len(stepping.registry.requests) / 6
        assert 3_600 / 80 < tries < 3_600 / 60 + 10
        assert stepping.freshness().set_aside == 0
        assert stepping.freshness().error is not None

    async def test_a_registry_that_was_down_for_days_does_not_stop_the_indexer(
        self, stepping: Stepping
    ) -> None:
        """The delay was two to the power of the tries, which no time can hold after 46."""
        await event(stepping, "2")
        with stepping.store.transaction():
            stepping.store._database.execute("UPDATE queue SET tries = 5000")
        fault = fail(stepping.registry, "/v2/", DOWN)
        await stepping.settle(seconds=300)
        stepping.registry.faults.remove(fault)
        await stepping.settle(seconds=PAUSE_MAX.total_seconds() * 2)
        assert stepping.visible() == stepping.truth()
        assert stepping.waiting() == 0

    async def test_what_failed_is_found_within_a_minute_after_the_outage(
        self, stepping: Stepping
    ) -> None:
        fault = fail(stepping.registry, "/v2/", DOWN)
        await event(stepping, "2", "3", "4")
        await stepping.settle(seconds=1_200)
        stepping.registry.faults.remove(fault)
        await stepping.settle(seconds=PAUSE_MAX.total_seconds() + 1)
        assert stepping.visible() == stepping.truth()
        assert stepping.freshness().error is None

    async def test_many_failures_at_once_are_one_failure_of_the_registry(
        self, stepping: Stepping
    ) -> None:
        """Else the first trouble of eight requests in flight would stop everything for a minute."""
        pauses = []
        for _ in range(9):
            for _ in range(8):
                stepping.worker._slow_down(UnreachableError("no answer"))
            pauses.append((stepping.worker._resume_at - stepping.clock.now()).total_seconds())
            stepping.clock.advance(pauses[-1])
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    async def test_a_pause_that_the_registry_asks_for_is_kept(self, stepping: Stepping) -> None:
        busy = Response(status_code=429, headers={"Retry-After": "120"})
        fail(stepping.registry, "/manifests/2", busy, times=1)
        fail(stepping.registry, "/manifests/3", DOWN, times=3)
        await event(stepping, "2", "3")
        started = stepping.clock.now()
        await stepping.run_due()
        resume_at = stepping.worker._resume_at
        assert resume_at >= started + timedelta(seconds=120), "the later failure cuts it short"
        stepping.registry.requests.clear()
        await stepping.settle(seconds=100)
        assert stepping.registry.requests == []
        await stepping.settle(seconds=60)
        assert stepping.visible() == stepping.truth()

    async def test_a_registry_is_left_alone_for_a_bounded_time_and_says_why(
        self, stepping: Stepping
    ) -> None:
        busy = Response(status_code=429, headers={"Retry-After": "1000000000"})
        fault = fail(stepping.registry, "/v2/", busy)
        await event(stepping, "2")
        await stepping.run_due()
        freshness = stepping.freshness()
        paused_until = parse_rfc3339(freshness.paused_until or "")
        assert paused_until == stepping.clock.now() + ASKED_PAUSE_MAX
        assert "GET /v2/team/web/manifests/2: 429" in (freshness.pause_reason or "")
        stepping.registry.faults.remove(fault)
        stepping.clock.advance(ASKED_PAUSE_MAX.total_seconds())
        await stepping.run_due()
        assert stepping.freshness().paused_until is None
        await stepping.settle(seconds=1_000)
        assert stepping.visible() == stepping.truth()

    async def test_one_place_that_always_asks_for_pauses_soon_pauses_only_itself(
        self, stepping: Stepping
    ) -> None:
        busy = Response(status_code=429, headers={"Retry-After": "1000000000"})
        fail(stepping.registry, "/manifests/busy", busy)
        await event(stepping, *(f"busy{number}" for number in range(3)))
        pauses: set[str] = set()
        started = stepping.clock.now()
        for number in range(300):
            await event(stepping, f"v{number}")
            await stepping.run_due()
            pauses.add(stepping.freshness().paused_until or "")
            stepping.clock.advance(60)
        assert stepping.clock.now() - started >= timedelta(hours=5)
        assert 1 <= len(pauses - {""}) <= ASKED_UNDOUBTED
        assert stepping.freshness().refreshes_waiting + stepping.freshness().set_aside == 3
        assert ("default", WEB, "v298") in stepping.visible()

    async def test_a_place_that_is_always_busy_is_set_aside(self, stepping: Stepping) -> None:
        """Else a crawl would never end."""
        busy = Response(status_code=429, headers={"Retry-After": "1000000000"})
        fail(stepping.registry, "/manifests/busy", busy)
        await event(stepping, "busy")
        await stepping.settle(seconds=3 * 3_600)
        [aside] = stepping.store.queue.list_set_aside(limit=9)
        assert (aside.reference, "429" in aside.reason) == ("busy", True)

    async def test_a_place_that_waits_is_told_of(self, stepping: Stepping) -> None:
        busy = Response(status_code=429, headers={"Retry-After": "1000"})
        fail(stepping.registry, "/manifests/busy", busy)
        await event(stepping, "busy")
        await stepping.run_due()
        [waiting] = stepping.store.queue.list_postponed(limit=9)
        assert (waiting.repository, waiting.reference) == (WEB, "busy")
        assert "429" in waiting.reason
        due_at = stepping.clock.now() + timedelta(seconds=RETRY_AFTER_MAX_SECONDS)
        assert parse_rfc3339(waiting.due_at) == due_at

    async def test_another_host_pauses_only_its_own_place(self, stepping: Stepping) -> None:
        error = UnreachableError("429", retry_after=900.0, is_elsewhere=True)
        stepping.worker._slow_down(error)
        pause = stepping.worker._resume_at - stepping.clock.now()
        assert pause == timedelta(seconds=1)

    async def test_a_pause_of_the_last_run_is_forgotten(self, stepping: Stepping) -> None:
        until = stepping.clock.now() + timedelta(hours=1)
        with stepping.store.transaction():
            stepping.store.registries.pause(1, until=until, reason="429")
        assert stepping.freshness().paused_until
        await stepping.reopen()
        await stepping.run_due()
        assert stepping.freshness().paused_until is None

    async def test_a_pause_of_no_time_is_a_pause_nevertheless(self, stepping: Stepping) -> None:
        """``Retry-After: 0``, for ever, must not become a request after the other."""
        fail(stepping.registry, "/v2/", Response(status_code=503, headers={"Retry-After": "0"}))
        await event(stepping, "2", "3")
        await stepping.settle(seconds=600)
        assert len(stepping.registry.requests) < 200

    async def test_asking_for_a_crawl_ends_a_pause(self, stepping: Stepping) -> None:
        fault = fail(stepping.registry, "/v2/", DOWN)
        await event(stepping, "2")
        await stepping.settle(seconds=600)
        await stepping.run_due()
        stepping.registry.faults.remove(fault)
        stepping.worker.wake(at_once=False)
        assert not await stepping.run_due()
        stepping.worker.wake(at_once=True)
        assert stepping.worker._resume_at == stepping.clock.now()

    async def test_other_places_go_on_beside_a_broken_one(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/manifests/broken", DOWN)
        await event(stepping, "broken", *(f"v{n}" for n in range(20)))
        await stepping.settle(seconds=60)
        assert len(stepping.visible()) == 21

    async def test_places_that_are_denied_slow_nothing_down(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/manifests/secret", DENIED)
        await event(stepping, *(f"secret{n}" for n in range(30)), "2")
        started = stepping.clock.now()
        await stepping.run_due()
        await stepping.run_due()
        assert stepping.clock.now() == started
        assert ("default", WEB, "2") in stepping.visible()
        assert stepping.freshness().set_aside == 30


class TestSettingAside:
    @pytest.mark.parametrize("target", ["/manifests/2", r"team/web/tags", "_catalog"])
    async def test_one_broken_place_does_not_keep_crawls_from_ending(
        self, stepping: Stepping, target: str
    ) -> None:
        """A registry answers some manifests with 500 for ever, although it is well."""
        stepping.registry.put(WEB, A, tag="2")
        fail(stepping.registry, target, Response(status_code=500))
        await stepping.crawl(seconds=3_600)
        crawl = stepping.latest_crawl()
        assert crawl.finished_at is not None
        assert crawl.complete is False
        assert stepping.freshness().refreshes_waiting == 0
        tries = len([line for line in stepping.registry.requests if "manifests/2" in line])
        assert tries <= 3 * TRIES_MAX

    async def test_a_broken_place_is_tried_less_and_less_often(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/manifests/2", Response(status_code=500))
        started = stepping.clock.now()
        await event(stepping, "2")
        await stepping.settle(seconds=3_600)
        assert stepping.freshness().set_aside == 1
        assert stepping.clock.now() - started > timedelta(seconds=100)

    async def test_a_catalog_that_fails_in_an_empty_store_is_tried_for_ever(
        self, tmp_path: Path
    ) -> None:
        """Nothing tells whether the registry is down, and there is nothing else to do."""
        async with Stepping(tmp_path) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            fault = fail(stepping.registry, "_catalog", DOWN)
            await stepping.settle(seconds=3_600)
            stepping.registry.faults.remove(fault)
            await stepping.settle(seconds=120)
            assert stepping.visible() == stepping.truth()
            assert stepping.latest_crawl().complete

    async def test_a_wrong_answer_is_set_aside_after_some_tries(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/manifests/2", HTML)
        await event(stepping, "2")
        await stepping.settle()
        assert len(manifests_asked(stepping)) == TRIES_MAX
        [found] = stepping.store.queue.list_set_aside(limit=9)
        assert (found.repository, found.reference) == (WEB, "2")
        assert "please log in" in found.reason

    async def test_what_was_set_aside_is_tried_again_once_the_registry_recovers(
        self, stepping: Stepping
    ) -> None:
        fault = fail(stepping.registry, "/v2/", HTML)
        await event(stepping, "2", "3")
        await stepping.settle()
        assert stepping.freshness().set_aside == 2
        stepping.registry.faults.remove(fault)
        await event(stepping, "4")
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.freshness().set_aside == 0
        assert stepping.freshness().error is None

    async def test_what_was_denied_is_tried_again_at_a_success_but_not_at_each(
        self, stepping: Stepping
    ) -> None:
        fail(stepping.registry, "/manifests/secret", DENIED)
        await event(stepping, "secret")
        await stepping.settle()
        stepping.registry.requests.clear()
        await event(stepping, "2")
        await stepping.settle()
        assert manifests_asked(stepping) == ["2"]
        stepping.clock.advance(RETRY_MAX.total_seconds())
        for number in range(5):
            await event(stepping, f"v{number}")
            await stepping.settle()
        assert manifests_asked(stepping).count("secret") == 1
        assert stepping.freshness().set_aside == 1

    async def test_a_start_tries_what_was_set_aside_before_it(self, stepping: Stepping) -> None:
        """Whoever corrects the password starts regsearch again."""
        fault = fail(stepping.registry, "/v2/", DENIED)
        await event(stepping, "2", "3")
        await stepping.settle()
        assert stepping.freshness().set_aside == 2
        await stepping.reopen()
        stepping.registry.faults.remove(fault)
        await event(stepping, "4")
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.waiting() == 0

    async def test_an_error_of_the_run_before_is_forgotten_at_the_first_success(
        self, stepping: Stepping
    ) -> None:
        fault = fail(stepping.registry, "/v2/", DOWN)
        await event(stepping, "2")
        await stepping.run_due()
        assert stepping.freshness().error is not None
        await stepping.reopen()
        stepping.registry.faults.remove(fault)
        await stepping.settle()
        assert stepping.freshness().error is None

    async def test_what_was_set_aside_runs_again_when_it_is_hinted_at(
        self, stepping: Stepping
    ) -> None:
        fault = fail(stepping.registry, "/manifests/2", DENIED)
        await event(stepping, "2")
        await stepping.settle()
        stepping.registry.faults.remove(fault)
        await event(stepping, "2")
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.waiting() == 0


class TestUnexpected:
    """Errors that nobody thought of, here raised by the transport itself."""

    @pytest.fixture(autouse=True)
    def logged(self) -> Iterator[list[MutableMapping[str, Any]]]:
        """What was logged; drawing a traceback would take a second."""
        with structlog.testing.capture_logs() as found:
            yield found

    async def test_one_stops_neither_the_others_nor_the_worker(
        self, stepping: Stepping, logged: list[MutableMapping[str, Any]]
    ) -> None:
        def broken(_: Request) -> Response:
            raise ZeroDivisionError("nobody thought of this")

        fail(stepping.registry, "/manifests/2", broken)
        await event(stepping, "2", "3")
        await stepping.settle()
        assert ("default", WEB, "3") in stepping.visible()
        [found] = stepping.store.queue.list_set_aside(limit=9)
        assert found.reason == "ZeroDivisionError: nobody thought of this"
        [line] = [line for line in logged if line["event"] == "refresh_failed"]
        assert (line["log_level"], line["exc_info"]) == ("error", True)

    async def test_one_in_a_catalog_does_not_end_all_crawls(self, stepping: Stepping) -> None:
        """A catalog that is set aside would keep every later crawl from beginning."""

        def broken(_: Request) -> Response:
            raise ZeroDivisionError

        fail(stepping.registry, "_catalog", broken, times=1)
        await stepping.crawl()
        crawl = stepping.latest_crawl()
        assert (crawl.id, crawl.complete) == (2, False)
        assert stepping.waiting() == 0
        stepping.registry.put(WEB, B, tag="2")
        await stepping.crawl()
        assert stepping.latest_crawl().complete
        assert stepping.visible() == stepping.truth()

    async def test_a_store_that_cannot_write_for_a_moment_loses_nothing(
        self, stepping: Stepping
    ) -> None:
        """A full disk is not the target's fault: it is not set aside until the next crawl."""
        await event(stepping, "2")

        def full(_: Request) -> Response:
            stepping.store.failing = 1
            return Response(A.body, media_type=A.media_type)

        fail(stepping.registry, "/manifests/2", full, times=1)
        await stepping.run_due()
        assert stepping.freshness().set_aside == 0
        assert "disk is full" in (stepping.freshness().error or "")
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.freshness().error is None


class TestCrawls:
    async def test_the_first_begins_at_once_and_ends(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            assert stepping.freshness().first_backfill_running is False
            await stepping.settle()
            crawl = stepping.latest_crawl()
            # The repository, its tag, and whether there are lists of referrers.
            assert (crawl.complete, crawl.repositories, crawl.refreshes) == (True, 1, 3)
            assert stepping.freshness().requests == len(stepping.registry.requests) == 5

    async def test_the_next_one_begins_after_the_interval(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, interval=timedelta(hours=6)) as stepping:
            await stepping.settle()
            stepping.clock.advance(6 * 3_600 - 5)
            await stepping.settle()
            assert stepping.latest_crawl().id == 1
            stepping.clock.advance(5)
            await stepping.settle()
            assert stepping.latest_crawl().id == 2

    async def test_a_restart_of_the_registry_is_followed_by_one(self, stepping: Stepping) -> None:
        """What a registry had not sent yet when it ended is lost, and nothing else tells of it."""
        await _hear_of(stepping, "known", source="first")
        before = stepping.latest_crawl().id
        stepping.registry.put("lost/one", B, tag="1", notify=False)
        await _hear_of(stepping, "since", source="second")
        assert stepping.visible() != stepping.truth()
        stepping.clock.advance(RESTART_PAUSE.total_seconds())
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.latest_crawl().id == before + 1
        stepping.clock.advance(24 * 3_600)
        await _hear_of(stepping, "later", source="second")
        assert stepping.latest_crawl().id == before + 1, "once is enough"

    async def test_a_restart_hastens_nothing_while_something_is_held_back(
        self, tmp_path: Path
    ) -> None:
        """A second crawl would confirm that all is gone, of a disk that is only not mounted."""
        names = [f"disk/{number}" for number in range(LOST_MIN)]
        async with Stepping(tmp_path) as stepping:
            for name in names:
                stepping.registry.put(name, A, tag="1")
            await stepping.settle()
            await _hear_of(stepping, "known", source="first")
            for name in names:
                stepping.registry.delete_repository(name)
            await stepping.crawl()
            before = stepping.latest_crawl().id
            assert stepping.freshness().quarantined == LOST_MIN
            stepping.clock.advance(2 * SECOND_LOOK_AFTER.total_seconds())
            await _hear_of(stepping, "since", source="second")
            assert stepping.freshness().quarantined == LOST_MIN
            assert stepping.latest_crawl().id == before
            stepping.deliver(Command.ACCEPT)
            await stepping.settle()
            assert stepping.latest_crawl().id == before + 1, "now it is made up for"

    @pytest.mark.parametrize(
        ("what", "pause"),
        [("_catalog", INCOMPLETE_RETRY), ("/manifests/1", timedelta(hours=6))],
    )
    async def test_one_that_could_not_read_everything_is_repeated(
        self, tmp_path: Path, what: str, pause: timedelta
    ) -> None:
        """Soon when nothing could be listed; one denied target does not cost a crawl again."""
        async with Stepping(tmp_path, interval=timedelta(hours=6)) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            fault = fail(stepping.registry, what, DENIED)
            await stepping.settle()
            assert stepping.latest_crawl().complete is False
            stepping.registry.faults.remove(fault)
            stepping.clock.advance(pause.total_seconds())
            await stepping.settle()
            assert stepping.latest_crawl().complete
            assert stepping.visible() == stepping.truth()

    async def test_a_catalog_that_is_denied_ends_the_crawl(self, stepping: Stepping) -> None:
        """And it is an error of the registry until it is read."""
        fail(stepping.registry, "_catalog", DENIED)
        await stepping.crawl()
        assert stepping.latest_crawl().complete is False
        assert stepping.waiting() == 0
        assert stepping.freshness().error is not None

    async def test_where_the_catalog_is_refused_what_is_known_is_read(self, tmp_path: Path) -> None:
        """Regression: a registry that lists nothing to anybody was never crawled."""
        async with Stepping(tmp_path, interval=timedelta(hours=6)) as stepping:
            for name in ("team/gone", "team/moved", "team/same"):
                stepping.registry.put(name, A, tag="1")
                stepping.deliver(pushed(name, A.digest, tag="1"))
            fail(stepping.registry, "_catalog", DENIED)
            await stepping.settle(seconds=600)
            # The first one may have come before the events, when nothing was known.
            await stepping.crawl()
            stepping.registry.delete_repository("team/gone")
            stepping.registry.put("team/moved", B, tag="1")
            stepping.registry.requests.clear()
            stepping.clock.advance(3_600)
            await stepping.settle(seconds=600)
            assert stepping.visible() != stepping.truth()
            assert len(stepping.registry.requests) <= 1, "not before the interval is over"
            stepping.clock.advance(6 * 3_600)
            await stepping.settle(seconds=600)
            assert stepping.visible() == stepping.truth()
            crawl = stepping.latest_crawl()
            assert (crawl.complete, crawl.repositories) == (False, 3)
            assert "403" in str(crawl.catalog_error)
            assert stepping.waiting() == 0
            stepping.registry.faults.clear()
            await stepping.crawl()
            assert stepping.latest_crawl().complete
            assert stepping.latest_crawl().catalog_error is None
            assert stepping.freshness().error is None

    async def test_a_registry_without_a_catalog_is_read_as_far_as_it_is_known(
        self, tmp_path: Path
    ) -> None:
        async with Stepping(tmp_path, interval=timedelta(hours=6)) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            fail(stepping.registry, "_catalog", Response(status_code=404))
            await stepping.settle()
            crawl = stepping.latest_crawl()
            assert (crawl.complete, crawl.catalog_error) == (False, NO_CATALOG)
            freshness = stepping.freshness()
            assert (freshness.has_catalog, freshness.error) == (False, None)
            assert not freshness.first_backfill_running
            stepping.registry.requests.clear()
            stepping.deliver(pushed(WEB, A.digest, tag="1"))
            await stepping.settle()
            assert stepping.visible() == stepping.truth()
            assert not [line for line in stepping.registry.requests if "_catalog" in line]
            stepping.registry.put(WEB, B, tag="1", notify=False)
            stepping.clock.advance(6 * 3_600)
            await stepping.settle()
            assert stepping.visible() == stepping.truth()
            stepping.registry.faults.clear()
            await stepping.crawl()
            assert stepping.freshness().has_catalog

    async def test_a_kill_while_the_known_is_read_goes_on(self, stepping: Stepping) -> None:
        for number in range(5):
            stepping.registry.put(f"team/{number}", A, tag="1")
        await stepping.crawl()
        fail(stepping.registry, "_catalog", DENIED)
        stepping.registry.delete_repository("team/3")
        stepping.deliver(Command.CRAWL)
        for number in range(1, 30):
            await stepping.reopen(dies_at=number)
            with suppress(KilledError):
                await stepping.settle()
        await stepping.reopen()
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert stepping.latest_crawl().finished_at is not None

    async def test_one_that_a_kill_interrupts_goes_on(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, max_in_flight=1) as stepping:
            for number in range(5):
                stepping.registry.put(f"team/{number}", A, tag="1")
            await stepping.worker._look_after()
            await stepping.worker._start_refreshes()
            await asyncio.wait(stepping.worker._running)
            await stepping.reopen()
            await stepping.settle()
            assert (stepping.latest_crawl().id, stepping.latest_crawl().complete) == (1, True)
            catalogs = [line for line in stepping.registry.requests if "_catalog" in line]
            assert len(catalogs) == 1
            assert stepping.visible() == stepping.truth()

    async def test_a_second_wish_joins_the_crawl_that_runs(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/manifests/1", DOWN, times=3)
        await stepping.crawl(seconds=1)
        await stepping.crawl()
        assert stepping.latest_crawl().id == 2
        assert stepping.latest_crawl().complete


class TestLoop:
    async def test_an_idle_worker_reads_the_store_no_more_than_it_says(
        self, stepping: Stepping
    ) -> None:
        """A minute in its turns, each of which is a tick."""
        turns = round(60 / TICK_SECONDS)
        before = stepping.thread.reads
        for _ in range(turns):
            await stepping.worker._look_after()
            await stepping.worker._start_refreshes()
            stepping.clock.advance(TICK_SECONDS)
        most = turns + 60 / LOOK_AFTER_SECONDS + 1
        assert stepping.thread.reads - before <= most

    async def test_a_paused_worker_does_not_look_for_work(self, stepping: Stepping) -> None:
        fail(stepping.registry, "/v2/", DOWN)
        await event(stepping, "2")
        await stepping.settle(seconds=600)
        await stepping.run_due()
        before = stepping.thread.reads
        stepping.worker.wake(at_once=False)
        await stepping.worker._start_refreshes()
        assert stepping.thread.reads == before
        assert not stepping.worker._woken.is_set(), "or it would turn without end until it resumes"

    async def test_waiting_ends_with_a_tick_a_wake_or_a_refresh(self, stepping: Stepping) -> None:
        worker, loop = stepping.worker, asyncio.get_running_loop()
        started = loop.time()
        await worker._wait()
        assert loop.time() - started >= TICK_SECONDS * 0.9
        worker.wake(at_once=False)
        # It ends in one turn of the loop. The time is not measured: a busy machine may take
        # longer than a tick for anything.
        waiting = asyncio.create_task(worker._wait())
        await asyncio.sleep(0)
        assert waiting.done()

    async def test_run_works_until_it_is_cancelled(self, stepping: Stepping) -> None:
        arrived, hold = asyncio.Event(), asyncio.Event()

        async def held(_: Request) -> Response:
            arrived.set()
            await hold.wait()
            return DOWN

        await event(stepping, "2")
        fail(stepping.registry, "/manifests/3", held)
        stepping.indexing.changed.clear()
        task = asyncio.create_task(stepping.worker.run())
        await asyncio.wait_for(stepping.indexing.changed.wait(), SECONDS)
        assert ("default", WEB, "2") in stepping.visible()
        await event(stepping, "3")
        stepping.worker.wake(at_once=False)
        await asyncio.wait_for(arrived.wait(), SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stepping.waiting() == 1, "what was cancelled is still to do"

    async def test_a_broken_store_ends_the_worker_loudly(self, stepping: Stepping) -> None:
        """The process is started again then; going on would hide that nothing is written."""
        await event(stepping, "2")

        def full(_: Request) -> Response:
            stepping.store.failing = 99
            return Response(A.body, media_type=A.media_type)

        fail(stepping.registry, "/manifests/2", full)
        with pytest.raises(StoreError):
            await asyncio.wait_for(stepping.worker.run(), SECONDS)
        stepping.store.failing = 0


class TestFairness:
    async def test_a_registry_that_fails_does_not_hold_up_another(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, "bad", "good") as stepping:
            for registry in stepping.registries.values():
                for number in range(10):
                    registry.put(WEB, A, tag=f"v{number}")
            fail(stepping.registries["bad"], "/v2/", DOWN)
            started = stepping.clock.now()
            for _ in range(3):
                await stepping.run_due("good")
            assert stepping.clock.now() == started
            good = {target for target in stepping.truth() if target[0] == "good"}
            assert set(stepping.visible()) == good
            await stepping.settle(seconds=600)
            assert stepping.freshness("bad").error is not None
            assert stepping.freshness("good").error is None
            assert stepping.freshness("good").refreshes_waiting == 0

    async def test_a_registry_that_hangs_does_not_hold_up_another(self, tmp_path: Path) -> None:
        hold = asyncio.Event()

        async def held(_: Request) -> Response:
            await hold.wait()
            return DOWN

        async with Stepping(tmp_path, "bad", "good") as stepping:
            fail(stepping.registries["bad"], "/v2/", held)
            stepping.registries["good"].put(WEB, A, tag="1")
            bad = asyncio.create_task(stepping.workers["bad"].run())
            while not stepping.registries["bad"].requests:
                await asyncio.sleep(0)
            for _ in range(3):
                await stepping.run_due("good")
            assert stepping.visible() == stepping.truth()
            bad.cancel()
            with pytest.raises(asyncio.CancelledError):
                await bad


async def test_hints_about_one_place_become_one_refresh(stepping: Stepping) -> None:
    await event(stepping, *["2"] * 9)
    await stepping.settle()
    assert manifests_asked(stepping) == ["2"]


async def test_a_hint_while_its_refresh_runs_leads_to_another_look(stepping: Stepping) -> None:
    async def overtaken(request: Request) -> Response:
        answer = await stepping.registry._router.answer(request)
        stepping.registry.put(WEB, B, tag="1", notify=False)
        stepping.deliver(pushed(WEB, B.digest, tag="1"))
        await stepping.enqueue_refreshes()
        return answer

    fail(stepping.registry, "/manifests/1", overtaken, times=1)
    stepping.deliver(deleted(WEB, tag="1"))
    await stepping.settle()
    assert stepping.visible() == stepping.truth()
    assert len(manifests_asked(stepping)) == 2


async def test_the_queue_of_a_place_that_is_asked_for_by_hand_runs(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    with stepping.store.transaction():
        stepping.store.queue.add(
            stepping.worker._registry.id,
            [RefreshTarget(RefreshKind.REPOSITORY, RepositoryName(WEB))],
            priority=Priority.EVENT,
            due_at=stepping.clock.now(),
        )
    await stepping.settle()
    assert stepping.visible() == stepping.truth()


def test_the_limits_fit_together() -> None:
    assert FAILURES_IN_A_ROW < TRIES_MAX
    assert PAUSE_MAX <= RETRY_MAX <= INCOMPLETE_RETRY


async def test_a_registry_that_fails_is_named_once(stepping: Stepping) -> None:
    """Regression: the log had a line for each try of each place, and none named the registry."""
    fail(stepping.registry, "", DOWN)
    stepping.deliver(*(pushed(f"team/{number}", A.digest, tag="1") for number in range(3)))
    with structlog.testing.capture_logs() as logs:
        await stepping.settle(seconds=60)
    (said,) = (line for line in logs if line["log_level"] == "warning")
    assert said["event"] == "registry_fails"
    assert (said["registry"], "503" in said["reason"]) == ("default", True)
    assert "does not reach it" in said["problem"]
    assert "start the registry" in said["remedy"]
    stepping.registry.faults.clear()
    with structlog.testing.capture_logs() as logs:
        await stepping.settle()
    assert "registry_answers" in {line["event"] for line in logs}
