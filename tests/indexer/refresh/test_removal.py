"""The mass-removal guard: how much is suspicious, and when disappeared tags are hidden."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.model.event import Command
from indexer.refresh.removal import is_suspicious
from tests.builders import image
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping, deleted, pushed

pytestmark = pytest.mark.anyio

A, B = image(seed="a"), image(seed="b")
MANY = [f"team/app{number}" for number in range(6)]


def absent(code: str = "MANIFEST_UNKNOWN") -> Response:
    return JSONResponse({"errors": [{"code": code, "message": "no"}]}, 404)


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A registry with six repositories of two tags, crawled."""
    async with Stepping(tmp_path) as opened:
        for name in MANY:
            opened.registry.put(name, A, tag="1", notify=False)
            opened.registry.put(name, B, tag="2", notify=False)
        await opened.crawl()
        opened.clock.advance(60)
        yield opened


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as found:
        yield found


def remove(stepping: Stepping, *names: str) -> None:
    for name in names:
        stepping.registry.delete_repository(name)


def quarantined(stepping: Stepping) -> tuple[int, int]:
    """Return what freshness and the latest crawl say."""
    return stepping.freshness().quarantined, stepping.latest_crawl().quarantined


@pytest.mark.parametrize(
    ("lost", "visible", "too_much"),
    [
        (0, 0, False),
        (4, 4, False),
        (5, 5, True),
        (5, 24, True),
        (5, 25, False),
        (100, 500, False),
        (100, 499, True),
        (100, 1_000_000, False),
        (101, 1_000_000, True),
    ],
)
def test_how_much_is_suspicious(lost: int, visible: int, *, too_much: bool) -> None:
    assert is_suspicious(lost, visible=visible) is too_much


class TestOrdinary:
    async def test_what_a_crawl_does_not_find_is_hidden_when_it_has_nothing_left_to_do(
        self, stepping: Stepping
    ) -> None:
        before = stepping.visible()
        remove(stepping, MANY[0])
        stepping.deliver(Command.CRAWL)
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        assert stepping.latest_crawl().waiting == 0
        assert stepping.latest_crawl().finished_at is None
        assert stepping.visible() == before, "more may be gone than was asked for yet"
        stepping.indexing.changed.clear()
        await stepping.settle()
        assert stepping.visible() == stepping.truth() != before
        assert quarantined(stepping) == (0, 0)
        assert stepping.indexing.changed.is_set(), "it is not to wait for the next look"

    async def test_four_repositories_of_four_are_no_more_than_a_hand_removes(
        self, tmp_path: Path
    ) -> None:
        async with Stepping(tmp_path) as stepping:
            for name in MANY[:4]:
                stepping.registry.put(name, A, tag="1")
            await stepping.crawl()
            remove(stepping, *MANY[:4])
            await stepping.crawl()
            assert stepping.visible() == {}
            assert quarantined(stepping) == (0, 0)

    async def test_tags_of_repositories_that_stay_are_never_too_many(
        self, stepping: Stepping
    ) -> None:
        for name in MANY:
            stepping.registry.delete_tag(name, "1", notify=False)
        await stepping.crawl()
        assert stepping.visible() == stepping.truth()
        assert len(stepping.visible()) == len(MANY)

    async def test_a_tag_that_is_back_before_the_crawl_ends_stays(self, stepping: Stepping) -> None:
        def slow(_: Request) -> Response:
            return Response(status_code=503, headers={"Retry-After": "30"})

        stepping.registry.delete_tag(MANY[0], "1", notify=False)
        stepping.registry.faults.append(Fault(f"{MANY[5]}/manifests", slow, times=3))
        stepping.deliver(Command.CRAWL)
        await stepping.settle(seconds=5)
        assert stepping.latest_crawl().finished_at is None
        stepping.registry.put(MANY[0], A, tag="1", notify=False)
        stepping.deliver(pushed(MANY[0], A.digest, tag="1"))
        await stepping.settle()
        assert stepping.latest_crawl().complete
        assert stepping.visible() == stepping.truth()

    async def test_what_runs_on_after_a_crawl_whose_catalog_is_denied_is_hidden_too(
        self, stepping: Stepping
    ) -> None:
        denied = JSONResponse({"errors": [{"code": "DENIED", "message": "no"}]}, 403)
        listing = JSONResponse(
            {"repositories": MANY[:1]}, headers={"Link": '</v2/_catalog?last=x&n=1>; rel="next"'}
        )
        stepping.registry.delete_tag(MANY[0], "1", notify=False)
        stepping.registry.faults += [
            Fault(r"_catalog.*last=", denied),
            Fault(r"_catalog", listing),
        ]
        await stepping.crawl()
        crawl = stepping.latest_crawl()
        assert (crawl.complete, crawl.catalog_read) == (False, False)
        assert stepping.visible() == stepping.truth()


