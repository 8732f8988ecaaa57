"""Sets of document numbers as whole numbers: bit ``n`` stands for document ``n``.

Python combines and counts such numbers at the speed of memory; what is here goes between them and
lists, with all loops over documents but one running in C.
"""

from collections.abc import Iterable, Iterator
from itertools import compress

_ONE = ord("1")
_BITS = bytes.maketrans(b"01", b"\0\1")
_SPARSE = 16
"""With fewer than one document in so many, finding them beats walking over all."""


def from_documents(documents: Iterable[int], *, size: int) -> int:
    """Return the bitmap of ``documents``, each below ``size``, which is at least 1."""
    digits = bytearray(b"0") * size
    for document in documents:
        digits[document] = _ONE
    digits.reverse()
    return int(digits, 2)


def flags(bitmap: int, *, size: int) -> bytes:
    """Return one byte for each document below ``size``, 1 for those in ``bitmap`` and else 0."""
    return f"{bitmap:b}".encode()[::-1].translate(_BITS).ljust(size, b"\0")


def documents(bitmap: int) -> list[int]:
    """Return the documents of ``bitmap``, ascending."""
    # The images of a repository stand together, so most of a bitmap may be before the first one.
    first = max((bitmap & -bitmap).bit_length() - 1, 0)
    bitmap >>= first
    size = bitmap.bit_length()
    if bitmap.bit_count() * _SPARSE < size:
        return list(_find(f"{bitmap:b}"[::-1], first))
    return list(compress(range(first, first + size), flags(bitmap, size=size)))


def _find(digits: str, first: int) -> Iterator[int]:
    position = digits.find("1")
    while position >= 0:
        yield first + position
        position = digits.find("1", position + 1)
