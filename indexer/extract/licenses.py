"""Licences: SPDX identifiers and expressions out of what people write.

The list of SPDX is that of the ``packaging`` library.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from indexer.extract.text import ITEMS_MAX, SHORT_MAX, TEXT_MAX, distinct, is_json, url
from indexer.model import one_line

EXPRESSION_MAX = 1_024
"""Characters of one expression."""

_OPERATOR = re.compile(r"(?<!\S)(?:AND|OR|WITH)(?!\S)|[,;|()]")
_LOWER_OPERATOR = re.compile(r"(?<=\s)(?:and|or|with)(?=\s)", re.IGNORECASE)
_VERSION_COMMA = re.compile(r",(?= version )", re.IGNORECASE)
_EXPRESSION = re.compile(r"\S+(?:\s+(?:and|or|with)\s+\S+)+", re.IGNORECASE)
_SPELLING = re.compile(r"[\s_,-]+")
_NOISE = re.compile(r"^the | (?:licen[cs]e|version|v(?=\d)|only)(?= |$)")
# How people write the licences that they use most; everything lower case, without "license",
# "version" and "the", spaces for dashes.
_SPOKEN = {
    "al2": "Apache-2.0",
    "agpl3": "AGPL-3.0-only",
    "agplv3": "AGPL-3.0-only",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "apachev2": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "bsd 2": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "cc0": "CC0-1.0",
    "eclipse public 2.0": "EPL-2.0",
    "expat": "MIT",
    "gnu affero general public 3.0": "AGPL-3.0-only",
    "gnu gpl v2": "GPL-2.0-only",
    "gnu gpl v3": "GPL-3.0-only",
    "gpl 2": "GPL-2.0-only",
    "gpl 3": "GPL-3.0-only",
    "gpl2": "GPL-2.0-only",
    "gpl3": "GPL-3.0-only",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "lgpl 3": "LGPL-3.0-only",
    "lgplv2": "LGPL-2.0-only",
    "lgplv2+": "LGPL-2.0-or-later",
    "lgplv2.1": "LGPL-2.1-only",
    "lgplv2.1+": "LGPL-2.1-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "mit x11": "MIT",
    "mozilla public 2.0": "MPL-2.0",
    "mpl 2": "MPL-2.0",
    "mplv2": "MPL-2.0",
    "mplv2.0": "MPL-2.0",
    "x11 mit": "MIT",
    "zlib/libpng": "Zlib",
}


def licenses(raw: str) -> tuple[str, ...]:
    """Return the licences of an SPDX expression or of a looser list, in order.

    Each is an SPDX identifier where we know one for it, and as it was written otherwise.
    """
    return distinct(text for text, is_operator in _tokens(raw) if not is_operator)


def license_expression(raw: str) -> str:
    """Return the whole expression in SPDX's spelling, where it is made of anything.

    A comma or semicolon stands for ``AND``, a bar for ``OR``.
    """
    words: list[str] = []
    for text, is_operator in _tokens(raw):
        word = _OPERATORS.get(text, text)
        is_joining = is_operator and word not in "()"
        if is_joining and (not words or words[-1] in {"AND", "OR", "WITH", "("}):
            continue
        words.append(word)
    while words and words[-1] in ("AND", "OR", "WITH"):
        words.pop()
    if words.count("(") != words.count(")"):
        words = [word for word in words if word not in "()"]
    joined = " ".join(words).replace("( ", "(").replace(" )", ")")
    return one_line(joined, limit=EXPRESSION_MAX)


def license_url(raw: str) -> tuple[str, ...]:
    """Return the address of licence terms as the only licence."""
    return (found,) if (found := url(raw)) else ()


_OPERATORS = {",": "AND", ";": "AND", "|": "OR"}


def _tokens(raw: str) -> Iterator[tuple[str, bool]]:
    """Yield licences and the operators between them, each with whether it is an operator."""
    if is_json(raw):
        return
    line = _VERSION_COMMA.sub("", " ".join(raw[:TEXT_MAX].split()))
    position, found = 0, 0
    for match in _OPERATOR.finditer(line):
        yield from _named(line[position : match.start()])
        yield match[0], True
        position, found = match.end(), found + 1
        if found > ITEMS_MAX:
            return
    yield from _named(line[position:])


def _named(piece: str) -> Iterator[tuple[str, bool]]:
    """Yield the licences of a piece without capital operators; "and" may be part of a name."""
    text = piece.strip()
    if not text:
        return
    if spoken := _identifier(text[:SHORT_MAX]):
        yield spoken, False
        return
    if not _EXPRESSION.fullmatch(text):
        yield one_line(text, limit=SHORT_MAX), False
        return
    position = 0
    for match in _LOWER_OPERATOR.finditer(text):
        yield _spdx(text[position : match.start()]), False
        yield match[0].upper(), True
        position = match.end()
    yield _spdx(text[position:]), False


def _spdx(text: str) -> str:
    text = one_line(text, limit=SHORT_MAX)
    return _identifier(text) or text


@lru_cache(maxsize=4_096)
def _identifier(text: str) -> str:
    """Return the SPDX identifier that ``text`` stands for, or nothing."""
    spelling = _SPELLING.sub(" ", text.strip().lower())
    spoken = _SPOKEN.get(spelling) or _SPOKEN.get(_NOISE.sub("", spelling).strip())
    if spoken:
        return spoken
    for candidate in (text.strip(), _NOISE.sub("", spelling).strip().replace(" ", "-")):
        if "(" in candidate or ")" in candidate or " " in candidate:
            continue
        try:
            return canonicalize_license_expression(candidate)
        except InvalidLicenseExpression:
            pass
        try:
            # Exceptions are known only behind a licence.
            whole = canonicalize_license_expression(f"MIT WITH {candidate}")
        except InvalidLicenseExpression:
            continue
        return whole.removeprefix("MIT WITH ")
    return ""
