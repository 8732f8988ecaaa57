"""Measures of the order of results: nDCG, reciprocal rank and success.

nDCG as in Järvelin and Kekäläinen (Cumulated gain-based evaluation of IR techniques, 2002) with
the gain ``2 ** grade - 1``. The other two use the place of the first result with the
best grade of the query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

DEPTH = 10
"""The number of results that count."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The means over some queries, each from 0 to 1."""

    queries: int
    ndcg: float
    mrr: float
    success_1: float
    success_3: float


def ndcg(names: Sequence[str], grades: Mapping[str, int]) -> float:
    """Return the gain of the first results, relative to that of the best order."""
    best = _gain(sorted(grades.values(), reverse=True))
    return _gain([grades.get(name, 0) for name in names]) / best if best else 0.0


def rank(names: Sequence[str], grades: Mapping[str, int]) -> int | None:
    """Return the place, from 1, of the first result with the best grade; None behind the tenth."""
    best = max(grades.values())
    places = (n for n, name in enumerate(names[:DEPTH], start=1) if grades.get(name) == best)
    return next(places, None)


def figures(answered: Sequence[tuple[Sequence[str], Mapping[str, int]]]) -> Figures:
    """Return the means over the results of queries, each with its grades."""
    ranks = [rank(*one) for one in answered]
    return Figures(
        queries=len(answered),
        ndcg=_mean([ndcg(*one) for one in answered]),
        mrr=_mean([1 / place if place else 0.0 for place in ranks]),
        success_1=_mean([float(place == 1) for place in ranks]),
        success_3=_mean([float(place is not None and place <= 3) for place in ranks]),
    )


def _gain(grades: Sequence[int]) -> float:
    places = enumerate(grades[:DEPTH], start=2)
    return sum((2.0**grade - 1) / log2(place) for place, grade in places)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
