"""One of each picture, and a reader of pictures; run as a module, it writes the golden files.

``python -m tests.search_api.pages.drawings.samples`` writes them: look at the differences.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

from search_api.pages.drawings import (
    DrawnLayer,
    DrawnPlatform,
    Origin,
    SizedTag,
    TagLane,
    TagTarget,
    digest_swatch,
    layer_bar,
    layer_legend,
    lineage_arrow,
    platform_bars,
    size_bar,
    tag_lanes,
    tag_sizes,
    tag_timeline,
)

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
WEB = "1606e55015737a59f680b1134b0f046a94d3011fab706d0814b216ba9ebe7ad0"
OLD = "397b3989" + "0" * 53 + "7df"
Build = Callable[[str, str], Markup]


def layers(text: str) -> list[DrawnLayer]:
    """Return layers of two bases and two of their own, one without a size."""
    return [
        DrawnLayer(3_400_000, Origin.BASE, "ADD rootfs.tar.xz /", "base/alpine:3.20", "/l/a"),
        DrawnLayer(49_000_000, Origin.BASE, "COPY / /", f"base/{text}", "/l/b", "sha256:b"),
        DrawnLayer(32, Origin.OWN, f"RUN {text}", href=f"/l/{text}"),
        DrawnLayer(None, Origin.UNKNOWN, text),
    ]


def targets(text: str) -> list[TagTarget]:
    """Return a push, a removal and what a crawl saw, newest first."""
    return [
        TagTarget(f"sha256:{WEB}", NOW - timedelta(days=3), text, href=f"/i/{text}"),
        TagTarget(None, NOW - timedelta(days=10), from_event=False),
        TagTarget(f"sha256:{OLD}", NOW - timedelta(days=30), from_event=False),
        TagTarget(text, NOW - timedelta(days=100)),
    ]


def platforms(text: str) -> list[DrawnPlatform]:
    """Return two platforms with a layer in common."""
    return [
        DrawnPlatform("linux/amd64", layers(text), "/i/amd64"),
        DrawnPlatform(f"linux/{text}", layers(text)[1:]),
    ]


# Each takes the prefix of its ids and a text from an image.
PICTURES: dict[str, Build] = {
    "layer-bar": lambda prefix, text: layer_bar(layers(text), prefix=prefix),
    "layer-legend": lambda prefix, text: layer_legend(layers(text), prefix=prefix),
    "no-layers": lambda prefix, text: layer_bar([], prefix=prefix),
    "platform-bars": lambda prefix, text: platform_bars(platforms(text), prefix=prefix),
    "tag-timeline": lambda prefix, text: tag_timeline(
        targets(text), now=NOW, prefix=prefix, is_cut=True
    ),
    "tag-lanes": lambda prefix, text: tag_lanes(
        [TagLane(text, targets(text), f"/r/{text}"), TagLane("1.0", targets(text)[2:])],
        now=NOW,
        prefix=prefix,
    ),
    "tag-sizes": lambda prefix, text: tag_sizes(
        [
            SizedTag("1.0", 140_000_000, "/r/web:1.0"),
            SizedTag("1.1", None),
            SizedTag(text, 151_000_000, f"/r/{text}"),
        ],
        prefix=prefix,
    ),
    "size-bar": lambda prefix, text: size_bar(140_000_000, largest=151_000_000),
    "lineage-arrow": lambda prefix, text: lineage_arrow() + lineage_arrow(is_fan=True),
    "digest-swatch": lambda prefix, text: digest_swatch(text),
}


def parsed(markup: Markup) -> ElementTree.Element:
    """Return a picture as a tree, which fails if it is not well formed."""
    return ElementTree.fromstring(f"<main>{markup}</main>")


def named(tree: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Yield the elements with a class."""
    return (one for one in tree.iter() if name in one.get("class", "").split())


def titles(tree: ElementTree.Element) -> list[str]:
    """Return the texts of all titles, in order."""
    return [one.text or "" for one in tree.iter("title")]


if __name__ == "__main__":
    for name, build in PICTURES.items():
        (GOLDEN / f"{name}.svg").write_text(f"{build('golden', '13-slim')}\n")
