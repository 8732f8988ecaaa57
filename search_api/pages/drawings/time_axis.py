"""Marks of a time axis at round times: hours, days, months or years."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_TICKS_MAX = 5
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_STEPS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720)] + [
    timedelta(days=days) for days in (1, 2, 7, 14)
]
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 24_000)
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday, so that weeks begin as the ISO says."""


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A mark at a share of the axis with its text."""

    share: float
    text: str


def time_ticks(start: datetime, end: datetime) -> list[TimeTick]:
    """Return at most five marks between two times in UTC, at the finest step that allows it."""
    length = end - start
    if length <= timedelta():
        return []
    return [
        TimeTick((moment - start) / length, text)
        for moment, text in _moments(start, end)
        if start < moment < end
    ]


def _moments(start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    wanted = (end - start) / _TICKS_MAX
    step = next((step for step in _STEPS if step >= wanted), None)
    if step is None:
        months = next(
            n for n in _MONTH_STEPS if timedelta(days=28 * n) >= wanted or n == _MONTH_STEPS[-1]
        )
        yield from _months(start, end, months)
        return
    moment = start - (start - _EPOCH) % step
    while moment < end:
        day = f"{moment.day} {_MONTHS[moment.month - 1]}"
        yield moment, day if step >= timedelta(days=1) else f"{moment:%H:%M}"
        moment += step


def _months(start: datetime, end: datetime, step: int) -> Iterator[tuple[datetime, str]]:
    first = (12 * start.year + start.month - 1) // step * step
    for number in range(first, 12 * end.year + end.month, step):
        year, month = divmod(number, 12)
        if year >= 1:
            text = str(year) if step >= 12 else f"{_MONTHS[month]} {year}"
            yield datetime(year, month + 1, 1, tzinfo=UTC), text
