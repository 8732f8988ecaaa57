"""How text becomes words, for documents and queries alike.

Case and accents are ignored and words are those of Unicode: NFKD, combining marks dropped, case
folded, split at everything that is neither letter nor digit.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_ADDRESS_START = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?")
WORD_MAX = 64


def fold(text: str) -> str:
    """Return ``text`` without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFKC", kept.casefold())


def words(text: str) -> list[str]:
    """Return the words of ``text`` in order, folded, each cut to 64 characters."""
    return [word[:WORD_MAX] for word in _WORD.findall(fold(text))]


def bare_url(text: str) -> str:
    """Return an address as it is compared: folded, from the host on, without what ends it.

    ``git+https://git@Example.org/team/web.git/`` and ``example.org/team/web`` are the same.
    """
    bare = _ADDRESS_START.sub("", fold(text.strip())).rstrip("/")
    return bare.removesuffix(".git").rstrip("/")


def one_line(text: str, *, limit: int) -> str:
    """Return ``text`` as one line of at most ``limit`` characters without control characters.

    Descriptions come from images and end on terminals, so escape sequences and bidirectional
    overrides must not survive.
    """
    printable = text[: limit * 4]
    if not printable.isprintable():
        printable = "".join(" " if _is_unprintable(c) else c for c in printable)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
