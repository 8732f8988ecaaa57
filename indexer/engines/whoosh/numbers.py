"""The numbers of documents that ranges ask for: a column of bytes, and sorted arrays out of it."""

import struct
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from indexer.model import NUMBERS

_COUNTS = struct.Struct(f"<{len(NUMBERS)}I")
_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one name in a segment, ascending, and the document of each."""

    values: "array[int]"
    documents: "array[int]"

    def within(self, low: int | None, high: int | None) -> "array[int]":
        """Return the documents of the values from ``low`` to ``high``, some perhaps repeated."""
        start = 0 if low is None else bisect_left(self.values, low)
        end = len(self.values) if high is None else bisect_right(self.values, high)
        return self.documents[start:end]


def encode_numbers(numbers: Mapping[str, Sequence[int]]) -> bytes:
    """Return the row of the column for one document."""
    found = [numbers.get(name, ()) for name in NUMBERS]
    values = [value for each in found for value in each]
    packed = _COUNTS.pack(*map(len, found)) + struct.pack(f"<{len(values)}q", *values)
    return zlib.compress(packed, _COMPRESSION)


def all_numbers(rows: Iterable[bytes]) -> dict[str, Numbers]:
    """Return the numbers of a segment by name out of the rows of its column."""
    pairs: dict[str, list[tuple[int, int]]] = {name: [] for name in NUMBERS}
    for document, row in enumerate(rows):
        packed = zlib.decompress(row)
        counts = _COUNTS.unpack_from(packed)
        values = struct.unpack_from(f"<{sum(counts)}q", packed, _COUNTS.size)
        start = 0
        for name, count in zip(NUMBERS, counts, strict=True):
            pairs[name] += [(value, document) for value in values[start : start + count]]
            start += count
    return {name: _sorted(found) for name, found in pairs.items()}


def size_bytes(numbers: Mapping[str, Numbers]) -> int:
    """Return about how much memory they take."""
    return sum(
        sys.getsizeof(each.values) + sys.getsizeof(each.documents) for each in numbers.values()
    )


def _sorted(pairs: list[tuple[int, int]]) -> Numbers:
    pairs.sort()
    return Numbers(
        array("q", (value for value, _ in pairs)), array("I", (document for _, document in pairs))
    )
