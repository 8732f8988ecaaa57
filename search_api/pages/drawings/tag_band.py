"""A band of time in the colours of the digests that a tag pointed at."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from search_api.pages.drawings.markup import element, isolated, linked, percent
from search_api.pages.drawings.pieces import pieces
from search_api.pages.words import duration_text, minute_text, number_text, short_hex

_HUES = 8
_FIRST_BYTE = re.compile("^[0-9a-f]{2}")
_WIDE, _MEDIUM = 0.25, 0.12
"""Shares of a narrow and of a wide screen from which a digest fits in its segment."""


@dataclass(frozen=True, slots=True)
class TagTarget:
    """A move of a tag to an image, or its removal if there is no digest.

    One that a crawl has seen, not ``from_event``, may have been earlier. Times are in UTC.
    """

    digest: str | None
    since: datetime
    actor: str | None = None
    from_event: bool = True
    href: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """Where a band is: the times at its edges and its place in the picture, in pixels."""

    start: datetime
    end: datetime
    top: int
    height: int
    has_digests: bool = False

    def share(self, moment: datetime) -> float:
        """Return where a time is: 0 at the left edge, 1 at the right one."""
        return min(1.0, max(0.0, (moment - self.start) / (self.end - self.start)))


@dataclass(frozen=True, slots=True)
class _TagSegment:
    """Moves that are drawn as one, nearly always a single one, and when the next one was."""

    targets: Sequence[TagTarget]
    until: datetime
    is_last: bool


def digest_class(digest: str) -> str:
    """Return the class of a digest's colour, one of eight, by its first byte."""
    found = _FIRST_BYTE.match(digest.rpartition(":")[2].lower())
    return f"hue-{int(found[0], 16) * _HUES // 256 if found else 0}"


def digest_swatch(digest: str) -> Markup:
    """Return a small square in the colour of a digest, for the list beside a band."""
    square = element("rect", width=12, height=12, class_=digest_class(digest))
    return element("svg", square, class_="drawing swatch", width=12, height=12, aria_hidden="true")


def tag_band(targets: Sequence[TagTarget], band: Band, *, limit: int) -> list[Markup]:
    """Return the segments of a band and the marks where they begin, at most ``limit`` segments."""
    drawn, marks = [], []
    for segment in _segments(targets, band, limit=limit):
        first = segment.targets[0]
        drawn.append(_segment(segment, band))
        if first.since >= band.start:
            marks.append(_mark(first, band))
    return [*drawn, *marks]


def _segments(targets: Sequence[TagTarget], band: Band, *, limit: int) -> Iterator[_TagSegment]:
    ordered = sorted(targets, key=lambda target: target.since)
    last_place = len(ordered) - 1
    ends = [*(target.since for target in ordered[1:]), band.end][: len(ordered)]
    # What ended before the band begins is not seen.
    seen = [place for place, end in enumerate(ends) if end > band.start or place == last_place]
    lengths = [band.share(ends[place]) - band.share(ordered[place].since) for place in seen]
    for piece in pieces(lengths, limit=limit):
        last = seen[piece.stop - 1]
        yield _TagSegment(ordered[seen[piece.start] : last + 1], ends[last], last == last_place)


def _segment(segment: _TagSegment, band: Band) -> Markup:
    first = segment.targets[0]
    start, end = band.share(first.since), band.share(segment.until)
    middle = band.top + band.height // 2
    if first.digest is None and len(segment.targets) == 1:
        gap = element(
            "line", x1=percent(start), x2=percent(end), y1=middle, y2=middle, class_="removed"
        )
        return linked(f"No such tag since {minute_text(first.since)}", gap)
    is_one = len(segment.targets) == 1
    digest = first.digest or ""
    shapes = [
        element(
            "rect",
            x=percent(start),
            y=band.top,
            width=percent(end - start),
            height=band.height,
            class_=digest_class(digest) if is_one else "several",
        )
    ]
    if band.has_digests and is_one and end - start >= _MEDIUM:
        width = "wide" if end - start >= _WIDE else "medium"
        text = digest.rpartition(":")[2][:8]
        shapes.append(
            element("text", text, x=percent(start), dx=8, y=middle + 4, class_=f"digest {width}")
        )
    return linked(_title(segment), *shapes, href=first.href if is_one else "")


def _title(segment: _TagSegment) -> str:
    first = segment.targets[0]
    if len(segment.targets) > 1:
        count = number_text(len(segment.targets))
        return f"{count} moves from {minute_text(first.since)} to {minute_text(segment.until)}"
    parts = [
        short_hex(first.digest or ""),
        f"since {minute_text(first.since)}"
        + (f" by {isolated(first.actor)}" if first.actor else ""),
        "" if first.from_event else "seen by a crawl, may be earlier",
        "now" if segment.is_last else f"for {_duration(segment)}",
    ]
    return " · ".join(part for part in parts if part)


def _duration(segment: _TagSegment) -> str:
    return duration_text((segment.until - segment.targets[0].since).total_seconds())


def _mark(target: TagTarget, band: Band) -> Markup:
    """Return the line where a segment begins; dashed and hollow if it may have been earlier."""
    x = percent(band.share(target.since))
    name = "mark" if target.from_event else "mark seen"
    line = element("line", x1=x, x2=x, y1=band.top - 4, y2=band.top + band.height + 2, class_=name)
    return line + element("circle", cx=x, cy=band.top - 6, r=3, class_=name)
