"""Chance from a key alone: the same on every machine and Python version."""

import hashlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")

_NORMAL = NormalDist()


class Dice:
    """An endless row of throws; two dice with one key throw the same."""

    def __init__(self, *key: object) -> None:
        self._start = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=32)
        self._thrown = 0

    def fraction(self) -> float:
        """Return a number from 0 to 1, with 1 excluded."""
        throw = self._start.copy()
        throw.update(self._thrown.to_bytes(8, "little"))
        self._thrown += 1
        return int.from_bytes(throw.digest()[:6], "little") / 2**48

    def chance(self, share: float) -> bool:
        """Return True in ``share`` of all throws."""
        return self.fraction() < share

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to ``limit - 1``."""
        return int(self.fraction() * limit)

    def between(self, least: int, most: int) -> int:
        """Return a whole number from ``least`` to ``most``, both possible."""
        return least + self.below(most - least + 1)

    def choose(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.below(len(items))]

    def favour(self, items: Sequence[T]) -> T:
        """Return one of ``items``, the first ones far more often, as few things are popular."""
        return items[int(self.fraction() ** 2 * len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Return ``count`` different ones of ``items``, or all of them, in the order thrown."""
        return self.shuffled(items)[:count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return ``items`` in another order."""
        return [item for _, _, item in sorted((self.fraction(), n, i) for n, i in enumerate(items))]


def spread(fraction: float, median: float, ninetieth: float) -> float:
    """Return the quantile of a log-normal spread with this median and 90th percentile."""
    normal = _NORMAL.inv_cdf(min(max(fraction, 1e-6), 1 - 1e-6))
    return float(median * (ninetieth / median) ** (normal / _NORMAL.inv_cdf(0.9)))


def derive_hex(*key: object) -> str:
    """Return 64 hexadecimal digits from a key, as in a digest or a revision."""
    return hashlib.sha256("/".join(map(str, key)).encode()).hexdigest()
