"""Uneven spreads: numbers with given quantiles and a given sum."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

_STEPS = 60


@dataclass(frozen=True, slots=True)
class Skew:
    """Quantiles: ``(share, value)`` says that this share of all is at most that large.

    ``largest`` is the last value. A ``scaled`` skew keeps its shares, and one factor multiplies
    all its values to reach the sum. Another skew keeps its values, and only the values between
    them are bent. ``exception`` is a value far above the rest that is not scaled.
    """

    knots: tuple[tuple[float, int], ...]
    largest: int
    scaled: bool = False
    exception: int | None = None

    def add_exception(self, value: int) -> "Skew":
        """Return the same with one exception."""
        return replace(self, exception=value)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The made numbers, smallest first, and the factor of their skew."""

    skew: Skew
    scale: float
    counts: tuple[int, ...]

    def report(self) -> list[tuple[str, str, str]]:
        """Return rows of a name, the wanted value and the made value."""
        number = len(self.counts)
        rows = []
        for share, value in self.skew.knots:
            asked = value * self.scale
            if self.skew.scaled:
                above = sum(count > asked for count in self.counts) / number
                name = f"repositories with more than {asked:,.0f} tags ({value:,} scaled)"
                rows.append((name, f"{1 - share:.1%}", f"{above:.1%}"))
            else:
                made = self.counts[min(number - 1, int(share * number))]
                rows.append(
                    (f"tags of a repository, p{share * 100:.0f}", f"{asked:,.0f}", str(made))
                )
        largest = self.skew.exception or round(self.skew.largest * self.scale)
        rows.append(("tags of the largest repository", f"{largest:,}", f"{self.counts[-1]:,}"))
        return rows


def fit(skew: Skew, *, number: int, total: int) -> Fitted:
    """Return ``number`` whole numbers from 1 with a skew and the sum ``total``.

    ValueError if no factor, or no bend, makes that sum.
    """
    low, high = (1e-6, 1e3) if skew.scaled else (0.02, 50.0)

    def make_counts(parameter: float) -> list[int]:
        scale, bend = (parameter, 1.0) if skew.scaled else (1.0, parameter)
        return _counts(skew, number, scale=scale, bend=bend)

    def too_many(parameter: float) -> bool:
        return (sum(make_counts(parameter)) > total) == skew.scaled

    if too_many(low) or not too_many(high):
        raise ValueError(f"{number} repositories cannot have {total} tags with {skew}")
    parameter = boundary(too_many, low, high)
    counts = make_counts(parameter)
    return Fitted(skew, parameter if skew.scaled else 1.0, tuple(_corrected(counts, total)))


def boundary(is_above: Callable[[float], bool], low: float, high: float) -> float:
    """Return the rough place between two numbers at which ``is_above`` becomes true."""
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return low


def _counts(skew: Skew, number: int, *, scale: float, bend: float) -> list[int]:
    shares = [0.0, *(share for share, _ in skew.knots), 1.0]
    values = [1.0, *(max(1.0, value * scale) for _, value in skew.knots), skew.largest * scale]
    counts = [
        max(1, round(_value((rank + 0.5) / number, shares, values, bend)))
        for rank in range(number - 1)
    ]
    return [*counts, skew.exception or max(1, round(values[-1]))]


def _value(share: float, shares: Sequence[float], values: Sequence[float], bend: float) -> float:
    """Return the value at a share: even in its logarithm between two knots, or bent."""
    above = min(bisect_right(shares, share), len(shares) - 1)
    below = above - 1
    way = (share - shares[below]) / (shares[above] - shares[below])
    return float(values[below] * max(values[above] / values[below], 1e-9) ** (way**bend))


def _corrected(counts: list[int], total: int) -> list[int]:
    """Spread the loss of rounding over the larger half, by size."""
    missing = total - sum(counts)
    upper = range(len(counts) // 2, len(counts) - 1)
    weight = sum(counts[n] for n in upper) or 1
    for n in upper:
        counts[n] = max(1, counts[n] + int(missing * counts[n] / weight))
    rest, step = total - sum(counts), 1 if total > sum(counts) else -1
    order = sorted(upper, key=lambda n: -counts[n])
    for turn in range(abs(rest)):
        counts[order[turn % len(order)]] += step
    return [*sorted(counts[:-1]), counts[-1]]
