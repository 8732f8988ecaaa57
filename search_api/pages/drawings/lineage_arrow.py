"""Arrows between the images of a lineage. Decoration: the list around them says the same."""

from markupsafe import Markup

from search_api.pages.drawings.markup import element

_ONE = "M1 8H21M16 3l5 5-5 5"
_MANY = "M1 8H8L14 3H22M8 8H22M8 8L14 13H22M19 0l3 3-3 3M19 5l3 3-3 3M19 10l3 3-3 3"


def lineage_arrow(*, is_fan: bool = False) -> Markup:
    """Return an arrow to the next image, or one that fans out to several."""
    return element(
        "svg",
        element("path", d=_MANY if is_fan else _ONE, class_="line"),
        class_="drawing arrow",
        viewBox="0 0 24 16",
        width=24,
        height=16,
        aria_hidden="true",
    )
