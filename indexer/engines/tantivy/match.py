"""The documents of an open tantivy index: matching queries, and reading what is found.

A query of ours becomes one of tantivy, made of parts and never parsed.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from tantivy import DocAddress, FieldType, Occur, Order
from tantivy import Query as Matching
from typing_extensions import override

from indexer.engines.protocol import go_on
from indexer.engines.ranking import (
    INT64,
    KEYWORD,
    TEXT,
    Matcher,
    Vocabulary,
    few,
    pattern,
    read_texts,
)
from indexer.engines.tantivy.index import LIMITS, Limits, OpenIndex
from indexer.engines.tantivy.repositories import (
    Numbers,
    codes_expression,
    read_numbers,
    repository_code,
)
from indexer.engines.tantivy.schema import (
    GRAM,
    GRAM3,
    IMPACT,
    REGISTRY,
    REPOSITORY_CODE,
    REPOSITORY_NUMBER,
    RESULT,
    TEXTS,
    grams,
    number_field,
)
from indexer.engines.tantivy.words import KnownWords
from indexer.model import (
    And,
    Everything,
    Fuzzy,
    Query,
    Rights,
    TextBlock,
    Visible,
    Wildcard,
)

_ANY = r"[\s\S]"


def constant(query: Matching, points: int) -> Matching:
    """Return what matches as ``query`` does and gives so many points."""
    return Matching.const_score_query(query, float(points))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a search before its first step, of what rights let see.

    ``total`` is how many documents are found, None if that is not known. With ``is_a_set``, every
    step looks each repository up in a set of them, which takes longer than to score what is found.
    """

    total: int | None
    is_a_set: bool


