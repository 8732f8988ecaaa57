"""The time, and waiting for it, behind one small protocol so that tests need no real time."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> datetime:
        """Return the time now, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time now, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """Return a UTC time as RFC 3339 with microseconds, ending in ``Z``; sorts as text."""
    # Not strftime: it writes the year 1, which some senders mean by "no time", as one digit.
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the UTC time that a text of :func:`rfc3339` names."""
    return datetime.fromisoformat(text).astimezone(UTC)
