"""Short crawls, and what their requests are spent on: looks at tags that have probably moved."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from indexer.model import RepositoryName
from indexer.refresh.looks import LOOK_EVERY, LOOKS_IN_INTERVAL, worth
from indexer.refresh.schedule import FULL_OF_CRAWLS, crawls_of_one_full, is_full_due
from indexer.settings import RegistrySettings
from indexer.store import LOOKS, FullCrawl, LookResult, RefreshKind, RefreshTarget
from tests.builders import BuiltManifest, image
from tests.fakes.clock import START
from tests.fakes.registry import Fault
from tests.indexer.stepping import KilledError, Stepping, pushed

pytestmark = pytest.mark.anyio

WEB = "team/web"
INTERVAL = timedelta(hours=4)
HOUR = timedelta(hours=1)
STILL = 30
"""Tags that never move."""


def build(number: int) -> BuiltManifest:
    return image(seed=f"build {number}")


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A world whose first crawl is over, of a registry that does not notify."""
    async with make(tmp_path) as stepping:
        yield stepping


def make(directory: Path) -> Stepping:
    stepping = Stepping(directory, interval=INTERVAL, learns=True)
    for number in range(STILL):
        stepping.registry.put(WEB, build(number), tag=f"1.{number}", notify=False)
    stepping.registry.put(WEB, build(0), tag="latest", notify=False)
    return stepping


async def pass_time(stepping: Stepping, span: timedelta) -> None:
    """Let time pass, and the worker do what is due by then."""
    end = stepping.clock.now() + span
    while stepping.clock.now() < end:
        stepping.clock.advance(min(LOOK_EVERY, end - stepping.clock.now()).total_seconds())
        await stepping.run_due()


async def first_crawl(stepping: Stepping) -> None:
    await stepping.run_due()
    await pass_time(stepping, LOOK_EVERY)
    assert stepping.latest_crawl().complete
    stepping.registry.requests.clear()


async def learn(stepping: Stepping) -> None:
    """See a tag move, again and again, in two short crawls and a full one."""
    await first_crawl(stepping)
    for number in range(100, 108):
        stepping.registry.put(WEB, build(number), tag="latest", notify=False)
        await stepping.crawl()
    await pass_time(stepping, LOOK_EVERY)
    stepping.registry.requests.clear()


def look_at(stepping: Stepping, tag: str) -> None:
    stepping.store.queue.add_looks(
        stepping.rows["default"].id,
        [RefreshTarget(RefreshKind.TAG, RepositoryName(WEB), tag)],
        due_at=stepping.clock.now(),
    )


def asked(stepping: Stepping) -> Counter[str]:
    """Return how often each tag was asked for."""
    lines = [line.partition("/manifests/")[2] for line in stepping.registry.requests]
    return Counter(line for line in lines if line)


async def test_an_unchanged_registry_takes_a_request_a_tag_and_none_a_manifest(
    tmp_path: Path,
) -> None:
    stepping = Stepping(tmp_path)
    for number in range(STILL):
        stepping.registry.put(WEB, build(number % 3), tag=f"1.{number}", notify=False)
    async with stepping:
        await stepping.settle()
        stepping.registry.requests.clear()
        await stepping.crawl()
        assert asked(stepping) == Counter(f"1.{number}" for number in range(STILL))
        lists = [line for line in stepping.registry.requests if "/manifests/" not in line]
        assert [line.partition("?")[0] for line in lists] == [
            "GET /v2/_catalog",
            f"GET /v2/{WEB}/tags/list",
        ]


async def test_a_short_crawl_reads_lists_and_what_is_new_or_gone(stepping: Stepping) -> None:
    await first_crawl(stepping)
    stepping.registry.put(WEB, build(1), tag="new", notify=False)
    stepping.registry.put("team/other", build(2), tag="1", notify=False)
    stepping.registry.delete_tag(WEB, "1.5", notify=False)
    await pass_time(stepping, INTERVAL + LOOK_EVERY)
    assert not stepping.latest_crawl().is_full
    assert stepping.latest_crawl().complete
    # And for the manifest that lost its tag.
    five = build(5).digest
    assert asked(stepping) == Counter(["new", "1", "1.5", five])
    assert stepping.visible() == stepping.truth()


async def test_answers_say_when_every_tag_was_asked_for(stepping: Stepping) -> None:
    await first_crawl(stepping)
    before = stepping.freshness()
    await pass_time(stepping, INTERVAL + LOOK_EVERY)
    assert not stepping.latest_crawl().is_full
    after = stepping.freshness()
    assert after.last_complete_crawl_started_at == before.last_complete_crawl_started_at


