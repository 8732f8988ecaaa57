"""Dates, moments and ages, as spans of seconds since 1970."""

import calendar
import re
from datetime import UTC, datetime, timedelta

from indexer.errors import QueryError
from search_api.query.ranges import Span
from search_api.query.tokens import Typed

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_AGE = re.compile(r"(\d{1,6})([a-z]+)", re.ASCII | re.IGNORECASE)
_MONTHS = {"mo": 1, "y": 12}
_SPANS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DAYS_AGO = {"today": 0, "yesterday": 1}
_EXPECTED = (
    "expected a date (2026, 2026-01, 2026-01-31), a moment (2026-01-31T12:00:00Z), an age"
    " (30m, 12h, 7d, 2w, 6mo, 1y), today or yesterday"
)


def read_moment(typed: Typed, *, now: datetime) -> Span:
    """Return the seconds of a date, a moment or an age; ages count back from ``now``."""
    text = typed.text
    if text.lower() in _DAYS_AGO:
        start = _seconds(now) // 86_400 * 86_400 - 86_400 * _DAYS_AGO[text.lower()]
        return Span(start, start + 86_399)
    try:
        if date := _DATE.fullmatch(text):
            return _date(*(int(part) for part in date.groups() if part))
        if _MOMENT.fullmatch(text):
            seconds = _seconds(_with_zone(datetime.fromisoformat(text.upper())))
            return Span(seconds, seconds)
    except ValueError as error:
        raise QueryError(f"there is no {text}", column=typed.column) from error
    if age := _AGE.fullmatch(text):
        return _age(int(age[1]), age[2], typed=typed, now=now)
    raise QueryError(f"{text[:100]!r}: {_EXPECTED}", column=typed.column)


def _date(year: int, month: int | None = None, day: int | None = None) -> Span:
    last_month = month or 12
    first = datetime(year, month or 1, day or 1, tzinfo=UTC)
    last_day = day or calendar.monthrange(year, last_month)[1]
    last = datetime(year, last_month, last_day, tzinfo=UTC)
    return Span(_seconds(first), _seconds(last) + 86_399)


def _age(count: int, unit: str, *, typed: Typed, now: datetime) -> Span:
    try:
        if unit in _MONTHS:
            moment = _months_before(now, count * _MONTHS[unit])
        elif unit in _SPANS:
            moment = now - count * _SPANS[unit]
        else:
            known = "m (minutes), h, d, w, mo (months), y"
            message = f"unknown unit {unit[:100]!r} of an age; known are {known}"
            raise QueryError(message, column=typed.columns[len(typed.text) - len(unit)])
    except (OverflowError, ValueError) as error:
        raise QueryError(f"{typed.text} ago is too long ago", column=typed.column) from error
    return Span(_seconds(moment), _seconds(moment), is_age=True)


def _months_before(now: datetime, count: int) -> datetime:
    """Return the same day of an earlier month, or its last day if it has no such day."""
    months = now.year * 12 + now.month - 1 - count
    year, month = months // 12, months % 12 + 1
    if year < 1:
        raise ValueError(year)
    return now.replace(
        year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1])
    )


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
