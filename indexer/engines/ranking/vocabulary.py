"""The words of an index, for queries of words that are like another one."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

from indexer.engines.ranking.patterns import pattern
from indexer.model import Fuzzy, Wildcard, edits_allowed, near


class Vocabulary:
    """Different words, by their length in characters."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._joined: dict[int, str] = {}
        """The words of each length with a line end before and after each."""
        self._with_line_ends: list[str] = []
        """Those that have a line end inside, as some values of labels do."""
        self.add(words)

    def __sizeof__(self) -> int:
        return sum(map(sys.getsizeof, self._joined.values()))

    def add(self, words: Iterable[str]) -> None:
        """Add words that are not there yet."""
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for word in words:
            (self._with_line_ends if "\n" in word else by_length[len(word)]).append(word)
        for length, found in by_length.items():
            before = self._joined.get(length, "\n")
            self._joined[length] = "\n".join([before[:-1], *found, ""])

    def like(self, part: Wildcard | Fuzzy) -> Iterator[str]:
        """Yield the words that fit a pattern, or are near a word."""
        match part:
            case Fuzzy(text):
                yield from (word for word, _ in self.near(text, limit=edits_allowed(text)))
            case Wildcard(text):
                fitting = pattern(text)
                for length, joined in self._joined.items():
                    if length >= fitting.length_min:
                        yield from fitting.lines(joined)
                yield from filter(fitting.fits, self._with_line_ends)

    def near(self, word: str, *, limit: int) -> Iterator[tuple[str, int]]:
        """Yield the words with at most ``limit`` edits from ``word``, and the edits."""
        for length in range(len(word) - limit, len(word) + limit + 1):
            if length in self._joined:
                yield from near(word, self._joined[length][1:-1].split("\n"), limit=limit)
