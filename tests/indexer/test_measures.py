"""The time from a notification to its effect being searchable, and what registries answered."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.model import LAG_BOUNDS, Measures, read_durations
from indexer.registry import TrafficMeasure
from indexer.store import SEARCHABLE
from tests.builders import image
from tests.indexer.stepping import Stepping, pushed

pytestmark = pytest.mark.anyio

A, B = (image(seed=seed) for seed in "ab")
WEB = "team/web"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        opened.registry.put(WEB, A, tag="1")
        await opened.settle()
        await opened.index()
        yield opened


def measures(stepping: Stepping) -> Measures:
    return stepping.store.measures.get().get("default", Measures())


def lags(stepping: Stepping) -> tuple[int, float]:
    """Return how many were measured, and the seconds of all together."""
    buckets, seconds = read_durations(measures(stepping), SEARCHABLE, LAG_BOUNDS)
    return int(buckets[-1][1]), seconds


async def apply(stepping: Stepping) -> None:
    await stepping.enqueue_refreshes()
    await stepping.run_due()


async def test_a_crawl_measures_no_lag(stepping: Stepping) -> None:
    assert lags(stepping) == (0, 0)


async def test_an_event_is_measured_once_it_is_searchable(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    stepping.clock.advance(3)
    await apply(stepping)
    assert lags(stepping) == (0, 0), "it is in the store, and not searchable yet"
    stepping.clock.advance(4)
    await stepping.index()
    assert lags(stepping) == (1, 7)
    assert measures(stepping)[SEARCHABLE, "10.0"] == 1
    await stepping.index()
    assert lags(stepping) == (1, 7)


async def test_an_event_that_changes_nothing_is_measured_at_once(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    await apply(stepping)
    await stepping.index()
    count, _ = lags(stepping)
    # The time of the tag is known, and this one says no other.
    stepping.deliver(pushed(WEB, B.digest, tag="2", at=stepping.clock.now() - timedelta(days=900)))
    stepping.clock.advance(2)
    await apply(stepping)
    await stepping.index()
    assert lags(stepping) == (count + 1, 2)


async def test_events_of_one_tag_count_from_the_first_on(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, A.digest, tag="2"))
    stepping.clock.advance(5)
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    await apply(stepping)
    await stepping.index()
    assert lags(stepping) == (1, 5)


async def test_a_restart_before_it_is_searchable_loses_no_measure(stepping: Stepping) -> None:
    stepping.registry.put(WEB, B, tag="2")
    stepping.deliver(pushed(WEB, B.digest, tag="2"))
    await apply(stepping)
    stepping.clock.advance(600)
    await stepping.reopen()
    await stepping.index()
    assert lags(stepping) == (1, 600)


async def test_answers_of_the_registry_are_kept_over_restarts(stepping: Stepping) -> None:
    answers = TrafficMeasure.ANSWERS
    stepping.clock.advance(1)
    await stepping.run_due()
    before = measures(stepping)[answers, "2xx"]
    assert before == stepping.freshness().requests - measures(stepping)[answers, "4xx"]
    assert before > 0
    await stepping.reopen()
    await stepping.crawl()
    assert measures(stepping)[answers, "2xx"] > before
