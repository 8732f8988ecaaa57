"""The documents of a segment that a query matches, as a bitmap."""

from collections.abc import Iterable, Sequence
from functools import partial, reduce
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
        begun = self._segment.cached(
            ("starting", field, prefix), partial(self._expanded, field, prefix)
        )
        # The limit of words is not one of names.
        return begun | self.starting(NAME_WORD, prefix) if field == TEXT else begun

    def spelled(self, field: str, part: Wildcard | Fuzzy) -> int:
        """Return the documents with a word in ``field`` that ``part`` means."""
        return self._segment.cached(
            ("spelled", field, part),
            lambda: self._segment.having_any(field, self._spellings(part)),
        )

    def phrase(self, found: Sequence[str]) -> int:
        """Return the documents with a text that has the words ``found`` in a row."""
        return self._segment.cached(("phrase", found), partial(self._phrase, found))

    def inside_name(self, text: str) -> int:
        """Return the documents with ``text`` inside the name."""
        return self._segment.cached(("named", text), partial(self._segment.named, text))

    def name_fitting(self, part: Wildcard) -> int:
        """Return the documents whose name, or whose name's last component, fits a pattern."""
        fitting = pattern(part.pattern)
        return self._segment.cached(
            ("named like", part.pattern), partial(self._segment.named_like, fitting)
        )

    def keyword_fitting(self, field: str, text: str) -> int:
        """Return the documents with a value of a keyword field that fits the pattern ``text``."""
        return self._segment.cached(("globbed", field, text), partial(self._globbed, field, text))

    def within(self, name: str, low: int | None, high: int | None) -> int:
        """Return the documents with a number of that name from ``low`` to ``high``."""
        return self._segment.within(name, low, high)

    def _expanded(self, field: str, prefix: str) -> int:
        found = (documents for _, documents in self._segment.postings_from(field, prefix))
        if field == KEYWORD:
            return self._having(few(found, f"{prefix}*"))
        return self._having(islice(found, EXPANDED_WORDS_MAX))

    def _spellings(self, part: Wildcard | Fuzzy) -> list[str]:
        """Return the words of the segment that ``part`` means."""
        return self._segment.cached(
            ("spellings", part),
            lambda: few(self._segment.vocabulary().like(part), part_text(part)),
            size_bytes=lambda made: 64 * len(made),
        )

    def _phrase(self, found: Sequence[str]) -> int:
        sought = f" {' '.join(found)} "
        candidates = bitmaps.documents(self.having(TEXT, found))
        holding = (document for document in candidates if sought in self._segment.lines(document))
        return bitmaps.from_documents(holding, size=self._segment.size)

    def _globbed(self, field: str, text: str) -> int:
        fitting, start = pattern(text), len(field) + 1
        postings = self._segment.postings_from(KEYWORD, f"{field}:{fitting.prefix}")
        found = (documents for term, documents in postings if fitting.fits(term[start:]))
        return self._having(few(found, f"{field}:{text}"))

    def _having(self, postings: Iterable[Iterable[int]]) -> int:
        return bitmaps.from_documents(chain.from_iterable(postings), size=self._segment.size)
