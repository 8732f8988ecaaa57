"""The order of hits: which page of it is asked for, and where a hit stands in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from indexer.engines.ranking.plan import PROMINENCE_POINTS
from indexer.engines.ranking.scoring import POINTS
from indexer.model import Hit, Position, Sort, TextRow

Key = Any
"""What hits are ordered by, of one type within an order: a score, a name, or a number."""
Address = TypeVar("Address")
"""What an engine finds a document with."""


@dataclass(frozen=True, slots=True)
class RankedHit(Generic[Address]):
    """Where a hit stands in the order, and where the engine has its document."""

    key: Key
    id: str
    address: Address

    def shown(self, sort: Sort, result: dict[str, Any], texts: Sequence[TextRow]) -> Hit:
        """Return the hit with what is stored of its document."""
        score = self.key if sort is Sort.RELEVANCE else 0.0
        return Hit(result, score, Position(self.key, self.id), texts)


@dataclass(frozen=True, slots=True)
class PageWindow:
    """Which hits are asked for: the first ``count`` behind ``after``."""

    count: int
    after: Position | None
    is_descending: bool
    """Whether the greatest key comes first; equals are always in the order of their ids."""

    @property
    def points_before(self) -> int | None:
        """The points at the position, in the order of relevance; None from the beginning."""
        return None if self.after is None else round(float(self.after.key) * POINTS)

    def is_behind(self, key: Key, hit_id: str) -> bool:
        """Tell whether a hit is behind the position."""
        after = self.after
        if after is None:
            return True
        if key == after.key:
            return hit_id > after.id
        return bool(key < after.key if self.is_descending else key > after.key)

    def ordered(self, hits: Iterable[RankedHit[Address]]) -> list[RankedHit[Address]]:
        """Return the first of ``hits``, which are all behind the position, in order."""
        by_id = sorted(hits, key=lambda hit: hit.id)
        by_id.sort(key=lambda hit: hit.key, reverse=self.is_descending)
        return by_id[: self.count]


def page_window(limit: int, after: Position | None, *, sort: Sort, is_reversed: bool) -> PageWindow:
    """Return the window of a page: one hit more than ``limit`` tells whether others follow."""
    # Names begin with the least.
    return PageWindow(limit + 1, after, is_descending=(sort is Sort.NAME) == is_reversed)


def score(points: int) -> float:
    """Return points as a score, which is exact when it is read back from JSON."""
    return points / POINTS


def prominence_score(prominence: int) -> float:
    """Return the score of a document when a query asks for no text."""
    return score(prominence * PROMINENCE_POINTS)


def scored_prominence(score: float) -> float:
    """Return the prominence of such a score; that of a position may be between two."""
    return round(float(score) * POINTS) / PROMINENCE_POINTS
