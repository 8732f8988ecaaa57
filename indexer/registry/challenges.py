"""Parsing ``WWW-Authenticate``: several schemes in one or more headers, with quoted strings."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CHALLENGES_MAX = 20
PARAMETERS_MAX = 50

_SEPARATORS = re.compile(r"[\s,]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# A scheme may have one value without a name, as in ``Negotiate YII=``.
_TOKEN68 = re.compile(r" +[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a server offers; scheme and names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges in all ``WWW-Authenticate`` values, in order.

    Reading ends at a mistake in the grammar; the challenges before it are kept. If a parameter is
    repeated, the first one counts.
    """
    found: list[Challenge] = []
    for value in values:
        found.extend(_parse_value(value))
    return found[:CHALLENGES_MAX]


def _parse_value(value: str) -> list[Challenge]:
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _skip(_SEPARATORS, value, 0)
    while len(found) <= CHALLENGES_MAX and (name := _TOKEN.match(value, position)):
        position = name.end()
        if (equals := _EQUALS.match(value, position)) is None:
            parameters = {}
            found.append(Challenge(name[0].lower(), parameters))
            position = _skip(_TOKEN68, value, position)
        else:
            text = _QUOTED.match(value, equals.end()) or _TOKEN.match(value, equals.end())
            if text is None or not found or len(parameters) >= PARAMETERS_MAX:
                break
            parameters.setdefault(name[0].lower(), _unquoted(text))
            position = text.end()
        position = _skip(_SEPARATORS, value, position)
    return found


def _unquoted(text: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", text[1]) if text.re is _QUOTED else text[0]


def _skip(pattern: re.Pattern[str], value: str, position: int) -> int:
    """Return the end of a match of ``pattern`` at ``position``; ``position`` if none matches."""
    match = pattern.match(value, position)
    return match.end() if match else position
