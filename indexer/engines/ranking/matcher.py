"""The documents that a query matches: one walk over the query for every engine."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from indexer.engines.ranking.fields import KEYWORD, NAME_WORD, TEXT
from indexer.engines.ranking.plan import RankedPart, Tier, Where
from indexer.engines.ranking.text_parts import TextPart, part_text
from indexer.errors import QueryError
from indexer.model import (
    And,
    AtLeast,
    Condition,
    Everything,
    FacetCondition,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
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

    def matching(self, query: Query) -> Matched:
        """Return the documents that match ``query``.

        :class:`indexer.errors.QueryError` if a pattern or the beginning of a value means too much.
        """
        match query:
            case Everything():
                return self.all_of([])
            case And(parts):
                return self.all_of(map(self.matching, parts))
            case Or(parts):
                return self.any_of(map(self.matching, parts))
            case AtLeast(count, parts):
                return self.at_least(count, map(self.matching, parts))
            case Not(part):
                return self.without(self.matching(part))
            case Condition(field, "", is_prefix=True):
                return self.term(KEYWORD, field)
            case Condition(field, value, is_prefix):
                keyword = f"{field}:{value}"
                return self.starting(KEYWORD, keyword) if is_prefix else self.term(KEYWORD, keyword)
            case FacetCondition(facet, value):
                return self.facet_value(facet, value)
            case Glob(field, text):
                return self.keyword_fitting(field, text)
            case Range(name, low, high):
                return self.within(name, low, high)
            case _:
                return self.part_matching(query)

    def part_matching(self, part: TextPart) -> Matched:
        """Return the documents that match one text part."""
        match part:
            case Word(text, others):
                found, inside = words(text), self.inside_name(text)
                meant = [self.having(TEXT, found)] if found else []
                return self.any_of([*meant, inside, *map(self._other, others)])
            case Path():
                return self.inside_name(part_text(part))
            case Prefix(text):
                found = words(text)
                return self._starting_words(TEXT, found) if found else self.inside_name(text)
            case Wildcard() | Fuzzy():
                return self.any_of([self.spelled(TEXT, part), self._named_like(part)])
            case Phrase(found):
                return self.phrase(found) if len(found) > 1 else self.having(TEXT, found)

    def in_tier(self, part: RankedPart, tier: Tier) -> Matched:
        """Return the documents that match ``part`` and are in ``tier``, or in one before it."""
        there = self._found(part, tier.where)
        if tier.implies_match:
            return there
        return self.all_of([there, self.part_matching(part.part)])

    def having(self, field: str, terms: Iterable[str]) -> Matched:
        """Return the documents with every one of ``terms`` in ``field``."""
        return self.all_of(self.term(field, term) for term in dict.fromkeys(terms))

    def _found(self, part: RankedPart, where: Where) -> Matched:
        match where:
            case Where.NAME_WORDS:
                return self.having(NAME_WORD, part.words)
            case Where.NAME_START:
                return self._starting_words(NAME_WORD, part.words)
            case Where.NAME_LIKE:
                assert isinstance(part.part, Wildcard | Fuzzy)  # noqa: S101 - the only ones
                return self._named_like(part.part)
            case Where.TEXT_WORDS:
                return self._in_text(part.part)
            case Where.OTHER_NAME:
                others = (words(part_text(other)) for other in part.others)
                return self.any_of(self.having(NAME_WORD, found) for found in others)
            case Where.OTHER_TEXT:
                return self.any_of(map(self._in_text, part.others))
            case Where.INSIDE_NAME:
                return self.inside_name(part.text)
            case Where.ANYWHERE:
                return self.part_matching(part.part)

    def _other(self, other: Word | Phrase) -> Matched:
        """Return the documents with a word that means the same as a word of the query."""
        if isinstance(other, Phrase):
            return self.part_matching(other)
        return self.having(TEXT, words(other.text))

    def _in_text(self, part: TextPart) -> Matched:
        """Return the documents with the words of a part; several with spaces are in a row."""
        found = tuple(words(part_text(part)))
        is_phrase = isinstance(part, Phrase) or (isinstance(part, Word) and part.is_several)
        return self.phrase(found) if is_phrase and len(found) > 1 else self.having(TEXT, found)

    def _starting_words(self, field: str, found: Sequence[str]) -> Matched:
        """Return the documents with all words of ``found``, or the beginning of the last one."""
        begun, others = self.starting(field, found[-1]), found[:-1]
        return self.all_of([self.having(field, others), begun]) if others else begun

    def _named_like(self, part: Wildcard | Fuzzy) -> Matched:
        """Return the documents that ``part`` matches by a word of the name, or by the name."""
        if isinstance(part, Fuzzy):
            return self.spelled(NAME_WORD, part)
        inside = part.pattern.strip("*")
        if part.pattern == f"*{inside}*" and "*" not in inside and "?" not in inside:
            # A text that is anywhere in a word of the name is anywhere in the name.
            return self.inside_name(inside)
        return self.any_of([self.spelled(NAME_WORD, part), self.name_fitting(part)])

    @abstractmethod
    def all_of(self, parts: Iterable[Matched]) -> Matched:
        """Return the documents in every part; all documents if there is none."""

    @abstractmethod
    def any_of(self, parts: Iterable[Matched]) -> Matched:
        """Return the documents in at least one part."""

    @abstractmethod
    def at_least(self, count: int, parts: Iterable[Matched]) -> Matched:
        """Return the documents in at least ``count`` parts."""

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
    def spelled(self, field: str, part: Wildcard | Fuzzy) -> Matched:
        """Return the documents with a word in ``field`` that ``part`` means."""

    @abstractmethod
    def phrase(self, found: Sequence[str]) -> Matched:
        """Return the documents with a text that has the words ``found`` in a row."""

    @abstractmethod
    def inside_name(self, text: str) -> Matched:
        """Return the documents with ``text`` inside the name."""

    @abstractmethod
    def name_fitting(self, part: Wildcard) -> Matched:
        """Return the documents whose name, or whose name's last component, fits a pattern."""

    @abstractmethod
    def keyword_fitting(self, field: str, text: str) -> Matched:
        """Return the documents with a value of a keyword field that fits the pattern ``text``."""

    @abstractmethod
    def facet_value(self, facet: str, value: str) -> Matched:
        """Return the documents that count for a value of a facet."""

    @abstractmethod
    def within(self, name: str, low: int | None, high: int | None) -> Matched:
        """Return the documents with a number of that name from ``low`` to ``high``."""


def few(found: Iterable[_Found], asked: str, *, most: int = EXPANDED_TERMS_MAX) -> list[_Found]:
    """Return all that ``asked`` means; :class:`indexer.errors.QueryError` if it is too much."""
    kept = list(islice(found, most + 1))
    if len(kept) > most:
        raise QueryError(f"too much fits {asked!r}: give more of it", column=1)
    return kept
