"""Wildcard patterns: ``*`` stands for any characters and ``?`` for one, everything else for itself.

A pattern is sought in time linear in the text, times its length, whatever the pattern is: each
piece between two ``*`` is taken where it comes first, and that is never taken back.
"""

import re
from functools import lru_cache

_KEPT = 64
_IN_LINE = r"[^\n]"


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        self.prefix = re.split(r"[*?]", text, maxsplit=1)[0]
        """What everything that fits starts with."""
        self.length_min = len(text) - text.count("*")
        """How long everything that fits is at least, in characters."""
        self._whole = re.compile(_expression(text, "."), re.DOTALL)
        in_line = _expression(text, _IN_LINE)
        self._line = re.compile(rf"\n({in_line})(?=\n)")

    def fits(self, text: str) -> bool:
        """Tell whether all of ``text`` fits."""
        return self._whole.fullmatch(text) is not None

    def lines(self, text: str) -> list[str]:
        """Return the lines of ``text`` that fit; a line end is before and after each of them."""
        return self._line.findall(text)


@lru_cache(_KEPT)
def pattern(text: str) -> Pattern:
    """Return ``text`` compiled."""
    return Pattern(text)


def _expression(text: str, character: str) -> str:
    first, *others = (
        "".join(character if c == "?" else re.escape(c) for c in piece) for piece in text.split("*")
    )
    if not others:
        return first
    *middle, last = others
    pieces = "".join(f"(?>{character}*?{piece})" for piece in middle if piece)
    return f"{first}{pieces}{character}*{last}"
