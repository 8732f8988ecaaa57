"""The documents of a segment that a query matches, as a bitmap."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import reduce
from itertools import chain, islice
from operator import and_, or_

from typing_extensions import override

from indexer.engines.ranking import (
    NAME_WORD,
    NAMED,
    TEXT,
    Matcher,
    few,
    part_text,
)
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.schema import LINES
from indexer.engines.whoosh.segment import SegmentContent
from indexer.model import Fuzzy, Wildcard

EXPANDED_WORDS_MAX = 1000
"""The most words that a prefix means, the first in order. Beginnings of words of names have no
limit."""


class Segment(SegmentContent, Matcher[int]):
    """Matches documents of a segment, deleted ones included."""

    @override
    def all_of(self, parts: Iterable[int]) -> int:
        return reduce(and_, parts, self.everything)

    @override
    def any_of(self, parts: Iterable[int]) -> int:
        return reduce(or_, parts, 0)

    @override
    def at_least(self, count: int, parts: Iterable[int]) -> int:
        # In ``found[n]`` are the documents in at least n of the parts so far.
        found = [self.everything, *[0] * count]
        for part in parts:
            for n in range(count, 0, -1):
                found[n] |= found[n - 1] & part
        return found[count]

    @override
    def without(self, part: int) -> int:
        return self.everything & ~part

    @override
    def starting(self, field: str, prefix: str) -> int:
        def find() -> Iterable[Iterable[int]]:
            terms = self.terms_of(field).starting(field, prefix)
            found = (read().documents for _, read in terms)
            if field == TEXT:
                return islice(found, EXPANDED_WORDS_MAX)
            return found if field == NAMED else few(found, f"{prefix}*")

        begun = self._kept(("starting", field, prefix), find)
        # The limit of words is not one of names.
        return begun | self.starting(NAMED, f"{NAME_WORD}:{prefix}") if field == TEXT else begun

    @override
    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> int:
        def find() -> Iterable[Iterable[int]]:
            found = few(self.vocabulary(field, start).like(part), part_text(part))
            terms = self.terms_of(field)
            return (terms.find(field, start + word).documents for word in found)

        return self._kept(("spelled", part, field, start), find)

    @override
    def phrase(self, found: Sequence[str]) -> int:
        sought = f" {' '.join(found)} ".encode()

        def find() -> Iterable[Iterable[int]]:
            candidates = bitmaps.documents(self.having(found))
            return [[n for n in candidates if sought in self.unpacked(LINES, n)]]

        return self._kept(("phrase", found), find)

    @override
    def inside_name(self, text: str) -> int:
        return self._kept(("named", text), lambda: self.names.containing(text))

    @override
    def within(self, name: str, low: int | None, high: int | None) -> int:
        def find() -> Iterable[Iterable[int]]:
            values, documents = self.numbers(name)
            start = 0 if low is None else bisect_left(values, low)
            end = len(values) if high is None else bisect_right(values, high)
            return [documents[start:end]]

        return self._kept(("within", name, low, high), find)

    @override
    def count(self, matched: int) -> int:
        return (matched & self.alive).bit_count()

    def _kept(self, key: Hashable, find: Callable[[], Iterable[Iterable[int]]]) -> int:
        """Return all documents that ``find`` lists; they are kept for later searches."""
        return self.cached(
            key, lambda: bitmaps.from_documents(chain.from_iterable(find()), size=self.size)
        )
