"""Hatch patterns, so that colour is not the only sign; a shape names one by ``url(#…)``."""

from markupsafe import Markup

from search_api.pages.drawings.markup import element

HATCHES = ("base", "base-odd", "unknown", "shared")
_DRAWN = {
    "base": "M-1 7L7 -1M-1 1L1 -1M5 7L7 5",
    "base-odd": "M-1 -1L7 7M-1 5L1 7M5 -1L7 1",
    "unknown": "M1 1h2v2h-2zM4 4h2v2h-2z",
    "shared": "M-1 7L7 -1M-1 1L1 -1M5 7L7 5M-1 -1L7 7M-1 5L1 7M5 -1L7 1",
}
_SIDE = 6


def patterns(prefix: str, names: set[str]) -> Markup:
    """Return the definitions of hatches, for shapes of the same page."""
    drawn = [
        element(
            "pattern",
            element("rect", width=_SIDE, height=_SIDE, class_=f"ground {name}"),
            element("path", d=_DRAWN[name], class_=f"hatch {name}"),
            id=f"{prefix}-{name}",
            width=_SIDE,
            height=_SIDE,
            patternUnits="userSpaceOnUse",
        )
        for name in HATCHES
        if name in names
    ]
    return element("defs", *drawn) if drawn else Markup("")


def fill(prefix: str, name: str) -> str | None:
    """Return the ``fill`` of a shape, or ``None`` if the class of the shape colours it."""
    return f"url(#{prefix}-{name})" if name in HATCHES else None
