"""The platforms of an index as rows of bars: lengths compare sizes, hatches show what is shared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from indexer.model import size_text
from search_api.pages.drawings.layer_bar import HEIGHT, DrawnLayer, Origin, bar, bar_title
from search_api.pages.drawings.markup import RECTS_MAX, element, isolated, picture
from search_api.pages.drawings.patterns import patterns
from search_api.pages.words import number_text


@dataclass(frozen=True, slots=True)
class DrawnPlatform:
    """A platform of an index with its layers; ``href`` is its own page."""

    name: str
    layers: Sequence[DrawnLayer]
    href: str = ""


def platform_bars(
    platforms: Sequence[DrawnPlatform], *, prefix: str, limit: int = RECTS_MAX
) -> Markup:
    """Return a list with a bar for each platform, in the order given, beside its name and size.

    At most ``limit`` rectangles are drawn in all, and at least one for each platform shown.
    """
    shown = platforms[:limit]
    if not shown:
        return Markup("")
    holders = Counter(
        digest for one in shown for digest in {layer.digest for layer in one.layers} if digest
    )
    shared = {digest for digest, count in holders.items() if count > 1}
    largest = max(_size(one) for one in shown)
    rows = [
        _row(
            one,
            prefix=f"{prefix}-{number}",
            patterns_prefix=prefix,
            limit=limit // len(shown),
            scale=_size(one) / largest if largest else 1.0,
            shared=shared,
        )
        for number, one in enumerate(shown)
    ]
    if len(platforms) > len(shown):
        rest = f"{number_text(len(platforms) - len(shown))} more platforms"
        rows.append(element("li", rest, class_="more"))
    hatches = element(
        "svg",
        patterns(prefix, {"shared"}),
        class_="patterns",
        width=0,
        height=0,
        aria_hidden="true",
    )
    return (hatches if shared else Markup("")) + element("ul", *rows, class_="drawing-rows")


def _row(
    platform: DrawnPlatform,
    *,
    prefix: str,
    patterns_prefix: str,
    limit: int,
    scale: float,
    shared: set[str],
) -> Markup:
    layers = platform.layers
    # Rows compare platforms, so all their layers have one colour unless they are shared.
    classes = {(layer.origin, layer.base): Origin.OWN.value for layer in layers}
    title = f"{isolated(platform.name)}: {bar_title(layers)}"
    drawn = picture(
        prefix,
        title,
        bar(
            layers,
            prefix=patterns_prefix,
            classes=classes,
            limit=limit,
            scale=scale,
            shared=shared,
        ),
        kind="layer-bar",
        height=HEIGHT,
        has_links=any(layer.href for layer in layers),
    )
    name = element("bdi", platform.name)
    return Markup("\n") + element(
        "li",
        element("a", name, href=platform.href) if platform.href else name,
        drawn,
        element("span", size_text(_size(platform)), class_="figure"),
    )


def _size(platform: DrawnPlatform) -> int:
    return sum(layer.size_bytes or 0 for layer in platform.layers)
