"""The documents of a segment that a query matches, as a bitmap."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import reduce
from itertools import chain, islice
from operator import and_, or_

from indexer.engines.ranking import KEYWORD, NAME_WORD, TEXT, Matcher, few, part_text, pattern
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.schema import START, START_MAX
from indexer.engines.whoosh.segment import Segment
from indexer.model import Fuzzy, Wildcard

EXPANDED_WORDS_MAX = 1000
"""The most words that a prefix means, the first in order. Short beginnings of words of names have
no limit."""


class SegmentMatcher(Matcher[int]):
    """Matches documents of a segment, deleted ones included."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._all = bitmaps.full(segment.size)

    def all_of(self, parts: Iterable[int]) -> int:
        """Return the documents in every part; all documents if there is none."""
        return reduce(and_, parts, self._all)

    def any_of(self, parts: Iterable[int]) -> int:
        """Return the documents in at least one part."""
        return reduce(or_, parts, 0)

    def without(self, part: int) -> int:
        """Return the documents that are not in ``part``."""
        return self._all & ~part

    def term(self, field: str, text: str) -> int:
        """Return the documents with the term ``text`` in ``field``."""
        return self._segment.bitmap(field, text)

    def starting(self, field: str, prefix: str) -> int:
        """Return the documents with a term in ``field`` that starts with ``prefix``."""
        if field == NAME_WORD and len(prefix) <= START_MAX:
            return self.term(START, prefix)

        def find() -> Iterable[Iterable[int]]:
            found = (having.documents for _, having in self._segment.terms.starting(field, prefix))
            return (
                few(found, f"{prefix}*") if field == KEYWORD else islice(found, EXPANDED_WORDS_MAX)
            )

        begun = self._kept(("starting", field, prefix), find)
        # The limit of words is not one of names.
        return begun | self.starting(NAME_WORD, prefix) if field == TEXT else begun

    def spelled(self, field: str, part: Wildcard | Fuzzy) -> int:
        """Return the documents with a word in ``field`` that ``part`` means."""
        segment = self._segment

        def find() -> Iterable[Iterable[int]]:
            found = segment.cached(
                ("spellings", part),
                lambda: few(segment.vocabulary().like(part), part_text(part)),
                size_bytes=lambda made: 64 * len(made),
            )
            return (segment.terms.find(field, word).documents for word in found)

        return self._kept(("spelled", field, part), find)

    def phrase(self, found: Sequence[str]) -> int:
        """Return the documents with a text that has the words ``found`` in a row."""
        sought = f" {' '.join(found)} "

        def find() -> Iterable[Iterable[int]]:
            candidates = bitmaps.documents(self.having(TEXT, found))
            return [
                [document for document in candidates if sought in self._segment.lines(document)]
            ]

        return self._kept(("phrase", found), find)

    def inside_name(self, text: str) -> int:
        """Return the documents with ``text`` inside the name."""
        names = self._segment.names
        return self._kept(
            ("named", text), lambda: (names.documents[place] for place in names.containing(text))
        )

    def name_fitting(self, part: Wildcard) -> int:
        """Return the documents whose name, or whose name's last component, fits a pattern."""
        names, fits = self._segment.names, pattern(part.pattern).fits
        return self._kept(
            ("named like", part),
            lambda: (
                documents
                for name, documents in zip(names.names, names.documents, strict=True)
                if fits(name) or fits(name.rpartition("/")[2])
            ),
        )

    def keyword_fitting(self, field: str, text: str) -> int:
        """Return the documents with a value of a keyword field that fits the pattern ``text``."""
        fitting, start = pattern(text), f"{field}:"

        def find() -> Iterable[Iterable[int]]:
            terms = self._segment.terms.starting(KEYWORD, start + fitting.prefix)
            found = (having for term, having in terms if fitting.fits(term[len(start) :]))
            return (having.documents for having in few(found, start + text))

        return self._kept(("globbed", field, text), find)

    def within(self, name: str, low: int | None, high: int | None) -> int:
        """Return the documents with a number of that name from ``low`` to ``high``."""

        def find() -> Iterable[Iterable[int]]:
            values, documents = self._segment.numbers(name)
            start = 0 if low is None else bisect_left(values, low)
            end = len(values) if high is None else bisect_right(values, high)
            return [documents[start:end]]

        return self._kept(("within", name, low, high), find)

    def _kept(self, key: Hashable, find: Callable[[], Iterable[Iterable[int]]]) -> int:
        """Return all documents that ``find`` lists; they are kept for later searches."""
        size = self._segment.size
        return self._segment.cached(
            key, lambda: bitmaps.from_documents(chain.from_iterable(find()), size=size)
        )
