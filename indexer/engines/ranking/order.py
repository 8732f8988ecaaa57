"""The order of hits: the window of a page, and the place of a hit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from indexer.engines.ranking.plan import PROMINENCE_POINTS
from indexer.engines.ranking.scoring import POINTS
from indexer.model import Hit, Position, Sort, TextBlock

Key = Any
"""The key of a hit: a score, a name or a number. An order has keys of one type."""
Address = TypeVar("Address")
"""The address of a document in an engine."""


@dataclass(frozen=True, slots=True)
class RankedHit(Generic[Address]):
    """The place of a hit in the order, and the address of its document."""

    key: Key
    id: str
    address: Address

    def shown(self, sort: Sort, result: dict[str, Any], texts: Sequence[TextBlock]) -> Hit:
        """Return the hit with the stored content of its document."""
        score = self.key if sort is Sort.RELEVANCE else 0.0
        return Hit(result, score, Position(self.key, self.id), texts)


@dataclass(frozen=True, slots=True)
class PageWindow:
    """The requested hits: the first ``count`` behind ``after``."""

    count: int
    after: Position | None
    is_descending: bool
    """Whether the greatest key comes first. Equal keys are always in the order of their ids."""
    with_texts: bool = False
    """Whether the searchable texts are wanted too. A server sends them with the hits."""

    @property
    def points_before(self) -> int | None:
        """The points at the position, in the order of relevance; None for the first page."""
        return None if self.after is None else round(float(self.after.key) * POINTS)

    def reaches(self, points: int | None) -> bool:
        """Tell whether hits with so many points may come next; None is an unknown number."""
        before = self.points_before
        return points is not None and self.is_descending and (before is None or before >= points)

    def is_behind(self, key: Key, hit_id: str) -> bool:
        """Tell whether a hit is behind the position."""
        after = self.after
        if after is None:
            return True
        if key == after.key:
            return hit_id > after.id
        return bool(key < after.key if self.is_descending else key > after.key)

    def ordered(self, hits: Iterable[RankedHit[Address]]) -> list[RankedHit[Address]]:
        """Return the first of ``hits`` in order. All of them must be behind the position."""
        by_id = sorted(hits, key=lambda hit: hit.id)
        by_id.sort(key=lambda hit: hit.key, reverse=self.is_descending)
        return by_id[: self.count]


def score(points: int) -> float:
    """Return points as a score. JSON keeps it exactly."""
    return points / POINTS


def prominence_score(prominence: int) -> float:
    """Return the score of a document for a query without text."""
    return score(prominence * PROMINENCE_POINTS)


def scored_prominence(score: float) -> float:
    """Return the prominence of such a score; a position's score may be between two."""
    return round(float(score) * POINTS) / PROMINENCE_POINTS