class View(OpenIndex, Matcher[Matching]):
    """The documents of an open index."""

    def __init__(
        self, folder: Path, limits: Limits = LIMITS, check: Callable[[], None] = go_on
    ) -> None:
        super().__init__(folder, limits)
        self.check = check
        self._schema = self._index.schema
        self._words = KnownWords(folder)
        self._narrowed: dict[str, Matching] = {}
        """What rights let see, by their key, as far as the present search could find it."""

    @override
    def all_of(self, parts: Iterable[Matching]) -> Matching:
        first, *others = [*parts] or [Matching.all_query()]
        if not others:
            return first
        return Matching.boolean_query([(Occur.Must, one) for one in (first, *others)])

    @override
    def any_of(self, parts: Iterable[Matching]) -> Matching:
        return Matching.boolean_query([(Occur.Should, part) for part in parts])

    @override
    def at_least(self, count: int, parts: Iterable[tuple[Matching, int]]) -> Matching:
        # tantivy counts clauses, so a part is as many of them as it weighs.
        clauses = [(Occur.Should, part) for part, weight in parts for _ in range(weight)]
        return Matching.boolean_query(clauses, minimum_number_should_match=count)

    @override
    def without(self, part: Matching) -> Matching:
        return Matching.boolean_query([(Occur.Must, Matching.all_query()), (Occur.MustNot, part)])

    @override
    def term(self, field: str, text: str) -> Matching:
        return Matching.term_query(self._schema, field, text, "basic")

    @override
    def starting(self, field: str, prefix: str) -> Matching:
        # No distance: this takes no time to make, unlike a regular expression.
        return Matching.fuzzy_term_query(self._schema, field, prefix, distance=0, prefix=True)

    @override
    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> Matching:
        # Making it takes milliseconds, and a search asks for the same one several times.
        return self.kept((part, field, start), lambda: self._make_spelled(part, field, start))

    @override
    def phrase(self, found: Sequence[str]) -> Matching:
        return Matching.phrase_query(self._schema, TEXT, list(found))

    @override
    def inside_name(self, text: str) -> Matching:
        if len(text) < 3:
            return self.term(GRAM, text) if text else self.all_of([])
        if len(text) == 3:
            return self.term(GRAM3, text)
        return Matching.phrase_query(self._schema, GRAM3, list(grams(text, 3)))

    @override
    def within(self, name: str, low: int | None, high: int | None) -> Matching:
        return self.in_column(number_field(name), low, high)

    @override
    def visible(self, rights: Rights) -> Matching:
        narrowed = self._narrowed.get(rights.key)
        return self._seen(rights) if narrowed is None else narrowed

    @override
    def total(self, query: Query) -> int:
        with self.narrowed(query) as seen:
            return super().total(query) if seen.total is None else seen.total

    @override
    def counts(self, parts: Sequence[Matching], within: Query | None) -> list[int]:
        rights, others = (None, ()) if within is None else _rights_beside(within)
        if rights is None:
            return super().counts(parts, within)
        beside = list(map(self.matching, others))
        return [self._count_seen(rights, self.all_of([one, *beside])) for one in parts]

    @override
    def of_any(self, repositories: Collection[tuple[str, str]]) -> Matching:
        known = self._numbers()
        numbers = (known.get(registry, {}).get(name) for registry, name in repositories)
        found = [repository_code(number) for number in numbers if number is not None]
        return self._having_any(REPOSITORY_CODE, found)

    def repositories(self, query: Query) -> frozenset[tuple[str, str]]:
        """Return the registries and names of the repositories of all that matches.

        Of more than tantivy counts in one pass, some are left out.
        """
        self.check()
        asked = {"terms": {"field": REPOSITORY_NUMBER, "size": self.limits.facet_values}}
        found = self.searcher.aggregate(self.matching(query), {"found": asked})["found"]
        places = self.kept("places", self._make_places) if found["buckets"] else {}
        return frozenset(places[int(bucket["key"])] for bucket in found["buckets"])

    def _make_places(self) -> dict[int, tuple[str, str]]:
        return {
            number: (registry, name)
            for registry, numbers in self._numbers().items()
            for name, number in numbers.items()
        }

    @contextmanager
    def narrowed(self, query: Query, *, among: Iterable[Matching] = ()) -> Iterator[Seen]:
        """Seek only once within, for all steps of a search, what rights beside ``query`` let see.

        Only documents in one part of ``among`` count, if there is any. A set of thousands of
        repositories takes most of a millisecond in every step. To read the repositories of all that
        is sought takes a tenth of that, if it is little.
        """
        (rights, others), listed = _rights_beside(query), list(among)
        sought = [*map(self.matching, others), *([self.any_of(listed)] if listed else [])]
        if rights is None:
            yield Seen(None, is_a_set=False)
            return
        if not sought:
            total = self.kept(("total", rights.key), lambda: self.count(self._seen(rights)))
            yield Seen(total, is_a_set=True)
            return
        counts = self._seen_counts(rights, self.all_of(sought))
        is_a_set = counts is None or len(counts) > self.limits.narrowed
        if counts is not None and not is_a_set:
            one_by_one = (self._numbered(number) for number in counts)
            self._narrowed = {rights.key: self.any_of(one_by_one)}
        try:
            yield Seen(None if counts is None else sum(counts.values()), is_a_set=is_a_set)
        finally:
            self._narrowed = {}

    def in_column(self, field: str, low: int | None, high: int | None) -> Matching:
        """Return the documents with a number in a column from ``low`` to ``high``."""
        low = INT64[0] if low is None else max(low, INT64[0])
        high = INT64[-1] if high is None else min(high, INT64[-1])
        if low > high:
            return Matching.empty_query()
        return Matching.range_query(self._schema, field, FieldType.Integer, low, high)

    @override
    def vocabulary(self, field: str, start: str = "") -> Vocabulary:
        return self.kept((field, start), lambda: self._make_vocabulary(field, start))

    @property
    def parts(self) -> Sequence["View"]:
        """The index, as one part."""
        return (self,)

    @property
    def size(self) -> int:
        """How many documents there are."""
        return self.searcher.num_docs

    @override
    def count(self, matched: Matching) -> int:
        return self.scored(matched, 1)[1]

    def scored(self, query: Matching, limit: int) -> tuple[list[tuple[float, DocAddress]], int]:
        """Return the first hits by score, greatest first, and how many there are."""
        # tantivy cannot be asked to stop within a search.
        self.check()
        # The limit is reserved in memory, and is never 0.
        found = self.searcher.search(query, limit=max(1, min(limit, self.size + 1)), count=True)
        return found.hits, int(found.count)  # type: ignore[attr-defined]  # not in the stubs

    def ordered(
        self, query: Matching, field: str, limit: int, *, is_descending: bool
    ) -> tuple[list[tuple[int, DocAddress]], int]:
        """Return the first hits by a column of numbers, and how many there are."""
        self.check()
        order = Order.Desc if is_descending else Order.Asc
        found = self.searcher.search(
            query, limit=max(1, limit), count=True, order_by_field=field, order=order
        )
        return found.hits, int(found.count)  # type: ignore[attr-defined]  # not in the stubs

    def numbers(self, field: str, addresses: Sequence[DocAddress]) -> list[int]:
        """Return what is in a column of numbers, for each of ``addresses``."""
        return self.searcher.fast_field_values(field, list(addresses))  # type: ignore[return-value]  # all documents have each

    def digits(self, word: str) -> list[tuple[str, int]]:
        """Return the terms of all digits that the impact of ``word`` has, with their values."""
        terms = self.searcher.terms_with_prefix(IMPACT, f"{word}:")
        return [(term, int(term.rpartition(":")[2])) for term, _ in terms]

    def text(self, field: str, address: DocAddress) -> str:
        """Return a stored text of a document."""
        return str(self.searcher.doc(address).get_first(field))

    def stored(
        self, address: DocAddress, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextBlock]]:
        """Return the stored result of a document and, if asked for, its searchable texts."""
        self.check()
        # Once, as all of a document is unpacked each time.
        row = self.searcher.doc(address)
        result = orjson.loads(bytes(row[RESULT][0]))
        if not with_texts:
            return result, ()
        texts = bytes(row[TEXTS][0])
        return result, read_texts(texts if texts.startswith(b"{") else zlib.decompress(texts))

    def _make_vocabulary(self, field: str, start: str) -> Vocabulary:
        if field == TEXT:
            self._words.catch_up(self.searcher)
            return self._words
        terms = self.searcher.terms_with_prefix(field, start)
        return Vocabulary(term[len(start) :] for term, _ in terms)

    def _count_seen(self, rights: Rights, sought: Matching) -> int:
        counts = self._seen_counts(rights, sought)
        if counts is None:
            return self.count(self.all_of([sought, self._seen(rights)]))
        return sum(counts.values())

    def _seen_counts(self, rights: Rights, sought: Matching) -> Mapping[int, int] | None:
        """Return how many documents each repository has that is sought and seen, by its number.

        None if too many documents are sought.
        """
        found, total = self.scored(constant(sought, 0), self.limits.sought)
        if total > len(found):
            return None
        known = self._numbers()
        seen = self.kept(("numbers", rights.key), lambda: _seen_numbers(known, rights))
        numbers = self.numbers(REPOSITORY_NUMBER, [address for _, address in found])
        return Counter(number for number in numbers if number in seen)

    def _numbered(self, number: int) -> Matching:
        return self.term(REPOSITORY_CODE, repository_code(number))

    def _numbers(self) -> Numbers:
        return self.kept("repositories", lambda: read_numbers(self.searcher))

    def _seen(self, rights: Rights) -> Matching:
        return self.kept(("visible", rights.key), lambda: self._make_visible(rights))

    def _make_visible(self, rights: Rights) -> Matching:
        known = self._numbers()
        hidden = {
            registry: numbers.keys() - rights.repositories.get(registry, ())
            for registry, numbers in known.items()
            if not rights.sees_all_of(registry)
        }
        if not any(hidden.values()):
            return self.all_of([])
        seen = list[Matching]()
        for registry, numbers in known.items():
            unseen = hidden.get(registry, set())
            # The longer the set, the longer a search takes.
            is_most_seen = 2 * len(unseen) < len(numbers)
            names = unseen if is_most_seen else numbers.keys() - unseen
            some = self._having_codes([repository_code(numbers[name]) for name in names])
            whole = (Occur.Must, self.term(REGISTRY, registry))
            but_some = Matching.boolean_query([whole, (Occur.MustNot, some)])
            seen.append(but_some if is_most_seen else some)
        return self.any_of(seen)

    def _having_codes(self, codes: Sequence[str]) -> Matching:
        """Return the documents of some repositories; the query takes long to make, not to ask."""
        if len(codes) <= self.limits.single_terms:
            return self._having_any(REPOSITORY_CODE, codes)
        try:
            return Matching.regex_query(self._schema, REPOSITORY_CODE, codes_expression(codes))
        except ValueError:
            # More states than tantivy allows, from 60,000 repositories on.
            return self._having_any(REPOSITORY_CODE, codes)

    def _having_any(self, field: str, terms: Sequence[str]) -> Matching:
        if len(terms) <= self.limits.single_terms:
            found = (Matching.term_query(self._schema, field, term, "basic") for term in terms)
            return self.any_of(found)
        return Matching.term_set_query(self._schema, field, terms)

    def _make_spelled(self, part: Wildcard | Fuzzy, field: str, start: str) -> Matching:
        if isinstance(part, Wildcard) and field == KEYWORD:
            return self._fitting(field, start, part.pattern)
        terms = [start + word for word in self.vocabulary(field, start).like(part)]
        if isinstance(part, Wildcard) and len(terms) > self.limits.expanded_terms:
            # So many terms are too many to list. tantivy walks through all terms each time.
            return self._fitting(field, start, part.pattern)
        return self._having_any(field, terms)

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


def _rights_beside(query: Query) -> tuple[Rights | None, tuple[Query, ...]]:
    """Return the rights to repositories that every document must meet, and the other conditions.

    Whole registries are few terms, so there is nothing to gain.
    """
    match query:
        case Visible(rights) if rights.repositories:
            return rights, ()
        case And((Everything() | And((Everything(),)), Visible(rights))) if rights.repositories:
            return rights, ()
        case And((other, Visible(rights))) if rights.repositories:
            return rights, (other,)
        case _:
            return None, ()


def _seen_numbers(known: Numbers, rights: Rights) -> frozenset[int]:
    return frozenset(
        number
        for registry, numbers in known.items()
        for repository, number in numbers.items()
        if rights.sees(registry, repository)
    )


def _expression(text: str) -> str:
    return "".join(
        f"{_ANY}*" if character == "*" else _ANY if character == "?" else escaped(character)
        for character in text
    )


def escaped(text: str) -> str:
    """Return a regular expression for ``text`` and nothing else."""
    return "".join(c if c.isalnum() else rf"\x{{{ord(c):x}}}" for c in text)
