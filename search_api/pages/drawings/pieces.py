"""Which neighbours of a long row are drawn as one."""

from collections.abc import Hashable, Sequence
from heapq import nlargest

_GOLDEN = 0.618034


def pieces(sizes: Sequence[float], *, limit: int, groups: Sequence[Hashable] = ()) -> list[range]:
    """Return at most ``limit`` ranges that cover a row in order, each to be drawn as one.

    Small neighbours become one first, and those of one group before those of two.
    """
    count = len(sizes)
    if count <= limit:
        return [range(place, place + 1) for place in range(count)]

    def worth(place: int) -> tuple[bool, float, float]:
        """Return how much the border before a place is worth."""
        differs = bool(groups) and groups[place] != groups[place - 1]
        # Equal borders are taken evenly from the whole row, which this sequence does.
        return differs, max(sizes[place - 1], sizes[place]), place * _GOLDEN % 1

    starts = [0, *sorted(nlargest(limit - 1, range(1, count), key=worth))]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], count], strict=True)]
