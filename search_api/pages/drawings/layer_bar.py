"""The layers of an image as one bar: width is size, hatch and colour are where a layer is from.

A width is a share of the bar plus two pixels, so that the smallest layer is seen at any width of
the page. SVG has no such sum for a width, but has it for a place: a percentage, and a shift in
pixels. So each rectangle reaches to the end of the bar and the next one covers the rest of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate

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
from search_api.pages.drawings.patterns import fill, patterns
from search_api.pages.drawings.pieces import pieces
from search_api.pages.words import number_text, share_text

HEIGHT = 24
_STEP = 3.0
"""Pixels of each layer beside its share: two that are seen, and a gap of one."""
_NARROWEST = 240.0
"""Pixels of a bar on the narrowest screen. Steps are shorter if they would not fit there."""
_WHAT_MAX = 120


class Origin(StrEnum):
    """Where a layer is from."""

    BASE = "base"
    OWN = "own"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DrawnLayer:
    """A layer with content. ``what`` is its command; ``base`` the name of the base it is from."""

    size_bytes: int | None
    origin: Origin
    what: str = ""
    base: str = ""
    href: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """What one rectangle shows."""

    weight: float
    layer: DrawnLayer
    name: str
    count: int = 1


def layer_bar(layers: Sequence[DrawnLayer], *, prefix: str, limit: int = RECTS_MAX) -> Markup:
    """Return the bar of an image's layers, base first; empty steps are not among them."""
    classes = _classes(layers)
    return picture(
        prefix,
        bar_title(layers),
        # Layers of several origins that are drawn as one have none.
        patterns(prefix, {*classes.values(), *({"unknown"} if len(layers) > limit else ())}),
        bar(layers, prefix=prefix, classes=classes, limit=limit),
        kind="layer-bar",
        height=HEIGHT,
        has_links=any(layer.href for layer in layers),
    )


def layer_legend(layers: Sequence[DrawnLayer], *, prefix: str) -> Markup:
    """Return a list of the origins in a bar, with their sizes; ``prefix`` is that of the bar."""
    classes = _classes(layers)
    whole = _sum(layers)
    items = []
    for origin, name in classes.items():
        size = _sum([layer for layer in layers if _origin_of(layer) == origin])
        share = share_text(size, whole) if size is not None and whole else ""
        items.append(
            element(
                "li",
                _swatch(prefix, name),
                Markup(" "),
                element("bdi", _origin_text(*origin)),
                Markup(" "),
                element("span", size_text(size), f" · {share}" if share else "", class_="figure"),
            )
        )
    return element("ul", *items, class_="drawing-legend") if items else Markup("")


def bar_title(layers: Sequence[DrawnLayer]) -> str:
    """Return what a bar shows, as a sentence for those who do not see it."""
    if not layers:
        return "No layers"
    parts = [
        f"{isolated(_origin_text(*origin))}"
        f" {size_text(_sum([layer for layer in layers if _origin_of(layer) == origin]))}"
        for origin in _classes(layers)
    ]
    word = "layer" if len(layers) == 1 else "layers"
    return f"{number_text(len(layers))} {word}, {size_text(_sum(layers))}: {', '.join(parts)}"


def bar(
    layers: Sequence[DrawnLayer],
    *,
    prefix: str,
    classes: dict[tuple[Origin, str], str],
    limit: int = RECTS_MAX,
    scale: float = 1.0,
    shared: Collection[str] = (),
) -> Markup:
    """Return the rectangles of a bar that is ``scale`` of the picture wide.

    Layers whose digest is in ``shared`` have the hatch of shared layers.
    """
    blocks = _blocks(layers, limit=limit)
    whole = sum(block.weight for block in blocks)
    shares = [block.weight / whole if whole else 1 / len(blocks) for block in blocks]
    step = min(_STEP, _NARROWEST * scale / max(1, len(blocks)))
    rects = [element("rect", width="100%", height=HEIGHT, class_="track")]
    starts = accumulate(shares[:-1], initial=0.0)
    for number, (start, block) in enumerate(zip(starts, blocks, strict=False)):
        layer = block.layer
        name = "shared" if layer.digest in shared else classes.get(_origin_of(layer), "unknown")
        shift = step * (number - len(blocks) * start)
        rect = element(
            "rect",
            x=percent(start),
            # Its upper and lower edges are outside, so that only the left one is a gap.
            y=-2,
            width="100%",
            height=HEIGHT + 4,
            transform=f"translate({pixels(shift)} 0)" if number else None,
            class_=name,
            fill=fill(prefix, name),
        )
        title = _title(block, shares[number] if whole else 0, is_shared=name == "shared")
        rects.append(Markup("\n") + linked(title, rect, href=layer.href))
    gap = pixels(step / _STEP)
    if scale < 1:
        return element("svg", *rects, width=percent(scale), height=HEIGHT, stroke_width=gap)
    return element("g", *rects, stroke_width=gap)


def _blocks(layers: Sequence[DrawnLayer], *, limit: int) -> list[_Block]:
    """Return what to draw: each layer, or several small neighbours as one."""
    sizes = [layer.size_bytes or 0 for layer in layers]
    groups = [_origin_of(layer) for layer in layers]
    blocks = []
    for piece in pieces(sizes, limit=limit, groups=groups):
        first, weight = layers[piece.start], float(sum(sizes[piece.start : piece.stop]))
        if len(piece) == 1:
            name = f"Layer {number_text(piece.start + 1)} of {number_text(len(layers))}"
            blocks.append(_Block(weight, first, name))
            continue
        is_one = len({groups[place] for place in piece}) == 1
        several = replace(first, what="", href="", digest="")
        if not is_one:
            several = replace(several, origin=Origin.UNKNOWN, base="")
        blocks.append(
            _Block(weight, several, f"{number_text(len(piece))} small layers", len(piece))
        )
    return blocks


def _title(block: _Block, share: float, *, is_shared: bool) -> str:
    layer = block.layer
    is_unknown = block.count == 1 and layer.size_bytes is None
    parts = [
        block.name,
        "size unknown" if is_unknown else size_text(int(block.weight)),
        share_text(share, 1) if share else "",
        isolated(_origin_text(*_origin_of(layer))),
        "shared" if is_shared else "",
        isolated(layer.what if len(layer.what) <= _WHAT_MAX else layer.what[:_WHAT_MAX] + "…"),
    ]
    return " · ".join(part for part in parts if part)


def _classes(layers: Sequence[DrawnLayer]) -> dict[tuple[Origin, str], str]:
    """Return the class of each origin, in the order of layers; bases have two in turn."""
    found: dict[tuple[Origin, str], str] = {}
    bases = 0
    for origin in dict.fromkeys(map(_origin_of, layers)):
        found[origin] = origin[0].value
        if origin[0] is Origin.BASE:
            found[origin] = "base-odd" if bases % 2 else "base"
            bases += 1
    return found


def _origin_of(layer: DrawnLayer) -> tuple[Origin, str]:
    return layer.origin, layer.base


def _origin_text(origin: Origin, base: str) -> str:
    if origin is Origin.BASE:
        return base or "base"
    return "own" if origin is Origin.OWN else "origin unknown"


def _sum(layers: Sequence[DrawnLayer]) -> int | None:
    """Return the size of layers together, or ``None`` if none of them says its own."""
    known = [layer.size_bytes for layer in layers if layer.size_bytes is not None]
    return sum(known) if known or not layers else None


def _swatch(prefix: str, name: str) -> Markup:
    square = element("rect", width=12, height=12, class_=name, fill=fill(prefix, name))
    return element("svg", square, class_="drawing swatch", width=12, height=12, aria_hidden="true")
