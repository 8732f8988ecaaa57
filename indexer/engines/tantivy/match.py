"""Which documents a query matches, as a query of tantivy made of parts and never parsed."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from tantivy import FieldType, Occur, Schema, Searcher
from tantivy import Query as Matching

from indexer.engines.ranking import TextPart, part_text, pattern
from indexer.engines.tantivy.limits import Limits
from indexer.engines.tantivy.schema import (
    GRAM,
    GRAM3,
    INT64,
    KEYWORD,
    LAST,
    NAME,
    NAME_WORD,
    OTHER_FACET,
    TEXT,
    facet_field,
    facet_prefix,
    grams,
    number_field,
)
from indexer.engines.tantivy.words import KnownWords
from indexer.errors import QueryError
from indexer.model import (
    FACETS,
    And,
    Condition,
    Everything,
    FacetValue,
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
    edits_allowed,
    near,
    words,
)

_ANY = r"[\s\S]"


def all_of(parts: Iterable[Matching]) -> Matching:
    """Return what matches when every part does, also when there are none."""
    listed = list(parts)
    if not listed:
        return Matching.all_query()
    if len(listed) == 1:
        return listed[0]
    return Matching.boolean_query([(Occur.Must, part) for part in listed])


def any_of(parts: Iterable[Matching]) -> Matching:
    """Return what matches when a part does."""
    return Matching.boolean_query([(Occur.Should, part) for part in parts])


def constant(query: Matching, points: int) -> Matching:
    """Return what matches as ``query`` does and gives so many points."""
    return Matching.const_score_query(query, float(points))


class Matcher:
    """Translates queries for the documents of one commit."""

    def __init__(
        self, schema: Schema, searcher: Searcher, words: KnownWords, limits: Limits
    ) -> None:
        self._schema = schema
        self._searcher = searcher
        self._words = words
        self._limits = limits
        self._joined: dict[str, str] = {}
        # Making one takes milliseconds, and a search asks for the same ones several times.
        self._spellings: dict[tuple[str, Wildcard | Fuzzy | Glob], Matching] = {}

    def matching(self, query: Query) -> Matching:
        """Return ``query`` in tantivy's terms; :class:`QueryError` where a pattern says little."""
        match query:
            case Everything():
                return Matching.all_query()
            case And(parts):
                return all_of(self.matching(part) for part in parts)
            case Or(parts):
                return any_of(self.matching(part) for part in parts)
            case Not(part):
                matched = (Occur.MustNot, self.matching(part))
                return Matching.boolean_query([(Occur.Must, Matching.all_query()), matched])
            case Condition(field, "", is_prefix=True):
                return self.term(KEYWORD, field)
            case Condition(field, value, is_prefix):
                keyword = f"{field}:{value}"
                return self.starting(KEYWORD, keyword) if is_prefix else self.term(KEYWORD, keyword)
            case FacetValue(facet, value) if facet in FACETS:
                return self.term(facet_field(facet), value)
            case FacetValue(facet, value):
                return self.term(OTHER_FACET, facet_prefix(facet) + value)
            case Glob():
                return self._spelled(KEYWORD, query)
            case Range(name, low, high):
                return self.within(number_field(name), low, high)
            case _:
                return self.part_matching(query)

    def part_matching(self, part: TextPart) -> Matching:
        """Return what one text part matches."""
        match part:
            case Word(text):
                found = words(text)
                inside = self.inside_name(text)
                return any_of([self.having(TEXT, found), inside]) if found else inside
            case Path():
                return self.inside_name(part_text(part))
            case Prefix(text):
                found = words(text)
                return self.starting_words(TEXT, found) if found else self.inside_name(text)
            case Wildcard() | Fuzzy():
                return any_of([self._spelled(TEXT, part), self.named_like(part)])
            case Phrase(found):
                return self._phrase(TEXT, list(found))

    def named_like(self, part: Wildcard | Fuzzy) -> Matching:
        """Return what ``part`` matches by a word of the name, or by the name."""
        if isinstance(part, Fuzzy):
            return self._spelled(NAME_WORD, part)
        inside = part.pattern.strip("*")
        if part.pattern == f"*{inside}*" and "*" not in inside and "?" not in inside:
            # What is anywhere in a word of the name is anywhere in the name.
            return self.inside_name(inside)
        return any_of(self._spelled(field, part) for field in (NAME_WORD, NAME, LAST))

    def term(self, field: str, text: str) -> Matching:
        """Return what has the term ``text`` in ``field``."""
        return Matching.term_query(self._schema, field, text, "basic")

    def having(self, field: str, terms: Iterable[str]) -> Matching:
        """Return what has every one of ``terms`` in ``field``."""
        return all_of(self.term(field, term) for term in dict.fromkeys(terms))

    def starting(self, field: str, prefix: str) -> Matching:
        """Return what has a term in ``field`` that starts with ``prefix``."""
        # No distance: this takes no time to make, unlike a regular expression.
        return Matching.fuzzy_term_query(self._schema, field, prefix, distance=0, prefix=True)

    def within(self, field: str, low: int | None, high: int | None) -> Matching:
        """Return what has a number in ``field`` from ``low`` to ``high``."""
        low = INT64[0] if low is None else max(low, INT64[0])
        high = INT64[-1] if high is None else min(high, INT64[-1])
        if low > high:
            return Matching.empty_query()
        return Matching.range_query(self._schema, field, FieldType.Integer, low, high)

    def inside_name(self, text: str) -> Matching:
        """Return the documents whose name contains ``text``."""
        if not text:
            return Matching.all_query()
        if len(text) < 3:
            return self.term(GRAM, text)
        return self._phrase(GRAM3, grams(text, 3))

    def _phrase(self, field: str, terms: list[str]) -> Matching:
        if len(terms) == 1:
            return self.term(field, terms[0])
        return Matching.phrase_query(self._schema, field, list(terms))

    def starting_words(self, field: str, found: Sequence[str]) -> Matching:
        """Return what has all words of ``found`` in ``field``, the last one at least begun."""
        begun, others = self.starting(field, found[-1]), found[:-1]
        return all_of([self.having(field, others), begun]) if others else begun

    def _spelled(self, field: str, part: Wildcard | Fuzzy | Glob) -> Matching:
        """Return what has a term in ``field`` that fits a pattern, or is nearly spelled so."""
        key = (field, part)
        if key not in self._spellings:
            if len(self._spellings) >= self._limits.kept_spellings:
                self._spellings.clear()
            self._spellings[key] = self._made_spelled(field, part)
        return self._spellings[key]

    def _made_spelled(self, field: str, part: Wildcard | Fuzzy | Glob) -> Matching:
        match part:
            case Glob(name, text):
                return self._fitting(field, text, start=f"{name}:")
            case Fuzzy(text):
                allowed = edits_allowed(text)
                if field == TEXT:
                    found = self.words.near(text, limit=allowed)
                else:
                    found = near(text, self._lines(field).split("\n"), limit=allowed)
                return self._one_of(field, [word for word, _ in found])
            case Wildcard(text):
                # tantivy would walk through all terms each time it is asked.
                fitting = pattern(text)
                terms = (
                    list(self.words.fitting(fitting))
                    if field == TEXT
                    else fitting.lines(self._lines(field))
                )
                is_few = len(terms) <= self._limits.expanded_terms
                return self._one_of(field, terms) if is_few else self._fitting(field, text)

    def _lines(self, field: str) -> str:
        """Return the terms of a field that has few, with a line end before and after each."""
        if field not in self._joined:
            terms = self._searcher.terms_with_prefix(field, "")
            self._joined[field] = "\n".join(["", *(term for term, _ in terms), ""])
        return self._joined[field]

    def _one_of(self, field: str, terms: list[str]) -> Matching:
        if len(terms) <= self._limits.single_terms:
            return any_of(self.term(field, term) for term in terms)
        return Matching.term_set_query(self._schema, field, terms)

    def _fitting(self, field: str, text: str, *, start: str = "") -> Matching:
        """Return what has a term in ``field`` that is ``start`` and then fits a pattern."""
        try:
            return Matching.regex_query(self._schema, field, escaped(start) + _expression(text))
        except ValueError:
            # More states than tantivy allows; many ``?`` behind a ``*`` take exponentially many.
            fitting = pattern(text)
        terms = self._searcher.terms_with_prefix(field, start + fitting.prefix)
        found = [term for term, _ in terms if fitting.fits(term[len(start) :])]
        if len(found) > self._limits.expanded_terms:
            raise QueryError(f"too much fits {text!r}: give more of it", column=1)
        return Matching.term_set_query(self._schema, field, found)

    @cached_property
    def words(self) -> KnownWords:
        """All searchable words."""
        self._words.catch_up(self._searcher)
        return self._words


def _expression(text: str) -> str:
    return "".join(
        f"{_ANY}*" if character == "*" else _ANY if character == "?" else escaped(character)
        for character in text
    )


def escaped(text: str) -> str:
    """Return a regular expression for ``text`` and nothing else."""
    return "".join(c if c.isalnum() else rf"\x{{{ord(c):x}}}" for c in text)
