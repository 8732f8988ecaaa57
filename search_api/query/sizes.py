"""Sizes with decimal and binary units, and counts."""

import re
from fractions import Fraction

from indexer.errors import QueryError
from search_api.query.ranges import Span
from search_api.query.tokens import Typed

AMOUNT_MAX = 10**18
"""The greatest number of a range; engines have 64 bits for it."""
_POWERS = {letter: power for power, letter in enumerate("kmgt", start=1)}
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    **{letter + end: 1_000**power for letter, power in _POWERS.items() for end in ("", "b")},
    **{letter + end: 1_024**power for letter, power in _POWERS.items() for end in ("i", "ib")},
}
_SIZES_SHOWN = "B, KB, MB, GB, TB (1000 each), KiB, MiB, GiB, TiB (1024 each)"
_COUNT_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_COUNTS_SHOWN = "K and M"
_AMOUNT = re.compile(r"(\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})\s*([^\W\d_]*)", re.ASCII)


def read_size(typed: Typed) -> Span:
    """Return a size in bytes: ``100MB``, ``1.5GiB``, ``1000``."""
    return _amount(typed, _SIZE_UNITS, shown=_SIZES_SHOWN, example="100MB")


def read_count(typed: Typed) -> Span:
    """Return a number of things: ``12``, ``10k``."""
    return _amount(typed, _COUNT_UNITS, shown=_COUNTS_SHOWN, example="100")


def _amount(typed: Typed, units: dict[str, int], *, shown: str, example: str) -> Span:
    match = _AMOUNT.fullmatch(typed.text)
    if match is None:
        message = f"{typed.text[:100]!r}: expected a number like {example}"
        raise QueryError(message, column=typed.column)
    factor = units.get(match[2].lower())
    if factor is None:
        message = f"unknown unit {match[2][:100]!r}; known are {shown}"
        raise QueryError(message, column=typed.columns[match.start(2)])
    amount = round(Fraction(match[1]) * factor)
    if amount > AMOUNT_MAX:
        raise QueryError(f"{typed.text[:100]} is more than 10^18", column=typed.column)
    return Span(amount, amount)