class TestEvents:
    async def test_what_events_tell_of_is_hidden_at_once_however_much_it_is(
        self, stepping: Stepping
    ) -> None:
        remove(stepping, *MANY)
        stepping.deliver(*(deleted(name, tag=tag) for name in MANY for tag in "12"))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        assert stepping.visible() == {}

    async def test_an_event_about_what_a_crawl_asks_for_too_hides_at_once(
        self, stepping: Stepping
    ) -> None:
        remove(stepping, *MANY)
        busy = Response(status_code=503, headers={"Retry-After": "30"})
        stepping.registry.faults.append(Fault(f"{MANY[0]}/manifests/1", busy, times=3))
        stepping.deliver(Command.CRAWL)
        await stepping.settle(seconds=5)
        assert stepping.latest_crawl().finished_at is None, "it asked for the tag and waits"
        stepping.deliver(deleted(MANY[0], tag="1"))
        await stepping.settle()
        assert ("default", MANY[0], "1") not in stepping.visible()
        assert len(stepping.visible()) == 2 * len(MANY) - 1
        assert quarantined(stepping) == (6, 6)

    async def test_an_event_hides_what_is_held_back(self, stepping: Stepping) -> None:
        remove(stepping, *MANY)
        await stepping.crawl()
        stepping.deliver(*(deleted(MANY[0], tag=tag) for tag in "12"))
        await stepping.settle()
        assert {place[1] for place in stepping.visible()} == set(MANY[1:])
        assert stepping.freshness().quarantined == 5


class TestHeldBack:
    async def test_nothing_is_hidden_and_everybody_is_told(
        self, stepping: Stepping, logged: list[MutableMapping[str, Any]]
    ) -> None:
        """Not even single tags: what says that they are gone is in doubt."""
        remove(stepping, *MANY[:5])
        stepping.registry.delete_tag(MANY[5], "1", notify=False)
        before = stepping.visible()
        await stepping.crawl()
        assert stepping.visible() == before
        assert quarantined(stepping) == (5, 5)
        assert stepping.latest_crawl().complete
        assert stepping.freshness().error is None
        [line] = [line for line in logged if line["event"] == "crawl_held_back"]
        assert line == {
            "event": "crawl_held_back",
            "log_level": "warning",
            "registry": "default",
            "repositories": 5,
            "visible": 6,
            "accept": "regsearch reconcile --accept default",
        }

    async def test_new_content_is_shown_all_the_same(self, stepping: Stepping) -> None:
        remove(stepping, *MANY)
        stepping.registry.put("team/new", A, tag="1", notify=False)
        await stepping.crawl()
        assert ("default", "team/new", "1") in stepping.visible()
        assert quarantined(stepping) == (6, 6)

    async def test_another_registry_is_not_held_back(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path, "one", "two") as stepping:
            for registry in stepping.registries.values():
                for name in MANY:
                    registry.put(name, A, tag="1", notify=False)
            await stepping.settle()
            for name in MANY:
                stepping.registries["one"].delete_repository(name)
            stepping.registries["two"].delete_repository(MANY[0])
            await stepping.crawl("one")
            await stepping.crawl("two")
            assert stepping.freshness("one").quarantined == 6
            assert stepping.freshness("two").quarantined == 0
            assert len([place for place in stepping.visible() if place[0] == "two"]) == 5
            stepping.deliver(Command.ACCEPT, registry="two")
            await stepping.enqueue_refreshes()
            assert stepping.freshness("one").quarantined == 6

    async def test_what_was_set_aside_and_is_tried_again_without_a_crawl_is_held_back_too(
        self, stepping: Stepping
    ) -> None:
        before = stepping.visible()
        denied = JSONResponse({"errors": [{"code": "DENIED", "message": "no"}]}, 403)
        fault = Fault("/manifests/", denied)
        stepping.registry.faults.append(fault)
        await stepping.crawl()
        assert stepping.freshness().set_aside == 2 * len(MANY)
        stepping.registry.faults.remove(fault)
        remove(stepping, *MANY)
        stepping.clock.advance(3_600)
        stepping.registry.put("team/new", A, tag="1", notify=False)
        stepping.deliver(pushed("team/new", A.digest, tag="1"))
        await stepping.settle()
        assert stepping.freshness().set_aside == 0
        assert before.items() <= stepping.visible().items()
        assert quarantined(stepping) == (6, 6)
        assert stepping.latest_crawl().id == 2, "no crawl was needed"

    async def test_a_registry_that_the_settings_no_longer_name_holds_nothing_back(
        self, stepping: Stepping
    ) -> None:
        remove(stepping, *MANY)
        await stepping.crawl()
        [registry] = stepping.registries.values()
        stepping.registries = {"other": registry}
        await stepping.reopen()
        stepping.registries = {"default": registry}
        await stepping.reopen()
        assert stepping.visible() == {}
        assert stepping.freshness().quarantined == 0
