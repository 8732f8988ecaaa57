"""Times as people say them. Pure."""

from datetime import datetime

from indexer.clock import parse_rfc3339

_UNITS = (
    *(("year", 365 * 86_400), ("month", 30 * 86_400), ("week", 7 * 86_400)),
    *(("day", 86_400), ("hour", 3_600), ("minute", 60)),
)


def age_text(moment: str | None, *, now: datetime) -> str:
    """Return how long ago a time of an answer is: ``3 days ago``."""
    if moment is None:
        return "never"
    # The clock of another machine may be ahead of ours.
    return f"{_length(max(0, int((now - parse_rfc3339(moment)).total_seconds())))} ago"


def due_text(moment: str, *, now: datetime) -> str:
    """Return in what time something is due: ``in 5 minutes``."""
    seconds = int((parse_rfc3339(moment) - now).total_seconds())
    return f"in {_length(seconds)}" if seconds > 0 else "now"


def moment_text(moment: str, *, now: datetime) -> str:
    """Return a time of an answer to the minute, and how long ago it is."""
    return f"{parse_rfc3339(moment):%Y-%m-%d %H:%M} UTC ({age_text(moment, now=now)})"


def _length(seconds: int) -> str:
    for unit, size in _UNITS:
        # Below two of a unit, the next smaller one says more.
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
