"""What searches computed about immutable segments, kept as long as there is room."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

_Value = TypeVar("_Value")
_ENTRY_BYTES = 200
"""About what an entry costs beside its value: keys, links, tuple."""


class SegmentCache:
    """Values by segment and key; the least recently used go when ``limit_bytes`` is passed."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[tuple[str, Hashable], tuple[object, int]] = OrderedDict()
        self._keys: defaultdict[str, set[Hashable]] = defaultdict(set)
        """The keys of each segment, as most segments live for a few commits only."""
        self.used_bytes = 0

    def get(
        self,
        segment_id: str,
        key: Hashable,
        make: Callable[[], _Value],
        *,
        size_bytes: Callable[[_Value], int],
    ) -> _Value:
        """Return the value of ``key``, from ``make`` if it is not kept."""
        place = (segment_id, key)
        entry = self._entries.get(place)
        if entry is not None:
            self._entries.move_to_end(place)
            return cast(_Value, entry[0])
        value = make()
        self._keep(place, value, size_bytes(value) + _ENTRY_BYTES)
        return value

    def forget(self, segment_id: str) -> None:
        """Let go of everything about one segment."""
        for key in self._keys.pop(segment_id, ()):
            self.used_bytes -= self._entries.pop((segment_id, key))[1]

    def _keep(self, place: tuple[str, Hashable], value: object, size_bytes: int) -> None:
        self._entries[place] = (value, size_bytes)
        self._keys[place[0]].add(place[1])
        self.used_bytes += size_bytes
        while self.used_bytes > self._limit_bytes and self._entries:
            (segment_id, key), (_, freed) = self._entries.popitem(last=False)
            self._keys[segment_id].remove(key)
            self.used_bytes -= freed
