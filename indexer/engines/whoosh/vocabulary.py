"""The words of a segment, for all that asks for words like another one."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from indexer.engines.ranking import Pattern
from indexer.model import near


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Different words, by their length in characters."""

    by_length: dict[int, list[str]]
    joined: dict[int, str]
    """The words of each length with a line end before and after each."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        lists = sum(
            sys.getsizeof(words) + len(words) * sys.getsizeof(words[0])
            for words in self.by_length.values()
        )
        return lists + sum(map(sys.getsizeof, self.joined.values()))

    def fitting(self, pattern: Pattern) -> Iterator[str]:
        """Yield the words that fit a pattern, those of one length after another."""
        for length, joined in self.joined.items():
            if length >= pattern.length_min:
                yield from pattern.lines(joined)

    def near(self, word: str, *, limit: int) -> Iterator[tuple[str, int]]:
        """Yield the words at most ``limit`` edits from ``word``, and how many it takes."""
        for length in range(len(word) - limit, len(word) + limit + 1):
            yield from near(word, self.by_length.get(length, ()), limit=limit)


def vocabulary(words: Iterable[str]) -> Vocabulary:
    """Return the vocabulary of different ``words``."""
    by_length: defaultdict[int, list[str]] = defaultdict(list)
    for word in words:
        by_length[len(word)].append(word)
    joined = {length: "\n".join(["", *found, ""]) for length, found in by_length.items()}
    return Vocabulary(dict(by_length), joined)
