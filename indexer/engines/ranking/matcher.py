"""The documents that a query matches: one walk over the query for every engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from indexer.engines.ranking.fields import (
    KEYWORD,
    NAME_WORD,
    NAMED,
    TEXT,
    facet_location,
    keyword_field,
)
from indexer.engines.ranking.plan import NamedLike, apart_in_text, named_like
from indexer.engines.ranking.texts import TextPart, part_text
from indexer.engines.ranking.vocabulary import Vocabulary
from indexer.errors import QueryError
from indexer.model import (
    And,
    AtLeast,
    Condition,
    Everything,
    FacetCondition,
    Fuzzy,
    Glob,
    MetByImages,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Rights,
    Visible,
    Wildcard,
    Word,
    words,
)

EXPANDED_TERMS_MAX = 10_000
"""The most terms that a pattern or the beginning of a value may mean."""

Matched = TypeVar("Matched")
"""A set of documents: a bitmap, or a query of a library."""
_Found = TypeVar("_Found")


class Matcher(ABC, Generic[Matched]):
    """Matches queries on the primitives of an engine."""

    check: Callable[[], None]
    """Called for each part of a query; what it raises ends the search."""

    def matching(self, query: Query | NamedLike) -> Matched:
        """Return the documents that match ``query``.

        :class:`indexer.errors.QueryError` if a pattern or the beginning of a value means too much.
        """
        self.check()
        match query:
            case Condition(field, "", is_prefix=True):
                return self.term(KEYWORD, field)
            case Condition(field, value, is_prefix):
                found = self.starting if is_prefix else self.term
                return found(keyword_field(field), f"{field}:{value}")
            case Everything():
                return self.all_of([])
            case And(parts):
                return self.all_of(map(self.matching, parts))
            case Or(parts):
                return self.any_of(map(self.matching, parts))
            case AtLeast(count):
                weighted = ((self.matching(part), weight) for part, weight in query.weighted)
                return self.at_least(count, weighted)
            case Not(part):
                return self.without(self.matching(part))
            case FacetCondition(facet, value):
                located, prefix = facet_location(facet)
                return self.term(located, prefix + value)
            case Glob(field, text):
                return self.spelled(Wildcard(text), keyword_field(field), f"{field}:")
            case NamedLike(part):
                return self.spelled(part, NAMED, f"{NAME_WORD}:")
            case Range(name, low, high):
                return self.within(name, low, high)
            case Visible(rights):
                return self.visible(rights)
            case MetByImages(asked, repositories):
                return self.any_of([self.matching(asked), self.of_any(repositories)])
            case _:
                return self.part_matching(query)

    def total(self, query: Query) -> int:
        """Return the number of documents that are there and match ``query``."""
        return self.count(self.matching(query))

    def counts(self, parts: Sequence[Matched], within: Query | None) -> list[int]:
        """Return how many documents of each part are there and match ``within``, if it is given."""
        inside = [] if within is None else [self.matching(within)]
        return [self.count(self.all_of([one, *inside])) for one in parts]

    def part_matching(self, part: TextPart) -> Matched:
        """Return the documents that match one text part."""
        match part:
            case Word(text, others, examples):
                found = words(text)
                matched = [self.having(found)] if found else []
                matched += [] if part.is_whole else [self.inside_name(text)]
                matched += map(self._meant, (*others, *examples))
                matched += [self.matching(apart_in_text(part))] if part.apart else []
                return self.any_of(matched)
            case Path():
                return self.inside_name(part_text(part))
            case Prefix(text):
                *complete, begun = words(text) or [""]
                if not begun:
                    return self.inside_name(text)
                return self.all_of([*map(self._word, complete), self.starting(TEXT, begun)])
            case Wildcard() | Fuzzy():
                return self.any_of([self.spelled(part, TEXT), self.matching(named_like(part))])
            case Phrase(found):
                return self.phrase(found) if len(found) > 1 else self.having(found)

    def having(self, found: Iterable[str]) -> Matched:
        """Return the documents with every word of ``found`` in the text."""
        return self.all_of(map(self._word, dict.fromkeys(found)))

    def _word(self, word: str) -> Matched:
        return self.term(TEXT, word)

    def _meant(self, other: Word | Phrase) -> Matched:
        """Return the documents with a word or phrase that a word of the query means too."""
        return self._word(other.text) if isinstance(other, Word) else self.part_matching(other)

    @abstractmethod
    def all_of(self, parts: Iterable[Matched]) -> Matched:
        """Return the documents in every part; all documents if there is none."""

    @abstractmethod
    def any_of(self, parts: Iterable[Matched]) -> Matched:
        """Return the documents in at least one part."""

    @abstractmethod
    def at_least(self, count: int, parts: Iterable[tuple[Matched, int]]) -> Matched:
        """Return the documents in parts that weigh at least ``count`` together."""

    @abstractmethod
    def without(self, part: Matched) -> Matched:
        """Return the documents that are not in ``part``."""

    @abstractmethod
    def term(self, field: str, text: str) -> Matched:
        """Return the documents with the term ``text`` in ``field``."""

    @abstractmethod
    def starting(self, field: str, prefix: str) -> Matched:
        """Return the documents with a term in ``field`` that starts with ``prefix``."""

    @abstractmethod
    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> Matched:
        """Return the documents with a term in ``field`` that ``start`` and a text of ``part``."""

    @abstractmethod
    def phrase(self, found: Sequence[str]) -> Matched:
        """Return the documents with a text that has the words ``found`` in a row."""

    @abstractmethod
    def inside_name(self, text: str) -> Matched:
        """Return the documents with ``text`` inside the name."""

    @abstractmethod
    def within(self, name: str, low: int | None, high: int | None) -> Matched:
        """Return the documents with a number of that name from ``low`` to ``high``."""

    @abstractmethod
    def visible(self, rights: Rights) -> Matched:
        """Return the documents of repositories that ``rights`` let see, whatever their number.

        What is found is kept by the key of the rights: a caller searches more than once.
        """

    @abstractmethod
    def of_any(self, repositories: Collection[tuple[str, str]]) -> Matched:
        """Return the documents of repositories, named by registry and name."""

    @abstractmethod
    def vocabulary(self, field: str) -> Vocabulary:
        """Return the words of a field, some of them perhaps of no document any more."""

    @abstractmethod
    def count(self, matched: Matched) -> int:
        """Return the number of documents that are there, among those that match."""


def few(found: Iterable[_Found], asked: str, *, most: int = EXPANDED_TERMS_MAX) -> list[_Found]:
    """Return all that ``asked`` means; :class:`indexer.errors.QueryError` if it is too much."""
    kept = list(islice(found, most + 1))
    if len(kept) > most:
        raise QueryError(f"too much fits {asked!r}: give more of it", column=1)
    return kept
