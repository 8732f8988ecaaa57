"""A size as a bar in a cell of a table, beside the number."""

from markupsafe import Markup

from search_api.pages.drawings.markup import element, percent
from search_api.pages.words import share_text

_HEIGHT = 8


def size_bar(size_bytes: int | None, *, largest: int) -> Markup:
    """Return a bar scaled to the ``largest`` size of the page; "" for an unknown size.

    The number beside it says the same, so it is hidden from those who do not see it.
    """
    if size_bytes is None or largest <= 0:
        return Markup("")
    share = min(1.0, max(0, size_bytes) / largest)
    return element(
        "svg",
        element("title", f"{share_text(share, 1)} of the largest on this page"),
        element("rect", width="100%", height=_HEIGHT, class_="track"),
        element("rect", width=percent(share), height=_HEIGHT, class_="own"),
        class_="drawing size-bar",
        width="100%",
        height=_HEIGHT,
        aria_hidden="true",
    )
