"""Where tags pointed, over time: one tag as a timeline, the tags of a repository as swim lanes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from search_api.pages.drawings.markup import RECTS_MAX, element, isolated, percent, picture
from search_api.pages.drawings.tag_band import Band, TagTarget, tag_band
from search_api.pages.drawings.time_axis import time_ticks
from search_api.pages.words import minute_text, number_text

LANES_MAX = 10
LANE_DAYS = 90
_SHORTEST, _SHORT = timedelta(minutes=1), timedelta(days=2)
_LABELLED, _LABELLED_NARROW = (0.16, 0.93), (0.4, 0.8)
"""Shares of the axis between which marks have texts; the ends have texts of their own."""


@dataclass(frozen=True, slots=True)
class TagLane:
    """A tag with its moves, in any order; ``href`` is its page."""

    tag: str
    targets: Sequence[TagTarget]
    href: str = ""


def tag_timeline(
    targets: Sequence[TagTarget],
    *,
    now: datetime,
    prefix: str,
    is_cut: bool = False,
    limit: int = RECTS_MAX,
) -> Markup:
    """Return the moves of a tag, from the oldest one until now; "" if there are none.

    ``is_cut`` says that there were earlier moves. Times are in UTC.
    """
    if not targets:
        return Markup("")
    oldest = min(target.since for target in targets)
    # A tag that was just pushed has a band too, and the clock of a registry may be ahead.
    end = max(now, oldest + _SHORTEST, *(target.since for target in targets))
    band = Band(oldest, end, top=14, height=22, has_digests=True)
    word = "move" if len(targets) == 1 else "moves"
    title = f"{number_text(len(targets))} {word} of the tag since {minute_text(oldest)}"
    return picture(
        prefix,
        title + (", earlier ones are not shown" if is_cut else ""),
        *_ticks(band, bottom=42),
        *tag_band(targets, band, limit=limit),
        *_axis(band, baseline=56, first=("… " if is_cut else "") + _date(oldest, end)),
        kind="tag-timeline",
        height=60,
        has_links=any(target.href for target in targets),
    )


def tag_lanes(
    lanes: Sequence[TagLane],
    *,
    now: datetime,
    prefix: str,
    days: int = LANE_DAYS,
    limit: int = RECTS_MAX,
) -> Markup:
    """Return the moves of the first ten tags in the last ``days``, one below the other."""
    shown = lanes[:LANES_MAX]
    if not shown:
        return Markup("")
    rows = []
    band = Band(now - timedelta(days=days), now, top=9, height=12)
    for number, lane in enumerate(shown):
        moves = sum(target.since >= band.start for target in lane.targets)
        word = "move" if moves == 1 else "moves"
        title = f"{isolated(lane.tag)}: {number_text(moves)} {word} in {days} days"
        drawn = picture(
            f"{prefix}-{number}",
            title,
            *_ticks(band, bottom=26),
            *tag_band(lane.targets, band, limit=max(1, limit // len(shown))),
            kind="tag-lane",
            height=26,
            has_links=any(target.href for target in lane.targets),
        )
        name = element("a", lane.tag, href=lane.href) if lane.href else lane.tag
        rows.append(Markup("\n") + element("li", element("bdi", name), drawn))
    axis = element(
        "svg",
        *_axis(band, baseline=14, first=f"{days} days ago"),
        class_="drawing axis",
        width="100%",
        height=18,
        aria_hidden="true",
    )
    rows.append(Markup("\n") + element("li", axis, class_="axis-row", aria_hidden="true"))
    return element("ul", *rows, class_="drawing-rows tag-lanes")


def _date(oldest: datetime, end: datetime) -> str:
    is_short = end - oldest < _SHORT
    return oldest.isoformat(" ", "minutes")[:16] if is_short else oldest.date().isoformat()


def _ticks(band: Band, *, bottom: int) -> list[Markup]:
    """Return the lines of the axis, behind everything."""
    return [
        element("line", x1=x, x2=x, y1=0, y2=bottom, class_="tick")
        for x in (percent(tick.share) for tick in time_ticks(band.start, band.end))
    ]


def _axis(band: Band, *, baseline: int, first: str) -> list[Markup]:
    """Return the texts of the axis."""

    def text(words: str, x: str, anchor: str, name: str = "label") -> Markup:
        return element("text", words, x=x, y=baseline, class_=name, text_anchor=anchor)

    between = [
        text(
            tick.text,
            percent(tick.share),
            "middle",
            "label" if _is_between(tick.share, _LABELLED_NARROW) else "label medium",
        )
        for tick in time_ticks(band.start, band.end)
        if _is_between(tick.share, _LABELLED)
    ]
    return [text(first, "0", "start"), *between, text("now", "100%", "end")]


def _is_between(share: float, edges: tuple[float, float]) -> bool:
    return edges[0] <= share <= edges[1]
