"""Elements of SVG and HTML as markup; whatever is not markup yet is escaped."""

from markupsafe import Markup, escape

RECTS_MAX = 200
"""Rectangles in one picture. More would be slow to draw and too narrow to see."""

# Browsers show a title beside the pointer, so isolated: its text may come from an image.
_ISOLATE, _END_OF_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def element(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """Return an element; ``class_`` is written ``class``, ``text_anchor`` ``text-anchor``.

    Attributes that are ``None`` or "" are left out.
    """
    # Plain texts with each value escaped: Markup's own methods take five times as long.
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    content = "".join(map(escape, children))
    return Markup(f"<{name}{written}>{content}</{name}>")  # noqa: S704 - escaped above


def picture(
    prefix: str, title: str, *children: Markup, kind: str, height: int, has_links: bool = False
) -> Markup:
    """Return an ``<svg>`` that fills the width, with ``title`` as its name.

    ``prefix`` begins all ids, so it is unique within a page: letters, digits and hyphens.
    """
    # The parts of an image have no roles, so a picture with links is a group.
    return element(
        "svg",
        element("title", title, id=f"{prefix}-title"),
        *(Markup("\n") + child for child in children if child),
        class_=f"drawing {kind}",
        role="group" if has_links else "img",
        aria_labelledby=f"{prefix}-title",
        width="100%",
        height=height,
    )


def linked(title: str, *children: Markup, href: str = "") -> Markup:
    """Return shapes with a title, as a link if there is an address.

    The table or list beside a picture has the same links, so these are not in the order of Tab.
    """
    named = (element("title", title), *children)
    return element("a", *named, href=href, tabindex=-1) if href else element("g", *named)


def percent(share: float) -> str:
    """Return a share of 1 as a percentage, to a thousandth."""
    return f"{_short(100 * share)}%"


def pixels(number: float) -> str:
    """Return a length in pixels, to a thousandth."""
    return _short(number)


def isolated(text: str) -> str:
    """Return a text that cannot change the direction of the text around it."""
    return f"{_ISOLATE}{text}{_END_OF_ISOLATE}" if not text.isascii() else text


def _short(number: float) -> str:
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
