"""Which segments a commit merges: enough to keep them few, never so much that a commit takes long.

Whoosh merges in pure Python, about a thousand documents a second, while the writer waits.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

FAN = 8
"""So many segments of a similar size become one."""
MERGED_MAX = 3000
"""No merge makes a segment of more documents, so that none takes more than a few seconds."""
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
    """Return the places in ``sizes`` of the segments to write into the new one.

    The smallest worn segment, and all of the lowest tier that holds ``FAN`` or more, smallest
    first, as far as ``MERGED_MAX`` goes. Segments without documents cost nothing and all go.
    """
    smallest_first = sorted(range(len(sizes)), key=lambda place: sizes[place].alive)
    chosen = {place for place in smallest_first if not sizes[place].alive}
    worn = [place for place in smallest_first if sizes[place].is_worn and place not in chosen]
    chosen.update(worn[:1])
    chosen.update(_similar(sizes, [place for place in smallest_first if place not in chosen]))
    return chosen


def _similar(sizes: Sequence[SegmentSize], smallest_first: Sequence[int]) -> list[int]:
    tiers: defaultdict[int, list[int]] = defaultdict(list)
    for place in smallest_first:
        tiers[sizes[place].tier].append(place)
    for tier in sorted(tiers):
        fitting: list[int] = []
        room = MERGED_MAX
        for place in tiers[tier]:
            room -= sizes[place].alive
            if room < 0:
                break
            fitting.append(place)
        if len(tiers[tier]) >= FAN and len(fitting) > 1:
            return fitting
    return []
