"""What holds for every picture: golden files, hostile texts, names, and the stylesheet."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import search_api.pages
from tests.search_api.pages.drawings.samples import GOLDEN, PICTURES, parsed, titles

STYLES = (Path(search_api.pages.__file__).parent / "static" / "drawings.css").read_text()
HOSTILE = [
    '"><script>alert(1)</script>',
    "'\"</title></svg><img src=x onerror=alert(1)>",
    "<!--",
    "]]>&amp;&#0;",
    "\N{RIGHT-TO-LEFT OVERRIDE}cod.exe",
    "x" * 10_000,
    "{0} {prefix} %s",
    "",
]
ELEMENTS = {
    *("main", "svg", "title", "g", "a", "rect", "line", "circle", "path", "text", "defs"),
    *("pattern", "ul", "li", "bdi", "span", "div"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_as_its_golden_file(name: str) -> None:
    assert f"{PICTURES[name]('golden', '13-slim')}\n" == (GOLDEN / f"{name}.svg").read_text()


def check_picture(markup: Markup) -> None:
    """Fail if a text became markup, or if a page may not have this picture."""
    tree = parsed(markup)
    assert {one.tag for one in tree.iter()} <= ELEMENTS
    attributes = {key for one in tree.iter() for key in one.attrib}
    assert not {key for key in attributes if key == "style" or key.startswith("on")}
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_text_stays_text(name: str, text: str) -> None:
    check_picture(PICTURES[name]("p", text))


@given(st.sampled_from(sorted(PICTURES)), st.text(st.characters(exclude_categories=["C"])))
def test_any_text_stays_text(name: str, text: str) -> None:
    check_picture(PICTURES[name]("p", text))


def test_a_text_cannot_turn_the_text_around_it() -> None:
    tree = parsed(PICTURES["layer-bar"]("p", "\N{RIGHT-TO-LEFT OVERRIDE}cod.exe"))
    turned = [title for title in titles(tree) if "\N{RIGHT-TO-LEFT OVERRIDE}" in title]
    assert turned
    for title in turned:
        assert title.count("\N{FIRST STRONG ISOLATE}") == title.count("\N{POP DIRECTIONAL ISOLATE}")


def test_the_ids_of_all_pictures_of_a_page_differ() -> None:
    page = Markup("").join(build(name, "x") for name, build in PICTURES.items())
    check_picture(page)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_a_name_or_is_hidden(name: str) -> None:
    tree = parsed(PICTURES[name]("p", "13-slim"))
    texts = {one.get("id"): one.text for one in tree.iter("title")}
    # What is scaled within a picture has no name of its own.
    inner = {id(one) for outer in tree.iter("svg") for one in outer.iter("svg") if one is not outer}
    for one in tree.iter("svg"):
        if id(one) not in inner and one.get("aria-hidden") != "true":
            assert one.get("role") == ("group" if one.find(".//a") is not None else "img")
            assert texts[one.get("aria-labelledby")]


@pytest.mark.parametrize("name", PICTURES)
def test_every_shape_that_shows_a_value_has_a_title(name: str) -> None:
    tree = parsed(PICTURES[name]("p", "13-slim"))
    for link in tree.iter("a"):
        if link.find("bdi") is None and link.get("tabindex"):
            assert link.findtext("title")
    for rect in tree.iter("rect"):
        kinds = set(rect.get("class", "").split())
        if kinds & {"own", "base", "base-odd", "unknown", "shared"} and "ground" not in kinds:
            parents = [one for one in tree.iter() if rect in list(one)]
            assert parents[0].find("title") is not None or "swatch" in parents[0].get("class", "")


def test_the_stylesheet_has_every_class_of_the_pictures() -> None:
    page = parsed(Markup("").join(build(name, "x") for name, build in PICTURES.items()))
    used = {kind for one in page.iter() for kind in one.get("class", "").split()}
    styled = set(re.findall(r"\.([a-z][a-z0-9-]*)", STYLES))
    assert used - styled <= {"axis", "size-bar", "wide"}


def test_every_property_of_the_stylesheet_is_defined() -> None:
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", STYLES)) <= set(colours("light"))


def colours(scheme: str) -> dict[str, str]:
    """Return the properties of the stylesheet in a scheme, as six hex digits."""
    pairs = re.findall(r"(--[a-z0-9-]+): light-dark\(#(\w+), #(\w+)\)", STYLES)
    return {
        name: (value if len(value) == 6 else "".join(digit * 2 for digit in value))
        for name, light, dark in pairs
        for value in [light if scheme == "light" else dark]
    }


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme: str) -> None:
    """Three for graphics, on the page and on their hatch; four and a half for texts."""
    found = colours(scheme)
    ground = found["--drawing-ground"]
    hues = [value for name, value in found.items() if name.startswith("--hue")]
    kinds = ("own", "base", "base-odd", "unknown", "shared", "line")
    for colour in [*hues, *(found[f"--drawing-{kind}"] for kind in kinds)]:
        assert contrast(colour, ground) >= 3, colour
    for kind in ("base", "base-odd", "unknown", "shared"):
        pair = found[f"--drawing-{kind}"], found[f"--drawing-{kind}-hatch"]
        assert contrast(*pair) >= 3, kind
    assert contrast(found["--drawing-text"], ground) >= 4.5
    for hue in hues:
        assert contrast(found["--drawing-on-hue"], hue) >= 4.5, hue


def test_eight_hues_differ() -> None:
    for scheme in ("light", "dark"):
        hues = sorted(value for name, value in colours(scheme).items() if name.startswith("--hue"))
        assert len(hues) == 8
        assert all(one != other for one, other in pairwise(hues))
