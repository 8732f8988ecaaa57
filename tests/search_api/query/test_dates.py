"""Dates, moments and ages as spans of seconds."""

from datetime import UTC, datetime, timedelta

import pytest

from indexer.errors import QueryError
from search_api.query.dates import read_moment
from search_api.query.ranges import Span
from tests.search_api.query.asking import NOW, typed


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def read(text: str, now: datetime = NOW) -> Span:
    return read_moment(typed(text.replace(" ", r"\ ")), now=now)


@pytest.mark.parametrize(
    ("text", "first", "behind"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-01", at(2026, 1, 1), at(2026, 2, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2026-01-31", at(2026, 1, 31), at(2026, 2, 1)),
        ("1969", -365 * 86_400, 0),
        ("0001-01-01", at(1, 1, 1), at(1, 1, 2)),
        ("9999", at(9999, 1, 1), at(9999, 12, 31) + 86_400),
        ("today", at(2026, 11, 26), at(2026, 11, 27)),
        ("Yesterday", at(2026, 11, 25), at(2026, 11, 26)),
    ],
)
def test_a_date_is_all_its_seconds(text: str, first: int, behind: int) -> None:
    assert read(text) == Span(first, behind - 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-31T12:00:01Z", at(2026, 1, 31, 12, 0, 1)),
        ("2026-01-31t12:00:01z", at(2026, 1, 31, 12, 0, 1)),
        ("2026-01-31 12:00:01", at(2026, 1, 31, 12, 0, 1)),
        ("2026-01-31T12:00:01.999999999Z", at(2026, 1, 31, 12, 0, 1)),
        ("2026-01-31T12:00:01+02:00", at(2026, 1, 31, 10, 0, 1)),
        ("2026-01-31T12:00:01-02:30", at(2026, 1, 31, 14, 30, 1)),
        ("0001-01-01T00:00:00+02:00", at(1, 1, 1) - 7_200),
    ],
)
def test_a_moment_is_a_second(text: str, seconds: int) -> None:
    assert read(text) == Span(seconds, seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("6mo", NOW.replace(month=5)),
        ("12mo", NOW.replace(year=2025)),
        ("1y", NOW.replace(year=2025)),
        ("0d", NOW),
    ],
)
def test_an_age_is_the_moment_so_long_ago(text: str, moment: datetime) -> None:
    seconds = int(moment.timestamp())
    assert read(text) == Span(seconds, seconds, is_age=True)


def test_a_month_ago_is_the_last_day_where_there_is_no_such_day() -> None:
    now = datetime(2026, 3, 31, 1, tzinfo=UTC)
    assert read("1mo", now).first == at(2026, 2, 28, 1)
    assert read("1y", datetime(2024, 2, 29, 1, tzinfo=UTC)).first == at(2023, 2, 28, 1)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("2026-13", 1, "there is no 2026-13"),
        ("2026-02-30", 1, "there is no 2026-02-30"),
        ("0000", 1, "there is no 0000"),
        ("2026-01-31T25:00:00Z", 1, "there is no 2026-01-31T25:00:00Z"),
        ("2026-01-31T00:00:00+99:00", 1, "there is no 2026"),
        ("7x", 2, "unknown unit 'x' of an age; known are m (minutes), h"),
        ("7M", 2, "unknown unit 'M' of an age; known are m (minutes), h"),
        ("99999y", 1, "99999y ago is too long ago"),
        ("999999w", 1, "999999w ago is too long ago"),
        ("7", 1, "'7': expected a date (2026, 2026-01"),
        ("2026-1", 1, "'2026-1': expected a date"),
        ("٢٠٢٦", 1, "'٢٠٢٦': expected a date"),
        ("soon", 1, "'soon': expected a date"),
        ("2026-01-31T12:00", 1, "'2026-01-31T12:00': expected a date"),
        ("-7d", 1, "'-7d': expected a date"),
    ],
)
def test_what_is_no_time_is_said_so(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(rf"\{text}" if text.startswith("-") else text)
    assert str(caught.value).startswith(message)
    assert caught.value.column == column
