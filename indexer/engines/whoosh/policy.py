"""Which segments to merge: enough to keep them few, each document as seldom as possible."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

FAN = 8
"""So many segments of a similar size become one."""
_WORN = 5
"""A segment is written anew when one in so many of its documents is deleted."""


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """How many documents a segment holds, and how many of them are not deleted."""

    written: int
    alive: int

    @property
    def is_worn(self) -> bool:
        """Whether so much is deleted that writing it anew pays."""
        return (self.written - self.alive) * _WORN >= self.written

    @property
    def tier(self) -> int:
        """The power of ``FAN`` that the size is in; segments of one tier are of similar size."""
        tier, rest = 0, self.alive
        while rest >= FAN:
            tier, rest = tier + 1, rest // FAN
        return tier


def segments_to_merge(sizes: Sequence[SegmentSize]) -> set[int]:
    """Return the places in ``sizes`` of the segments to make one of.

    All of the lowest tier that holds ``FAN`` or more, with the smaller ones, which cost next to
    nothing beside them; or else the smallest worn segment.
    """
    tiers = Counter(size.tier for size in sizes)
    full = min((tier for tier, count in tiers.items() if count >= FAN), default=None)
    if full is not None:
        return {place for place, size in enumerate(sizes) if size.tier <= full}
    worn = [place for place, size in enumerate(sizes) if size.is_worn]
    return set(sorted(worn, key=lambda place: sizes[place].alive)[:1])