async def test_a_tag_that_never_moved_is_found_by_the_next_full_crawl(stepping: Stepping) -> None:
    await first_crawl(stepping)
    stepping.registry.put(WEB, build(99), tag="1.7", notify=False)
    await pass_time(stepping, (FULL_OF_CRAWLS - 1) * INTERVAL)
    assert stepping.visible() != stepping.truth()
    await pass_time(stepping, INTERVAL + HOUR)
    assert stepping.latest_crawl().is_full
    assert stepping.visible() == stepping.truth()


async def test_a_tag_that_moves_is_looked_at_between_crawls(stepping: Stepping) -> None:
    await learn(stepping)
    crawls = stepping.latest_crawl().id
    stepping.registry.put(WEB, build(200), tag="latest", notify=False)
    await pass_time(stepping, HOUR)
    assert stepping.latest_crawl().id == crawls
    assert stepping.visible() == stepping.truth()
    assert set(asked(stepping)) == {"latest"}
    found = stepping.store.measures.get()["default"]
    assert found[LOOKS, LookResult.MOVED] == 1
    looks = sum(found[LOOKS, result] for result in LookResult)
    assert looks == asked(stepping)["latest"]


async def test_looks_take_no_more_requests_than_short_crawls_save(stepping: Stepping) -> None:
    await learn(stepping)
    await pass_time(stepping, INTERVAL - HOUR)
    looks = asked(stepping).total()
    assert 0 < looks <= (STILL + 1) * (FULL_OF_CRAWLS - 1) / FULL_OF_CRAWLS
    assert looks <= LOOKS_IN_INTERVAL


async def test_a_look_that_does_not_find_its_tag_leaves_it_to_the_crawl(
    stepping: Stepping,
) -> None:
    await learn(stepping)
    stepping.registry.delete_tag(WEB, "latest", notify=False)
    crawls = stepping.latest_crawl().id
    await pass_time(stepping, HOUR)
    assert asked(stepping)["latest"] > 0
    assert stepping.latest_crawl().id == crawls
    assert ("default", WEB, "latest") in stepping.visible()
    await pass_time(stepping, INTERVAL)
    assert stepping.visible() == stepping.truth()


async def test_nobody_waits_for_looks(stepping: Stepping) -> None:
    await learn(stepping)
    with stepping.store.transaction():
        look_at(stepping, "latest")
    assert stepping.freshness().refreshes_waiting == 0


async def test_a_push_comes_before_looks(stepping: Stepping) -> None:
    await learn(stepping)
    row = stepping.rows["default"]
    with stepping.store.transaction():
        look_at(stepping, "latest")
    stepping.clock.advance(1)
    stepping.deliver(pushed(WEB, build(0).digest, tag="1.0"))
    await stepping.enqueue_refreshes()
    due = stepping.store.queue.due(row.id, stepping.clock.now(), limit=2)
    assert [refresh.target.reference for refresh in due] == ["1.0", "latest"]


async def test_a_push_of_a_tag_that_waits_for_a_look_is_one_of_an_event(
    stepping: Stepping,
) -> None:
    await learn(stepping)
    row = stepping.rows["default"]
    with stepping.store.transaction():
        look_at(stepping, "latest")
    stepping.deliver(pushed(WEB, build(0).digest, tag="latest"))
    await stepping.enqueue_refreshes()
    [refresh] = stepping.store.queue.due(row.id, stepping.clock.now(), limit=2)
    assert not refresh.is_look


async def test_a_registry_that_asks_for_a_pause_is_not_looked_at(stepping: Stepping) -> None:
    await learn(stepping)
    busy = Response(status_code=429, headers={"Retry-After": "300"})
    stepping.registry.faults.append(Fault("/manifests/latest", busy))
    await pass_time(stepping, 2 * HOUR)
    assert asked(stepping).total() <= 2 * HOUR / timedelta(seconds=300) + 1


async def test_a_look_that_fails_is_not_tried_again(stepping: Stepping) -> None:
    await learn(stepping)
    stepping.registry.faults.append(Fault("/manifests/latest", Response(status_code=403)))
    with stepping.store.transaction():
        look_at(stepping, "latest")
    await stepping.run_due()
    assert asked(stepping).total() == 1
    assert stepping.next_due() is None
    assert stepping.freshness().set_aside == 0


async def test_what_was_set_aside_is_left_alone_by_looks(stepping: Stepping) -> None:
    await learn(stepping)
    fault = Fault("/manifests/latest", Response(status_code=403))
    stepping.registry.faults.append(fault)
    await stepping.crawl()
    assert stepping.freshness().set_aside == 1
    stepping.registry.requests.clear()
    await pass_time(stepping, 2 * HOUR)
    assert asked(stepping).total() == 0


