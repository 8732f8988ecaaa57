"""The bar of layers: widths, origins, limits."""

import re
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from search_api.pages.drawings import DrawnLayer, Origin, layer_bar, layer_legend
from tests.search_api.pages.drawings.samples import layers, named, parsed, titles

SIZES = st.lists(st.none() | st.integers(0, 10**12), max_size=400)
KINDS = {"own", "base", "base-odd", "unknown", "shared"}


def own(sizes: Sequence[int | None]) -> list[DrawnLayer]:
    return [DrawnLayer(size, Origin.OWN) for size in sizes]


def rects(tree: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the rectangles of layers, from left to right."""
    return [
        rect
        for rect in tree.iter("rect")
        if set(rect.get("class", "").split()) & KINDS and "ground" not in rect.get("class", "")
    ]


def starts(tree: ElementTree.Element, width: float) -> list[float]:
    """Return where layers begin in a bar of so many pixels."""
    places = []
    for rect in rects(tree):
        shift = re.fullmatch(r"translate\((-?[\d.]+) 0\)", rect.get("transform", "translate(0 0)"))
        assert shift is not None
        assert rect.get("width") == "100%"
        places.append(float(rect.get("x", "0%").rstrip("%")) / 100 * width + float(shift[1]))
    return places


@given(SIZES.filter(bool), st.floats(240, 4_000))
def test_bar_widths_sum(sizes: list[int | None], width: float) -> None:
    """Each layer begins where the one before ends, the first at the left edge; none is hidden."""
    tree = parsed(layer_bar(own(sizes), prefix="p"))
    edges = [*starts(tree, width), width]
    widths = [end - start for start, end in pairwise(edges)]
    assert edges[0] == 0
    assert abs(sum(widths) - width) < 0.01
    step = min(3.0, 240 / len(widths))
    assert min(widths) >= step - 0.1
    assert tree.find(".//g[@stroke-width]") is not None


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=60))
def test_widths_are_shares_of_what_the_smallest_widths_leave(sizes: list[int]) -> None:
    width = 1_000.0
    edges = [*starts(parsed(layer_bar(own(sizes), prefix="p")), width), width]
    for size, start, end in zip(sizes, edges, edges[1:], strict=False):
        assert abs((end - start) - (3 + size / sum(sizes) * (width - 3 * len(sizes)))) < 0.05


def test_zero_and_one_layer() -> None:
    empty = parsed(layer_bar([], prefix="p"))
    assert rects(empty) == []
    assert titles(empty) == ["No layers"]
    tree = parsed(layer_bar(own([5]), prefix="p"))
    assert starts(tree, 640) == [0]
    assert titles(tree) == ["1 layer, 5 B: own 5 B", "Layer 1 of 1 · 5 B · 100% · own"]


@given(st.lists(st.integers(0, 10**9), max_size=1_000), st.integers(1, 200))
def test_200_rect_limit(sizes: list[int], limit: int) -> None:
    """More layers than that are drawn as several small ones, and none is forgotten."""
    assert len(rects(parsed(layer_bar(own(sizes), prefix="p")))) <= 200
    tree = parsed(layer_bar(own(sizes), prefix="p", limit=limit))
    assert len(rects(tree)) == min(limit, len(sizes))
    counted = [re.match(r"(\d+)\D? ?(\d*) small layers", title) for title in titles(tree)[1:]]
    drawn = [int(found[1] + found[2]) if found else 1 for found in counted]
    assert sum(drawn) == len(sizes)


def test_the_largest_layers_are_never_merged() -> None:
    sizes = [1] * 500 + [10**6] * 50 + [1] * 500
    tree = parsed(layer_bar(own(sizes), prefix="p"))
    assert sum(title.startswith("Layer") and " MB" in title for title in titles(tree)) == 50


def test_layers_of_two_origins_are_merged_last() -> None:
    mixed = [
        DrawnLayer(1, Origin.BASE if place < 300 else Origin.OWN, base="debian" * (place < 300))
        for place in range(600)
    ]
    tree = parsed(layer_bar(mixed, prefix="p", limit=2))
    assert [rect.get("class") for rect in rects(tree)] == ["base", "own"]
    one = parsed(layer_bar(mixed, prefix="p", limit=1))
    assert [rect.get("fill") for rect in rects(one)] == ["url(#p-unknown)"]
    assert one.find(".//pattern[@id='p-unknown']") is not None


def test_what_is_from_a_base_is_hatched_and_each_base_in_its_way() -> None:
    tree = parsed(layer_bar(layers("debian:13"), prefix="p"))
    fills = [(rect.get("class"), rect.get("fill")) for rect in rects(tree)]
    assert fills == [
        ("base", "url(#p-base)"),
        ("base-odd", "url(#p-base-odd)"),
        ("own", None),
        ("unknown", "url(#p-unknown)"),
    ]
    patterns = {one.get("id") for one in tree.iter("pattern")}
    assert patterns == {"p-base", "p-base-odd", "p-unknown"}


def test_each_layer_is_a_link_that_says_what_it_is() -> None:
    tree = parsed(layer_bar(layers("debian:13"), prefix="p"))
    links = {link.get("href"): link.findtext("title") for link in tree.iter("a")}
    assert links["/l/b"] == "Layer 2 of 4 · 49 MB · 94% · base/debian:13 · COPY / /"
    assert "Layer 4 of 4 · size unknown · origin unknown · debian:13" in titles(tree)


def test_layers_without_sizes_are_equally_wide() -> None:
    tree = parsed(layer_bar(own([None, None, 0, None]), prefix="p"))
    assert starts(tree, 400) == [0, 100, 200, 300]


def test_a_long_command_is_cut() -> None:
    tree = parsed(layer_bar([DrawnLayer(1, Origin.OWN, "x" * 5_000)], prefix="p"))
    assert len(titles(tree)[1]) < 200


def test_the_legend_has_the_sizes_of_each_origin() -> None:
    tree = parsed(layer_legend(layers("debian:13"), prefix="p"))
    assert ["".join(one.itertext()).strip() for one in tree.iter("li")] == [
        "base/alpine:3.20 3.4 MB · 6%",
        "base/debian:13 49 MB · 94%",
        "own 32 B · <1%",
        "origin unknown unknown",
    ]
    assert next(rect.get("fill") for rect in rects(tree)) == "url(#p-base)"
    assert layer_legend([], prefix="p") == ""
    assert next(named(tree, "figure")).text == "3.4 MB · 6%"
