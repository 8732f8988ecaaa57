"""Wildcard patterns: ``*`` stands for any characters and ``?`` for one, everything else for itself.

A pattern is sought in time linear in the text, times its length, whatever the pattern is: each
piece between two ``*`` is taken where it comes first, and that is never taken back.
"""

import re
from functools import lru_cache

_KEPT = 64
_IN_LINE = r"[^\n]"
_PIECE_MIN = 3
"""What is so long is in few lines, and those are found faster than all lines are compared."""


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
        pieces = re.split(r"[*?]", f"\n{text}\n")
        self._piece = max(pieces, key=len)

    def fits(self, text: str) -> bool:
        """Tell whether all of ``text`` fits."""
        return self._whole.fullmatch(text) is not None

    def lines(self, text: str) -> list[str]:
        """Return the lines of ``text`` that fit; a line end is before and after each of them."""
        if len(self._piece) < _PIECE_MIN:
            return self._line.findall(text)
        found = []
        place = text.find(self._piece)
        while place >= 0:
            start, end = text.rfind("\n", 0, place + 1) + 1, text.find("\n", place + 1)
            if self.fits(line := text[start:end]):
                found.append(line)
            place = text.find(self._piece, end)
        return found


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
