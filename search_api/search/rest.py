"""The rest of a query whose last word is being typed. Pure."""

from datetime import datetime

from indexer.errors import QueryError
from indexer.model import And, Condition, Not, Or, Path, Query, Word
from search_api.query import parse_query

TYPED = "zzbeingtypedzz"
"""What stands for the text that is being typed; a word that nobody types."""


def read_rest(before: str, word: str, *, now: datetime) -> tuple[Query, ...]:
    """Return the parts of a query that must match beside its last word.

    ``word`` is the last word, with ``TYPED`` in the place of what is typed. Parentheses that are
    not closed yet are closed. An alternative in an OR is no part. Ages count back from ``now``.
    :class:`QueryError` if the text has a mistake.
    """
    opened = before.count("(")
    for closed in range(opened):
        try:
            return _beside(parse_query(f"{before}{word}{')' * closed}", now=now)) or ()
        except QueryError:
            continue
    return _beside(parse_query(f"{before}{word}{')' * opened}", now=now)) or ()


def _beside(query: Query) -> tuple[Query, ...] | None:
    """Return what must match beside ``TYPED``; None if it is not in the query."""
    match query:
        case Word(text=text) | Path(text) if text == TYPED:
            return ()
        case Condition("tag", value) if value == TYPED:
            return ()
        case And(parts) | Or(parts):
            for number, part in enumerate(parts):
                if (found := _beside(part)) is not None:
                    is_needed = isinstance(query, And)
                    others = (*parts[:number], *parts[number + 1 :]) if is_needed else ()
                    return (*others, *found)
            return None
        case Not(part):
            return _beside(part)
        case _:
            return None
