"""When a whole registry is read again."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from indexer.clock import rfc3339
from indexer.refresh.schedule import (
    INCOMPLETE_RETRY,
    RESTART_PAUSE,
    RESTART_PAUSE_CRAWLS,
    is_crawl_due,
)
from indexer.store import Crawl, Store
from tests.fakes.clock import START

INTERVAL = timedelta(hours=6)
NEVER_AGAIN = timedelta(0)
SOON = timedelta(microseconds=1)


def crawl(
    *,
    finished: datetime | None = None,
    complete: bool | None = None,
    catalog_read: bool = True,
    catalog_error: str | None = None,
) -> Crawl:
    return Crawl(
        id=1,
        registry_id=1,
        started_at=rfc3339(START),
        resume="",
        catalog_read=catalog_read,
        repositories=0,
        refreshes=0,
        waiting=0,
        set_aside=0,
        finished_at=rfc3339(finished) if finished else None,
        complete=complete,
        quarantined=0,
        catalog_error=catalog_error,
    )


@pytest.mark.parametrize("interval", [INTERVAL, NEVER_AGAIN])
def test_the_first_crawl_is_due_at_once(interval: timedelta) -> None:
    assert is_crawl_due(None, interval=interval, now=START)


@pytest.mark.parametrize("interval", [INTERVAL, NEVER_AGAIN])
def test_a_crawl_that_was_interrupted_goes_on_until_its_catalog_was_read(
    interval: timedelta,
) -> None:
    later = START + timedelta(days=9)
    assert is_crawl_due(crawl(catalog_read=False), interval=interval, now=START)
    assert not is_crawl_due(crawl(catalog_read=True), interval=interval, now=later)
    without = crawl(catalog_read=False, catalog_error="401")
    assert not is_crawl_due(without, interval=interval, now=later)


def test_a_crawl_without_a_catalog_is_repeated_no_sooner_than_any_other() -> None:
    """It reads everything that is known."""
    ended = crawl(finished=START, complete=False, catalog_read=False, catalog_error="401")
    assert not is_crawl_due(ended, interval=INTERVAL, now=START + INTERVAL - SOON)
    assert is_crawl_due(ended, interval=INTERVAL, now=START + INTERVAL)


@pytest.mark.parametrize(
    ("catalog_read", "interval", "pause"),
    [
        (True, INTERVAL, INTERVAL),
        (False, INTERVAL, INCOMPLETE_RETRY),
        (True, timedelta(minutes=1), timedelta(minutes=1)),
        (False, timedelta(minutes=1), timedelta(minutes=1)),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_the_next_crawl_is_due_when_the_pause_is_over(
    *, catalog_read: bool, complete: bool, interval: timedelta, pause: timedelta
) -> None:
    latest = crawl(finished=START, complete=complete and catalog_read, catalog_read=catalog_read)
    assert not is_crawl_due(latest, interval=interval, now=START + pause - SOON)
    assert is_crawl_due(latest, interval=interval, now=START + pause)


@pytest.mark.parametrize("complete", [True, False])
def test_at_the_start_a_crawl_that_was_not_complete_is_done_over(*, complete: bool) -> None:
    latest = crawl(finished=START, complete=complete)
    due = is_crawl_due(latest, interval=INTERVAL, now=START + SOON, is_start=True)
    assert due is not complete


@pytest.mark.parametrize("complete", [True, False])
def test_an_interval_of_nothing_asks_for_no_other_crawl(*, complete: bool) -> None:
    latest = crawl(finished=START, complete=complete)
    later = START + timedelta(days=900)
    assert not is_crawl_due(latest, interval=NEVER_AGAIN, now=later)


def test_a_clock_that_was_set_back_makes_no_crawl_due(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.transaction():
        registry = store.registries.put("default", url="", registry_host="")
        crawl_id = store.registries.start_crawl(registry.id, at=START)
        store.registries.save_catalog_page(crawl_id, resume="", repositories=0)
        store.registries.finish_crawls(registry.id, at=START)
    latest = store.registries.latest_crawl(registry.id)
    store.close()
    assert not is_crawl_due(latest, interval=INTERVAL, now=START - timedelta(days=1))
    assert is_crawl_due(latest, interval=INTERVAL, now=START + INTERVAL)


@pytest.mark.parametrize("interval", [INTERVAL, NEVER_AGAIN])
@pytest.mark.parametrize(
    ("took", "pause"),
    [
        (timedelta(0), RESTART_PAUSE),
        (timedelta(minutes=1), RESTART_PAUSE_CRAWLS * timedelta(minutes=1)),
    ],
)
def test_a_restart_makes_a_crawl_due_a_while_after_the_one_before(
    interval: timedelta, took: timedelta, pause: timedelta
) -> None:
    """Also where the one before ran still: it may have read a place before it was pushed to."""
    latest = crawl(finished=START + took, complete=True)
    due_at = START + took + pause
    for restarted_at in (START, due_at - SOON):
        for now, is_due in ((due_at - SOON, False), (due_at, True), (due_at + INTERVAL / 2, True)):
            found = is_crawl_due(latest, interval=interval, now=now, events_lost_at=restarted_at)
            assert found is is_due


@pytest.mark.parametrize(
    "restarted_at",
    [
        pytest.param(START - SOON, id="a crawl began since"),
        pytest.param(START + 2 * INTERVAL, id="by a clock that was set back"),
    ],
)
def test_a_restart_that_is_none_now_makes_no_crawl_due(restarted_at: datetime) -> None:
    now = START + INTERVAL / 2
    latest = crawl(finished=START, complete=True)
    assert not is_crawl_due(latest, interval=INTERVAL, now=now, events_lost_at=restarted_at)
    assert not is_crawl_due(latest, interval=NEVER_AGAIN, now=now, events_lost_at=restarted_at)


def test_a_crawl_that_runs_when_a_restart_is_seen_is_not_begun_again() -> None:
    assert not is_crawl_due(crawl(), interval=INTERVAL, now=START + INTERVAL, events_lost_at=START)
