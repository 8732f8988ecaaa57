"""What templates can do with a value: the filters, by name. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from indexer.clock import parse_rfc3339
from indexer.model import one_line, size_text
from search_api.pages.marks import breakable, marked
from search_api.pages.words import (
    bytes_text,
    due_text,
    minute_text,
    number_text,
    sentence,
    short_digest,
    short_hex,
    short_platform,
    sorted_platforms,
    time_markup,
)

PLATFORMS_SHOWN = 6
TITLE_MAX = 200
"""Characters of the title of a window."""


def time_ago(moment: str | None, now: datetime) -> Markup:
    """Return a time of an answer as ``<time>``; a dash if it is unknown."""
    return time_markup(parse_rfc3339(moment), now=now) if moment else Markup("–")


def time_due(moment: str, now: datetime) -> Markup:
    """Return the time of an answer at which something is due as ``<time>``: ``in 40 s``."""
    parsed = parse_rfc3339(moment)
    return time_markup(parsed, now=now, text=due_text(parsed, now=now))


def size_markup(size_bytes: int | None) -> Markup:
    """Return a rounded size with the exact one as its title; a dash if it is unknown."""
    shown = "–" if size_bytes is None else size_text(size_bytes)
    return Markup(f'<span title="{bytes_text(size_bytes)}">{shown}</span>')  # noqa: S704 - digits


def marked_text(highlight: Mapping[str, Any] | None, text: str = "") -> Markup:
    """Return the text of a highlight with its matches marked; without one, ``text``."""
    if highlight is None:
        return breakable(text)
    return marked(highlight["snippet"], highlight["ranges"], is_breakable=True)


def first_characters(text: str, limit: int) -> str:
    """Return the beginning of a text, with … where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def title_text(title: str) -> str:
    """Return a title as one line without signs that change the direction of what follows.

    A window shows its title beside that of others, and it has no elements to keep it apart.
    """
    return one_line(title, limit=TITLE_MAX)


def platforms_text(platforms: Iterable[str]) -> str:
    """Return platforms in one line, in the order of all pages."""
    shown = [short_platform(one) for one in sorted_platforms(platforms)]
    more = len(shown) - PLATFORMS_SHOWN
    return " ".join(shown[:PLATFORMS_SHOWN]) + (f" +{more}" if more > 0 else "")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "breakable": breakable,
    "due": time_due,
    "first": first_characters,
    "marked": marked_text,
    "minute": minute_text,
    "number": number_text,
    "platforms": platforms_text,
    "sentence": sentence,
    "short_digest": short_digest,
    "short_hex": short_hex,
    "size": size_markup,
    "time": time_ago,
    "window_title": title_text,
}
