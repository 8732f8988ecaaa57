"""Wildcards: ``*`` stands for any characters, ``?`` for one."""

import re
from dataclasses import dataclass

from indexer.errors import QueryError
from indexer.model import fold
from search_api.query.tokens import Typed

WILDCARDS_MAX = 8
"""Wildcards of one pattern."""
FIXED_MIN = 2
"""The fewest other characters of a pattern without a field: fewer would match too much."""
_PART = re.compile(r"\*+|\?|[^*?]+")


@dataclass(frozen=True, slots=True)
class TypedPattern:
    """A text with wildcards, folded, with no ``*`` next to another."""

    text: str
    beginning: str | None
    """The text before the ``*``, if a ``*`` at the end is the only wildcard."""
    fixed: int
    """The number of characters that are no wildcards."""


def has_wildcards(typed: Typed) -> bool:
    """Tell whether there is a ``*`` or ``?`` that is not literal."""
    return "*" in typed.signs or "?" in typed.signs


def read_pattern(typed: Typed) -> TypedPattern:
    """Return a text with wildcards; :class:`QueryError` if no engine could search for it."""
    found = [(match.start(), match[0]) for match in _PART.finditer(typed.signs)]
    wildcards = [start for start, part in found if part[0] in "*?"]
    if len(wildcards) > WILDCARDS_MAX:
        message = f"more than {WILDCARDS_MAX} wildcards in one pattern"
        raise QueryError(message, column=typed.columns[wildcards[WILDCARDS_MAX]])
    if len(wildcards) == 1 and found[-1][1][0] == "*":
        beginning = fold(typed.text[: wildcards[0]])
        return TypedPattern(f"{beginning}*", beginning, len(beginning))
    parts = [
        part[0] if part[0] in "*?" else _fixed(typed.part(start, start + len(part)))
        for start, part in found
    ]
    text = "".join(parts)
    return TypedPattern(text, None, sum(len(part) for part in parts if part not in {"*", "?"}))


def refuse_literal(folded: str, *, column: int) -> None:
    """Raise :class:`QueryError` for a literal ``*`` or ``?``, which a pattern cannot contain."""
    # Also for a full-width one, because folding makes it an ordinary one.
    if "*" in folded or "?" in folded:
        message = "a pattern cannot ask for a * or ? itself: a ? stands for it too"
        raise QueryError(message, column=column)


def _fixed(typed: Typed) -> str:
    folded = fold(typed.text)
    refuse_literal(folded, column=typed.column)
    return folded
