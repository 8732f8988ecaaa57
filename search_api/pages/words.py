"""The texts of a page: times, numbers, digests and platforms in a form that people read. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from markupsafe import Markup, escape

_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_PARAMETER = re.compile("[a-z_]+: ")
_LEADING_HEX, _TRAILING_HEX = 8, 3
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MONTH, _YEAR = 30 * _DAY, 365 * _DAY
_SYSTEMS = ("linux", "", "windows")
"""Operating systems in the order of a page; "" stands for all others."""
_ARCHITECTURES = ("amd64", "arm64", "arm/v7", "arm/v6", "386", "ppc64le", "s390x", "riscv64")


def number_text(number: int) -> str:
    """Return a number in groups of three digits, with thin spaces that never break a line."""
    return f"{number:,}".replace(",", _THIN_SPACE)


def bytes_text(size_bytes: int | None) -> str:
    """Return the exact size, for the title of a rounded one."""
    if size_bytes is None:
        return "size unknown"
    return f"{number_text(size_bytes)} byte{'' if size_bytes == 1 else 's'}"


def sentence(message: str) -> str:
    """Return a message with a capital and a full stop; the name of a parameter stays as it is."""
    begun = message if _PARAMETER.match(message) else message[:1].upper() + message[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


def share_text(part: float, whole: float) -> str:
    """Return what share of a whole a part is, in per cent; "" if the whole is nothing."""
    if whole <= 0:
        return ""
    share = 100 * part / whole
    return "<1%" if 0 < share < 1 else f"{share:.0f}%"


def duration_text(seconds: float) -> str:
    """Return a duration in its largest unit: ``38 s``, ``12 min``, ``5 h``, ``18 d``."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h"
    if whole < 3 * _MONTH:
        return f"{whole // _DAY} d"
    if whole < 2 * _YEAR:
        return f"{whole // _MONTH} months"
    return f"{whole // _YEAR} years"


def age_text(moment: datetime, *, now: datetime) -> str:
    """Return how long ago a time was, or in what time it will be: ``12 min ago``."""
    seconds = (now - moment).total_seconds()
    if seconds >= 0:
        return f"{duration_text(seconds)} ago"
    # The clock of a registry may be some seconds ahead of ours.
    return "just now" if seconds > -_MINUTE else f"in {duration_text(-seconds)}"


def due_text(moment: datetime, *, now: datetime) -> str:
    """Return in what time something is due, to the second: ``in 40 s``; ``now`` if it is."""
    seconds = (moment - now).total_seconds()
    return f"in {duration_text(seconds)}" if seconds >= 1 else "now"


def exact_text(moment: datetime) -> str:
    """Return a time to the second, in UTC, for the title of a relative one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds") + " UTC"


def minute_text(moment: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "minutes") + " UTC"


def time_markup(moment: datetime, *, now: datetime, text: str = "") -> Markup:
    """Return a relative time as ``<time>``, with the exact one for machines and as a title.

    ``text`` is shown instead of the age.
    """
    machine = moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "seconds") + "Z"
    shown = escape(text or age_text(moment, now=now))
    # There may be a hundred on a page, and formatting markup takes ten times as long.
    return Markup(f'<time datetime="{machine}" title="{exact_text(moment)}">{shown}</time>')  # noqa: S704


def short_digest(digest: str) -> str:
    """Return ``sha256:1606e550…ad0`` for a whole digest; a short text stays as it is."""
    algorithm, colon, _ = digest.rpartition(":")
    return algorithm + colon + short_hex(digest)


def short_hex(digest: str) -> str:
    """Return ``1606e550…ad0`` for a whole digest, without its algorithm."""
    encoded = digest.rpartition(":")[2]
    if len(encoded) <= _LEADING_HEX + _TRAILING_HEX + 1:
        return encoded
    return f"{encoded[:_LEADING_HEX]}…{encoded[-_TRAILING_HEX:]}"


def sorted_platforms(platforms: Iterable[str]) -> list[str]:
    """Return platforms in one fixed order, so that the rows of a page compare."""
    return sorted(set(platforms), key=_platform_key)


def short_platform(platform: str) -> str:
    """Return ``arm64`` for ``linux/arm64``; other operating systems keep their name."""
    return platform.removeprefix("linux/") or platform


def _platform_key(platform: str) -> tuple[int, str, int, str]:
    system, _, rest = platform.partition("/")
    architecture = rest.partition(":")[0]
    known = architecture in _ARCHITECTURES
    return (
        _SYSTEMS.index(system if system in _SYSTEMS else ""),
        system,
        _ARCHITECTURES.index(architecture) if known else len(_ARCHITECTURES),
        platform,
    )
