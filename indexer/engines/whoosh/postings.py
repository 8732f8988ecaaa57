"""The terms of one field in a segment, and which documents have each: one part of its file.

Whoosh writes a block, some objects and some pickles for each term, however few documents have it;
that took most of the time of indexing. Here terms stand in blocks of some dozen: first the
documents of each, as a plain array, then one list of the terms and where the documents of each
are. Behind the blocks is a list of their first terms, which is all that is kept in memory.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from struct import Struct
from typing import Any, NamedTuple

_BLOCK_TERMS = 64
_END = Struct("<Q")
"""Where the blocks end and the list of their first terms begins; the last bytes of a part."""


class Postings(NamedTuple):
    """The documents that have a term, ascending, and its impact on each, in points."""

    documents: "array[int]"
    impacts: "array[int]" = array("H")
    """Empty in fields whose terms have none."""


def number_code(size: int) -> str:
    """Return the type of arrays of documents in a segment of ``size`` documents."""
    return "H" if size <= 1 << 16 else "I"


def write_terms(file: Any, terms: Iterable[tuple[str, Postings]]) -> None:
    """Write terms, given in order, to a file that is open for writing."""
    firsts: list[str] = []
    starts, heads, position = [0], [], 0
    following = iter(terms)
    while block := list(islice(following, _BLOCK_TERMS)):
        packed = [each.documents.tobytes() + each.impacts.tobytes() for _, each in block]
        ends = [0, *accumulate(map(len, packed))]
        head = _dumped([term for term, _ in block], ends)
        file.write(b"".join([*packed, head]))
        firsts.append(block[0][0])
        heads.append(position + ends[-1])
        position = heads[-1] + len(head)
        starts.append(position)
    file.write(_dumped(firsts, starts, heads) + _END.pack(position))


class TermsReader:
    """Reads the terms of one field from a part of ``length`` bytes."""

    def __init__(self, file: Any, length: int, *, size: int, has_impacts: bool) -> None:
        self._get: Callable[[int, int], bytes] = file.get
        self._code = number_code(size)
        self._has_impacts = has_impacts
        (end,) = _END.unpack(self._get(length - _END.size, _END.size))
        listed = self._get(end, length - _END.size - end)
        self._firsts, self._starts, self._heads = json.loads(listed)
        self._kept: tuple[int, list[str], list[int]] = (-1, [], [])

    def find(self, term: str) -> Postings:
        """Return the postings of ``term``, empty when no document has it."""
        block = bisect_right(self._firsts, term) - 1
        if block >= 0:
            terms, ends = self._head(block)
            place = bisect_left(terms, term)
            if place < len(terms) and terms[place] == term:
                start, end = ends[place], ends[place + 1]
                return self._unpacked(self._get(self._starts[block] + start, end - start))
        return Postings(array(self._code))

    def terms(self, prefix: str = "") -> Iterator[str]:
        """Yield the terms that start with ``prefix``, in order."""
        for _, terms, _ in self._blocks_from(prefix):
            for place in range(bisect_left(terms, prefix), len(terms)):
                if not terms[place].startswith(prefix):
                    return
                yield terms[place]

    def items(self, prefix: str = "") -> Iterator[tuple[str, Postings]]:
        """Yield the terms that start with ``prefix`` and their postings, in order."""
        for block, terms, ends in self._blocks_from(prefix):
            packed = self._get(self._starts[block], ends[-1])
            for place in range(bisect_left(terms, prefix), len(terms)):
                if not terms[place].startswith(prefix):
                    return
                yield terms[place], self._unpacked(packed[ends[place] : ends[place + 1]])

    def _blocks_from(self, prefix: str) -> Iterator[tuple[int, list[str], list[int]]]:
        for block in range(max(0, bisect_right(self._firsts, prefix) - 1), len(self._firsts)):
            yield block, *self._head(block)

    def _head(self, block: int) -> tuple[list[str], list[int]]:
        # Terms are often asked for in order.
        if self._kept[0] != block:
            start = self._heads[block]
            head = self._get(start, self._starts[block + 1] - start)
            self._kept = (block, *json.loads(head))
        return self._kept[1:]

    def _unpacked(self, packed: bytes) -> Postings:
        documents = array(self._code)
        if not self._has_impacts:
            documents.frombytes(packed)
            return Postings(documents)
        impacts = array("H")
        end = len(packed) * documents.itemsize // (documents.itemsize + impacts.itemsize)
        documents.frombytes(packed[:end])
        impacts.frombytes(packed[end:])
        return Postings(documents, impacts)


def _dumped(*lists: Sequence[str] | Sequence[int]) -> bytes:
    return json.dumps(lists, ensure_ascii=False, separators=(",", ":")).encode()
