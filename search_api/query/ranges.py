"""Ranges of numbers: ``>100``, ``<=7d``, ``2026-01..``, or one value."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from indexer.errors import QueryError
from indexer.model import Range
from search_api.query.tokens import Typed

_OPERATOR = re.compile(r"\s*(>=|<=|>|<|=)")


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers of a value, both ends included: a date means all its seconds.

    An age means the moment that long ago.
    """

    first: int
    last: int
    is_age: bool = False


Reader = Callable[[Typed], Span]


def read_range(name: str, typed: Typed, *, reader: Reader) -> Range:
    """Return the range of a value; ``reader`` reads each end of it."""
    try:
        return _range(name, typed, reader)
    except QueryError as error:
        raise QueryError(f"{name}: {error}", column=error.column) from error


def _range(name: str, typed: Typed, reader: Reader) -> Range:
    if typed.signs == "*":
        return Range(name)
    operator = _OPERATOR.match(typed.text)
    if operator:
        return _compared(name, operator[1], _end(typed.part(operator.end()), operator[1], reader))
    first, dots, _ = typed.text.partition("..")
    if dots:
        return _between(name, typed, len(first), reader)
    return _compared(name, "=", reader(typed.strip()))


def _end(typed: Typed, operator: str, reader: Reader) -> Span:
    end = typed.strip()
    if not end.text:
        raise QueryError(f"a value is missing behind {operator}", column=typed.column)
    return reader(end)


def _compared(name: str, operator: str, span: Span) -> Range:
    if span.is_age:
        # Ages and moments have opposite orders: a younger age is a later moment.
        match operator:
            case ">":
                return Range(name, None, span.first - 1)
            case ">=":
                return Range(name, None, span.first)
            case _:
                return Range(name, span.first, None)
    match operator:
        case ">":
            return Range(name, span.last + 1, None)
        case ">=":
            return Range(name, span.first, None)
        case "<":
            return Range(name, None, span.first - 1)
        case "<=":
            return Range(name, None, span.last)
        case _:
            return Range(name, span.first, span.last)


def _between(name: str, typed: Typed, dots: int, reader: Reader) -> Range:
    first, last = typed.part(0, dots).strip(), typed.part(dots + 2).strip()
    if not first.text and not last.text:
        raise QueryError("a .. needs a value before or behind it", column=typed.column)
    low = reader(first).first if first.text else None
    high = reader(last).last if last.text else None
    if low is not None and high is not None and low > high:
        raise QueryError(f"{typed.text[:100]} ends before it begins", column=typed.column)
    return Range(name, low, high)
