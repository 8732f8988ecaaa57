"""What searches computed about immutable segments, kept as long as there is room."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

_Value = TypeVar("_Value")
_Place = tuple[str, Hashable]
_ENTRY_BYTES = 200
"""About what an entry costs beside its value: keys, links, tuple."""


class SegmentCache:
    """Values by segment and key; the least recently used go when ``limit_bytes`` is passed."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[_Place, tuple[object, int]] = OrderedDict()
        self.used_bytes = 0

    def get(self, segment_id: str, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return the value of ``key``, from ``make`` if it is not kept."""
        place = (segment_id, key)
        entry = self._entries.get(place)
        if entry is not None:
            self._entries.move_to_end(place)
            return cast(_Value, entry[0])
        value = make()
        parts = value if isinstance(value, tuple) else (value,)
        size = sum(map(sys.getsizeof, parts)) + _ENTRY_BYTES
        self._entries[place] = (value, size)
        self.used_bytes += size
        while self.used_bytes > self._limit_bytes and self._entries:
            self._drop(next(iter(self._entries)))
        return value

    def forget(self, segment_id: str) -> None:
        """Let go of everything about one segment."""
        for place in [place for place in self._entries if place[0] == segment_id]:
            self._drop(place)

    def _drop(self, place: _Place) -> None:
        self.used_bytes -= self._entries.pop(place)[1]
