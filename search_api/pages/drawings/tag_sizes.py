"""The sizes of a repository's tags as a chart, so that growth is seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from indexer.model import size_text
from search_api.pages.drawings.markup import (
    RECTS_MAX,
    element,
    isolated,
    linked,
    percent,
    picture,
    pixels,
)
from search_api.pages.words import number_text

_HEIGHT = 160
_TOP, _BOTTOM = 12, 136
"""Where the largest and the smallest value of the axis are, in pixels from above."""
_AXIS_WIDTH = 56
_MARKS_MAX = 4
_NAME_MAX = 14
_FACTORS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class SizedTag:
    """A tag, or several of one image with their names together, and its size."""

    name: str
    size_bytes: int | None
    href: str = ""


@dataclass(frozen=True, slots=True)
class _ChartPoint:
    tag: SizedTag
    size_bytes: int
    x: float
    y: float
    change: int | None


def tag_sizes(tags: Sequence[SizedTag], *, prefix: str, limit: int = RECTS_MAX) -> Markup:
    """Return a chart of tags in the order given, oldest first; "" if fewer than two have sizes.

    The last ``limit`` are drawn. Sizes begin at zero, so that heights compare.
    """
    shown = tags[-limit:]
    points = _points(shown)
    if len(points) < 2:
        return Markup("")
    marks = size_marks(max(point.size_bytes for point in points))
    title = _title(tags, shown, points)
    plot = picture(
        prefix,
        title,
        *(
            element("line", x1=0, x2="100%", y1=y, y2=y, class_="tick")
            for y in (pixels(_height(mark, marks[-1])) for mark in marks)
        ),
        *(_line(one, other) for one, other in pairwise(points)),
        *(_dot(point) for point in points),
        *_names(points),
        kind="tag-sizes",
        height=_HEIGHT,
        has_links=any(tag.href for tag in shown),
    )
    return element("div", _axis(marks), Markup("\n"), plot, class_="drawing-chart")


def size_marks(largest: int) -> list[int]:
    """Return round sizes in bytes for an axis, from 0 to at least ``largest``, five at most."""
    power = 1
    while True:
        for factor in _FACTORS:
            step = factor * power
            if largest <= _MARKS_MAX * step:
                return [step * number for number in range(max(1, -(-largest // step)) + 1)]
        power *= 10


def _points(tags: Sequence[SizedTag]) -> list[_ChartPoint]:
    sizes = [tag.size_bytes for tag in tags if tag.size_bytes is not None]
    top = size_marks(max(sizes, default=0))[-1]
    points: list[_ChartPoint] = []
    for place, tag in enumerate(tags):
        if tag.size_bytes is not None:
            change = tag.size_bytes - points[-1].size_bytes if points else None
            x, y = (place + 0.5) / len(tags), _height(tag.size_bytes, top)
            points.append(_ChartPoint(tag, tag.size_bytes, x, y, change))
    return points


def _height(size_bytes: int, top: int) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * size_bytes / top


def _title(
    tags: Sequence[SizedTag], shown: Sequence[SizedTag], points: Sequence[_ChartPoint]
) -> str:
    smallest = min(points, key=lambda point: point.size_bytes)
    largest = max(points, key=lambda point: point.size_bytes)
    count = number_text(len(shown))
    which = f"the last {count} of {number_text(len(tags))}" if len(shown) < len(tags) else count
    unknown = len(shown) - len(points)
    return (
        f"Sizes of {which} tags: from {size_text(smallest.size_bytes)}"
        f" ({isolated(smallest.tag.name)}) to {size_text(largest.size_bytes)}"
        f" ({isolated(largest.tag.name)})"
        + (f"; {number_text(unknown)} of unknown size" if unknown else "")
    )


def _axis(marks: Sequence[int]) -> Markup:
    texts = [
        element(
            "text",
            size_text(mark) if mark else "0",
            x=_AXIS_WIDTH - 8,
            y=pixels(_height(mark, marks[-1]) + 4),
            class_="label",
            text_anchor="end",
        )
        for mark in marks
    ]
    return element(
        "svg",
        *texts,
        class_="drawing axis",
        width=_AXIS_WIDTH,
        height=_HEIGHT,
        aria_hidden="true",
    )


def _line(one: _ChartPoint, other: _ChartPoint) -> Markup:
    return element(
        "line",
        x1=percent(one.x),
        y1=pixels(one.y),
        x2=percent(other.x),
        y2=pixels(other.y),
        class_="line",
    )


def _dot(point: _ChartPoint) -> Markup:
    change = ""
    if point.change:
        sign = "+" if point.change > 0 else "−"
        change = f" · {sign}{size_text(abs(point.change))}"
    title = f"{isolated(point.tag.name)} · {size_text(point.size_bytes)}{change}"
    dot = element("circle", cx=percent(point.x), cy=pixels(point.y), r=4, class_="dot")
    return linked(title, dot, href=point.tag.href)


def _names(points: Sequence[_ChartPoint]) -> list[Markup]:
    """Return the names of some tags below the chart; the inner ones only where there is room."""
    last = len(points) - 1
    places = sorted({0, last // 4, last // 2, 3 * last // 4, last})
    names = []
    for place in places:
        point = points[place]
        name = point.tag.name
        anchor = "start" if point.x < 0.1 else "end" if point.x > 0.9 else "middle"
        names.append(
            element(
                "text",
                name if len(name) <= _NAME_MAX else name[: _NAME_MAX - 1] + "…",
                x=percent(point.x),
                y=_BOTTOM + 18,
                class_="label" if place in {0, last} else "label medium",
                text_anchor=anchor,
            )
        )
    return names