async def test_who_asks_for_a_crawl_gets_a_full_one(stepping: Stepping) -> None:
    await first_crawl(stepping)
    stepping.clock.advance(INTERVAL.total_seconds())
    await stepping.worker._look_after()
    assert not stepping.latest_crawl().is_full, "a short one has just begun"
    stepping.registry.put(WEB, build(99), tag="1.7", notify=False)
    await stepping.crawl()
    assert stepping.latest_crawl().is_full
    assert stepping.latest_crawl().complete
    assert stepping.visible() == stepping.truth()


@pytest.mark.parametrize("dies_at", range(1, 12))
async def test_a_short_crawl_that_was_killed_goes_on_as_one(tmp_path: Path, dies_at: int) -> None:
    stepping = make(tmp_path)
    async with stepping:
        await first_crawl(stepping)
        stepping.registry.put(WEB, build(1), tag="new", notify=False)
        stepping.clock.advance(INTERVAL.total_seconds())
        stepping.store.dies_at = stepping.store.transactions + dies_at
        with suppress(KilledError):
            await stepping.run_due()
        await stepping.reopen()
        await pass_time(stepping, 2 * LOOK_EVERY)
        assert not stepping.latest_crawl().is_full
        assert stepping.latest_crawl().complete
        assert set(asked(stepping)) == {"new"}
        assert stepping.visible() == stepping.truth()


class TestWhichCrawlIsFull:
    def due(self, hours: float, later: int, *, interval: float, lost: float | None = None) -> bool:
        return is_full_due(
            FullCrawl(START, later),
            interval=timedelta(hours=interval),
            now=START + timedelta(hours=hours),
            events_lost_at=None if lost is None else START + timedelta(hours=lost),
        )

    def test_the_first(self) -> None:
        assert is_full_due(None, interval=INTERVAL, now=START)

    def test_one_of_four(self) -> None:
        assert [self.due(later + 1, later, interval=1) for later in range(4)] == [
            False,
            False,
            False,
            True,
        ]

    def test_the_last_before_a_day_is_over(self) -> None:
        assert not self.due(12.1, 1, interval=6)
        assert self.due(18.1, 2, interval=6)

    @pytest.mark.parametrize("interval", [12, 24, 48])
    def test_each_if_there_are_few(self, interval: float) -> None:
        assert self.due(interval + 0.1, 0, interval=interval)

    def test_the_one_after_a_loss_of_events(self) -> None:
        assert self.due(1, 0, interval=1, lost=0.5)
        assert not self.due(1, 0, interval=1, lost=-0.5)

    @pytest.mark.parametrize(
        ("hours", "crawls"), [(1 / 6, 4), (1, 4), (4, 4), (6, 3), (8, 2), (12, 1), (24, 1), (96, 1)]
    )
    def test_the_requests_to_spend_are_those_of_the_others(self, hours: float, crawls: int) -> None:
        interval = timedelta(hours=hours)
        assert crawls_of_one_full(interval) == crawls
        # Each crawl ends some time after it began.
        late = 1.001
        short = 0
        while not self.due(hours * late * (short + 1), short, interval=hours):
            short += 1
        assert short + 1 == crawls


class TestWorth:
    def test_nothing_just_after_a_look(self) -> None:
        assert worth(1.0, 0.0) == 0

    @given(st.floats(1e-9, 1e3), st.floats(0, 1e7), st.floats(0, 1e7))
    def test_it_grows_with_time_to_the_time_between_moves(
        self, rate: float, one: float, other: float
    ) -> None:
        less, more = sorted((one, other))
        assert worth(rate, less) <= worth(rate, more) * (1 + 1e-9) + 1e-9
        assert worth(rate, more) <= 1 / rate

    def test_what_moves_all_the_time_is_worth_less_than_what_moves_now_and_then(self) -> None:
        hour, day = 3_600.0, 86_400.0
        assert worth(60 / hour, 6 * hour) < worth(4 / day, 6 * hour)
        assert worth(1 / (365 * day), 6 * hour) < worth(4 / day, 6 * hour)


@pytest.mark.parametrize(
    ("settings", "learns"),
    [
        ({}, False),
        ({"notifications": False}, True),
        ({"notifications": False, "learn_moves": False}, False),
        ({"notifications": False, "pull_through": True}, False),
        ({"notifications": False, "crawl_interval": "0s"}, False),
    ],
)
def test_what_is_told_is_not_learned(settings: dict[str, object], learns: bool) -> None:
    made = RegistrySettings.model_validate({"url": "http://registry.test", **settings})
    assert made.learns_moves == learns


async def test_without_learning_every_crawl_is_full(tmp_path: Path) -> None:
    stepping = make(tmp_path)
    stepping.learns = False
    async with stepping:
        await first_crawl(stepping)
        await pass_time(stepping, INTERVAL + LOOK_EVERY)
        assert stepping.latest_crawl().is_full
        assert asked(stepping).total() == STILL + 1
