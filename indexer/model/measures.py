"""Numbers that only grow: how often something happened, and how long it took.

They are sums, so those of several processes and of several days can be added.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

Measures = Counter[tuple[str, str]]
"""Numbers by the name of what is measured, and by what is told apart of it."""

REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of durations of requests, in seconds."""
LAG_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0)
"""Upper bounds of the times from receiving to searchable, in seconds."""
BEYOND = "+Inf"
"""What stands for the bound of durations that are above all bounds."""
_SUM = "sum"
_MICROSECONDS = 1_000_000
"""Sums are whole numbers of microseconds, because sums of fractions drift."""


def add_duration(measures: Measures, name: str, seconds: float, bounds: Sequence[float]) -> None:
    """Count something that took ``seconds``; a clock that was set back makes it 0."""
    seconds = max(0.0, seconds)
    place = bisect_left(bounds, seconds)
    measures[name, str(bounds[place]) if place < len(bounds) else BEYOND] += 1
    measures[name, _SUM] += round(seconds * _MICROSECONDS)


def read_durations(
    measures: Measures, name: str, bounds: Sequence[float]
) -> tuple[list[tuple[str, float]], float]:
    """Return how many took at most each bound, up to all of them; and the seconds of all."""
    total, buckets = 0, []
    for bound in (*map(str, bounds), BEYOND):
        total += measures[name, bound]
        buckets.append((bound, float(total)))
    return buckets, measures[name, _SUM] / _MICROSECONDS
