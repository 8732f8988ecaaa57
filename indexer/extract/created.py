"""When an image says that it was made.

Reproducible builders write the first moments of the years 1, 1970 or 1980: these mean unknown.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

EARLIEST = datetime(1980, 1, 2, tzinfo=UTC)
"""Moments up to this one mean unknown."""
FUTURE_MAX = timedelta(days=1)

_MOMENT = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,18}))?)?)?"
    r"\s?(?:UTC|[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)


def parse_moment(text: str) -> datetime | None:
    """Return the UTC time that an RFC 3339 text or its relatives name, or None.

    A space stands for ``T``, a missing zone means UTC, nanoseconds are cut to microseconds, and a
    date alone is its midnight.
    """
    match = _MOMENT.fullmatch(text[:64].strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = (
        match.groups()
    )
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            59 if second == "60" else int(second or 0),  # datetime has no leap seconds
            int((fraction or "").ljust(6, "0")[:6]),
            tzinfo=timezone(-offset if sign == "-" else offset),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_moments(candidates: Iterable[str], *, now: datetime) -> tuple[datetime, ...]:
    """Return the candidates after 1980-01-02, up to the first that is not in the future."""
    found: list[datetime] = []
    for text in candidates:
        moment = parse_moment(text) if text else None
        if moment is not None and moment > EARLIEST:
            found.append(moment)
            if moment <= now + FUTURE_MAX:
                break
    return tuple(dict.fromkeys(found))


def pick_created(moments: Iterable[datetime], *, now: datetime) -> datetime | None:
    """Return the first moment that is not in the future.

    A day of tolerance is given for the clocks of builders.
    """
    return next((moment for moment in moments if moment <= now + FUTURE_MAX), None)
