"""The order of tags by version, the newest first. Pure.

Tags are names that people choose, so this reads what most of them mean: ``v1.10.2-rc.1-alpine`` is
the version 1.10.2, before its release, in a variant. What is no version comes last.
"""

import re

Key = tuple[object, ...]

DAY_MIN = 1_000_000
"""A number from this on is a day, such as 20260301, or counts builds; versions are smaller."""
_DIGITS_MAX = 18
_VERSION = re.compile(
    rf"[vV]?([0-9]{{1,{_DIGITS_MAX}}}(?:\.[0-9]{{1,{_DIGITS_MAX}}})*)"
    # Without a separator only what is written so, as 3.13.0rc1. 1a2b3c begins a digest.
    r"(?:[-._+](.*)|((?:a|b|c|rc|alpha|beta|dev|pre)[0-9]+(?:[-._+].*)?))?",
    re.DOTALL,
)
_PART = re.compile(rf"[0-9]{{1,{_DIGITS_MAX}}}|[^0-9\W_]+")
_BEFORE_RELEASE = (
    *("rc", "cr", "c", "preview", "pre", "beta", "b", "milestone", "m", "alpha", "a"),
    *("canary", "next", "edge", "nightly", "snapshot", "dev"),
)
"""The words for what comes before a release, the nearest to it first."""
_RANKS = {word: rank for rank, word in enumerate(_BEFORE_RELEASE)}
_LATEST, _VERSIONS, _DAYS, _NAMES = range(4)
_PLAIN, _VARIANT, _EARLY = range(3)
_NO_MORE_NUMBERS = 1
"""After the negative of any number: 1.2.0 is newer than 1.2."""


def version_key(tag: str) -> Key:
    """Return what a tag is sorted by, so that the newest version is first.

    ``latest`` is on top. Versions follow: each release, its variants, and what came before it.
    Then days and numbers of builds, then names, in which the greater number is first.
    """
    if tag == "latest":
        return (_LATEST,)
    match = _VERSION.fullmatch(tag)
    if match is None:
        return (_NAMES, _parts(tag), tag)
    numbers = tuple(map(int, match[1].split(".")))
    kind = _DAYS if numbers[0] >= DAY_MIN else _VERSIONS
    core = (*(-number for number in numbers), _NO_MORE_NUMBERS)
    rest = match[2] or match[3] or ""
    return (kind, core, _stage(rest), _parts(rest), tag)


def _stage(rest: str) -> int:
    words = {part.lower() for part in _PART.findall(rest)}
    if words & _RANKS.keys():
        return _EARLY
    return _VARIANT if rest else _PLAIN


def _parts(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return the words and numbers of a text; the end is before anything else."""
    return tuple(
        (1, -int(part), "")
        if "0" <= part[0] <= "9"
        else (0, _RANKS.get(part.lower(), len(_RANKS)), part.lower())
        for part in _PART.findall(text)
    )
