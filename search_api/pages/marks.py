"""Long and matching texts as markup: places where a line may break, and marked ranges. Pure."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_BEHIND_SEPARATORS = re.compile("(?<=[/:@])(?![/:@])")
"""Escaping makes none of these, so they are looked for in escaped text."""


def breakable(text: str) -> Markup:
    """Return a reference whose line may break after ``/``, ``:`` and ``@``."""
    return Markup(_BEHIND_SEPARATORS.sub("<wbr>", str(escape(text))))  # noqa: S704 - escaped


def marked(text: str, ranges: Sequence[tuple[int, int]], *, is_breakable: bool = False) -> Markup:
    """Return a text with ``<mark>`` around ranges of characters, ends excluded.

    Ranges may overlap or pass the end. A breakable text may break as :func:`breakable` says.
    """
    written = breakable if is_breakable else escape
    pieces: list[str] = []
    place = 0
    for start, end in sorted(ranges):
        first, last = max(start, place), min(end, len(text))
        if first < last:
            pieces.append(written(text[place:first]))
            pieces += ("<mark>", written(text[first:last]), "</mark>")
            place = last
    return Markup("".join((*pieces, written(text[place:]))))  # noqa: S704 - escaped
