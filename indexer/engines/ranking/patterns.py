"""Wildcard patterns: ``*`` matches any characters, ``?`` one, and all others match themselves.

Searching takes time proportional to the lengths of the text and the pattern, for every pattern.
Each piece between two ``*`` matches at its first place, without backtracking.
"""

import re
from functools import lru_cache

from indexer.model import folded_words, words_with

_KEPT = 64
_IN_LINE = r"[^\n]"
_PIECE_MIN = 3
"""Few lines contain so long a piece. Finding them is faster than comparing all lines."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        self.prefix = re.split(r"[*?]", text, maxsplit=1)[0]
        """The beginning of every text that fits."""
        self.length_min = len(text) - text.count("*")
        """The least length of a text that fits, in characters."""
        self._whole = re.compile(_expression(text, "."), re.DOTALL)
        in_line = _expression(text, _IN_LINE)
        self._line = re.compile(rf"\n({in_line})(?=\n)")
        self._piece = max(re.split(r"[*?]", f"\n{text}\n"), key=len)
        self._word_piece = max(re.split(r"[*?]", text), key=len)

    def fits(self, text: str) -> bool:
        """Tell whether all of ``text`` fits."""
        return self._whole.fullmatch(text) is not None

    def lines(self, text: str) -> list[str]:
        """Return the lines of ``text`` that fit; each has a line end before and after it."""
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

    def words(self, folded: str) -> set[str]:
        """Return the words of a folded text that fit."""
        piece = self._word_piece
        if len(piece) < _PIECE_MIN:
            return set(self.lines("\n".join(["", *set(folded_words(folded)), ""])))
        return set(filter(self.fits, words_with(piece, folded)))


@lru_cache(_KEPT)
def pattern(text: str) -> Pattern:
    """Return the compiled pattern of ``text``."""
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
