"""A clock that moves only when it is told to, or when somebody sleeps."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class ManualClock:
    """Time in the hands of a test. ``sleeps`` has the seconds of each wait."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        """Return the time now, in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time on by ``seconds``."""
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Move the time on by ``seconds`` at once."""
        self.sleeps.append(seconds)
        self.advance(seconds)
