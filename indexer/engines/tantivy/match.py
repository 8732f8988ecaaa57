"""The documents that a query matches, as a query of tantivy made of parts and never parsed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tantivy import FieldType, Occur
from tantivy import Query as Matching

from indexer.engines.ranking import (
    INT64,
    KEYWORD,
    NAME_FIELDS,
    TEXT,
    Matcher,
    Vocabulary,
    few,
    pattern,
)
from indexer.engines.tantivy.index import LIMITS, Limits, OpenIndex
from indexer.engines.tantivy.schema import GRAM, GRAM3, grams, number_field
from indexer.engines.tantivy.words import KnownWords
from indexer.model import Fuzzy, Wildcard

_ANY = r"[\s\S]"


def constant(query: Matching, points: int) -> Matching:
    """Return what matches as ``query`` does and gives so many points."""
    return Matching.const_score_query(query, float(points))


class QueryMatcher(OpenIndex, Matcher[Matching]):
    """Translates queries for the documents of an open index."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        super().__init__(folder, limits)
        self._schema = self._index.schema
        self._words = KnownWords(folder)

    def all_of(self, parts: Iterable[Matching]) -> Matching:
        """Return the documents in every part; all documents if there is none."""
        first, *others = [*parts] or [Matching.all_query()]
        if not others:
            return first
        return Matching.boolean_query([(Occur.Must, one) for one in (first, *others)])

    def any_of(self, parts: Iterable[Matching]) -> Matching:
        """Return the documents in at least one part."""
        return Matching.boolean_query([(Occur.Should, part) for part in parts])

    def at_least(self, count: int, parts: Iterable[Matching]) -> Matching:
        """Return the documents in at least ``count`` parts."""
        clauses = [(Occur.Should, part) for part in parts]
        return Matching.boolean_query(clauses, minimum_number_should_match=count)

    def without(self, part: Matching) -> Matching:
        """Return the documents that are not in ``part``."""
        return Matching.boolean_query([(Occur.Must, Matching.all_query()), (Occur.MustNot, part)])

    def term(self, field: str, text: str) -> Matching:
        """Return the documents with the term ``text`` in ``field``."""
        return Matching.term_query(self._schema, field, text, "basic")

    def starting(self, field: str, prefix: str) -> Matching:
        """Return the documents with a term in ``field`` that starts with ``prefix``."""
        # No distance: this takes no time to make, unlike a regular expression.
        return Matching.fuzzy_term_query(self._schema, field, prefix, distance=0, prefix=True)

    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> Matching:
        """Return the documents with a term in ``field`` of ``start`` and what ``part`` means."""
        # Making it takes milliseconds, and a search asks for the same one several times.
        return self.kept((part, field, start), lambda: self._make_spelled(part, field, start))

    def phrase(self, found: Sequence[str]) -> Matching:
        """Return the documents with a text that has the words ``found`` in a row."""
        return Matching.phrase_query(self._schema, TEXT, list(found))

    def inside_name(self, text: str) -> Matching:
        """Return the documents with ``text`` inside the name."""
        if len(text) < 3:
            return self.term(GRAM, text) if text else self.all_of([])
        if len(text) == 3:
            return self.term(GRAM3, text)
        return Matching.phrase_query(self._schema, GRAM3, list(grams(text, 3)))

    def within(self, name: str, low: int | None, high: int | None) -> Matching:
        """Return the documents with a number of that name from ``low`` to ``high``."""
        return self.in_column(number_field(name), low, high)

    def in_column(self, field: str, low: int | None, high: int | None) -> Matching:
        """Return the documents with a number in a column from ``low`` to ``high``."""
        low = INT64[0] if low is None else max(low, INT64[0])
        high = INT64[-1] if high is None else min(high, INT64[-1])
        if low > high:
            return Matching.empty_query()
        return Matching.range_query(self._schema, field, FieldType.Integer, low, high)

    def vocabulary(self, field: str, start: str = "") -> Vocabulary:
        """Return what follows ``start`` in the terms of a field."""
        return self.kept((field, start), lambda: self._make_vocabulary(field, start))

    def _make_vocabulary(self, field: str, start: str) -> Vocabulary:
        if field == TEXT:
            self._words.catch_up(self.searcher)
            return self._words
        terms = self.searcher.terms_with_prefix(field, start)
        return Vocabulary(term[len(start) :] for term, _ in terms)

    def _make_spelled(self, part: Wildcard | Fuzzy, field: str, start: str) -> Matching:
        if isinstance(part, Wildcard) and field == KEYWORD and not start.startswith(NAME_FIELDS):
            return self._fitting(field, start, part.pattern)
        terms = [start + word for word in self.vocabulary(field, start).like(part)]
        if isinstance(part, Wildcard) and len(terms) > self.limits.expanded_terms:
            # So many terms are too many to list. tantivy walks through all terms each time.
            return self._fitting(field, start, part.pattern)
        if len(terms) <= self.limits.single_terms:
            return self.any_of(self.term(field, term) for term in terms)
        return Matching.term_set_query(self._schema, field, terms)

    def _fitting(self, field: str, start: str, text: str) -> Matching:
        """Return the documents with a term in ``field`` that is ``start`` and then fits."""
        try:
            return Matching.regex_query(self._schema, field, escaped(start) + _expression(text))
        except ValueError:
            # More states than tantivy allows; many ``?`` behind a ``*`` take exponentially many.
            fitting = pattern(text)
        terms = self.searcher.terms_with_prefix(field, start + fitting.prefix)
        found = (term for term, _ in terms if fitting.fits(term[len(start) :]))
        listed = few(found, start + text, most=self.limits.expanded_terms)
        return Matching.term_set_query(self._schema, field, listed)


def _expression(text: str) -> str:
    return "".join(
        f"{_ANY}*" if character == "*" else _ANY if character == "?" else escaped(character)
        for character in text
    )


def escaped(text: str) -> str:
    """Return a regular expression for ``text`` and nothing else."""
    return "".join(c if c.isalnum() else rf"\x{{{ord(c):x}}}" for c in text)
