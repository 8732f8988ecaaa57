"""The time, and times as text."""

import random
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from indexer.clock import SystemClock, parse_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), "2026-03-01T12:00:00.000000Z"),
        (datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC), "2026-03-01T12:00:00.000007Z"),
        (
            datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "2026-02-28T23:00:00.000000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00.000000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_written_in_utc_and_read_again(moment: datetime, text: str) -> None:
    """Regression: years before 1000 were written without their zeros and could not be read."""
    assert rfc3339(moment) == text
    assert parse_rfc3339(text) == moment
    assert parse_rfc3339(text).tzinfo is UTC


def test_texts_sort_as_the_times_do() -> None:
    chance = random.Random(1)
    moments = [
        datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=chance.randrange(3 * 10**17))
        for _ in range(500)
    ]
    assert sorted(moments) == [parse_rfc3339(text) for text in sorted(map(rfc3339, moments))]


def test_the_clock_of_this_machine_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert abs(SystemClock().now().timestamp() - time.time()) < 5


@pytest.mark.anyio
async def test_the_clock_of_this_machine_waits() -> None:
    before = time.monotonic()
    await SystemClock().sleep(0.001)
    assert time.monotonic() - before >= 0.001
