"""Splitting text into words, the same for documents and queries.

Case and accents are ignored. Text is normalised to NFKD, combining marks are dropped, case is
folded, and everything that is neither letter nor digit separates words.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import filterfalse
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")
_ADDRESS_START = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?")
WORD_MAX = 64


def fold(text: str) -> str:
    """Return ``text`` without differences of case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    kept = "".join(filterfalse(unicodedata.combining, decomposed))
    return unicodedata.normalize("NFKC", kept.casefold())


def words(text: str) -> list[str]:
    """Return the words of ``text`` in order, folded, each cut to 64 characters."""
    return folded_words(fold(text))


def folded_words(folded: str) -> list[str]:
    """Return the words of a text that is folded."""
    return [word[:WORD_MAX] for word in _WORD.findall(folded)]


def words_with(piece: str, folded: str) -> Iterator[str]:
    """Yield the words of a folded text that have a piece inside; it finds the piece first."""
    place = folded.find(piece) if piece.isalnum() else -1
    while place >= 0:
        start = place
        while start and folded[start - 1].isalnum():
            start -= 1
        found = _WORD.match(folded, start)
        assert found  # noqa: S101 - it begins with a letter or digit
        yield found[0][:WORD_MAX]
        place = folded.find(piece, found.end())


class PlacedWord(NamedTuple):
    """A word of :func:`words`, with its position in the original text."""

    word: str
    start: int
    end: int


def placed_words(text: str) -> Iterator[PlacedWord]:
    """Yield the words of ``text`` with their positions, although folding changes lengths."""
    if text.isascii():
        for one in _WORD.finditer(text.lower()):
            yield PlacedWord(one[0][:WORD_MAX], one.start(), one.end())
        return
    folded, starts, ends = _folded_with_places(text)
    for one in _WORD.finditer(folded):
        yield PlacedWord(one[0][:WORD_MAX], starts[one.start()], ends[one.end() - 1])


def _folded_with_places(text: str) -> tuple[str, list[int], list[int]]:
    """Return ``text`` folded, and the original position of each of its characters."""
    folded, starts, ends = list[str](), list[int](), list[int]()
    for run in re.finditer(r"\s+|\S+", text):
        if run[0].isascii():
            folded.append(run[0].lower())
            starts += range(run.start(), run.end())
            ends += range(run.start() + 1, run.end() + 1)
            continue
        pieces = [fold(character) for character in run[0]]
        if "".join(pieces) == fold(run[0]):
            for place, piece in enumerate(pieces, start=run.start()):
                if not piece and ends:  # a mark on the character before it
                    ends[-1] = place + 1
                folded.append(piece)
                starts += [place] * len(piece)
                ends += [place + 1] * len(piece)
        else:  # characters of it became one
            whole = fold(run[0])
            folded.append(whole)
            starts += [run.start()] * len(whole)
            ends += [run.end()] * len(whole)
    return "".join(folded), starts, ends


def printable(text: str) -> str:
    """Return ``text`` with a space for each control character and bidirectional override."""
    if text.isprintable():
        return text
    return "".join(" " if _is_unprintable(c) else c for c in text)


def bare_url(text: str) -> str:
    """Return an address for comparisons: folded, from the host on, without its ending.

    ``git+https://git@Example.org/team/web.git/`` and ``example.org/team/web`` are the same.
    """
    bare = _ADDRESS_START.sub("", fold(text.strip())).rstrip("/")
    return bare.removesuffix(".git").rstrip("/")


def one_line(text: str, *, limit: int) -> str:
    """Return ``text`` as one line of at most ``limit`` characters without control characters.

    Descriptions come from images and are printed on terminals, so escape sequences and
    bidirectional overrides must not survive.
    """
    line = " ".join(printable(text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
