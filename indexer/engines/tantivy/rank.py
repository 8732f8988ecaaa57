"""The order of hits by what the words of a query are worth in them.

The rule is that of :mod:`indexer.engines.whoosh.rank`, said as constants that a tantivy query gives
to what it matches: one for the best step of each text part, one for each digit of an impact.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from tantivy import DocAddress, Occur
from tantivy import Query as Matching

from indexer.engines.ranking import (
    BEGINS_END,
    ENDS_NAME,
    IMPACT_MAX,
    INSIDE_NAME,
    IS_NAME,
    NAME_START,
    NAME_WORDS,
    POINTS,
    PROMINENCE_POINTS,
    SPELLS_END,
    TEXT_WORDS,
    TextPart,
    asked_words,
    part_text,
    spelt,
    text_parts,
    whole_texts,
)
from indexer.engines.tantivy.match import Matcher, all_of, any_of, constant
from indexer.engines.tantivy.order import Place, Wanted, first_by_id
from indexer.engines.tantivy.schema import (
    END,
    EXACT_MAX,
    IMPACT,
    NAME,
    NAME_WORD,
    PROMINENCE,
    SPELT_END,
    TEXT,
    digits_start,
    spelt_end,
)
from indexer.engines.tantivy.view import View
from indexer.model import PROMINENCE_MAX, And, Fuzzy, Path, Phrase, Prefix, Query, Wildcard, Word

_PROMINENCE_MAX = PROMINENCE_MAX * PROMINENCE_POINTS

_PARTS_MAX = (NAME_START - TEXT_WORDS - _PROMINENCE_MAX) // IMPACT_MAX
"""With so many text parts impacts and prominence could add up to a step."""
_FIRST_HITS = 500
_MORE_HITS = 8

Hits = list[tuple[int, DocAddress]]
"""Points and documents, most points first."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query as what its documents must match and what they are worth."""

    parts: Sequence[TextPart]
    required: frozenset[TextPart]
    """Those of the parts that must match."""
    filters: Sequence[Matching]
    """What else must."""
    wholes: Sequence[tuple[int, Matching]]
    """What names are worth that all of the query says; the most counts."""


def _asked(matcher: Matcher, query: Query) -> _Asked:
    parts = text_parts(query)
    together = query.parts if isinstance(query, And) else (query,)
    required = frozenset(part for part in together if isinstance(part, TextPart))
    filters = [matcher.matching(part) for part in together if not isinstance(part, TextPart)]
    return _Asked(parts, required, filters, _wholes(matcher, query, parts=len(parts)))


def _wholes(matcher: Matcher, query: Query, *, parts: int) -> list[tuple[int, Matching]]:
    found = []
    for text in map(spelt, whole_texts(query)):
        if text.plain.endswith("/"):
            continue
        end = spelt_end(text.plain)
        found += [
            (IS_NAME * parts, matcher.term(NAME, text.folded)),
            (ENDS_NAME * parts, matcher.term(END, text.folded)),
            (SPELLS_END * parts, matcher.term(SPELT_END, end)),
        ]
        if parts == 1:
            found.append((BEGINS_END, matcher.starting(SPELT_END, end)))
    return found


def best(view: View, query: Query, wanted: Wanted) -> tuple[list[Place], int]:
    """Return the wanted ones of ``query``, by what its text parts are worth, and the total."""
    asked = _asked(view.matcher, query)
    if len(asked.parts) < _PARTS_MAX and _may_be_named(asked.parts, wanted):
        # Each other document misses a step that impacts cannot make up.
        named = all_of(_named(view.matcher, part) for part in asked.parts)
        if asked.wholes:
            named = any_of([named, *(whole for _, whole in asked.wholes)])
        filters = [named, *asked.filters]
        if view.total(all_of(filters)) >= wanted.count:
            places, _ = _by_score(_Ranking(view, replace(asked, filters=filters)), wanted)
            if len(places) >= wanted.count:
                return places, view.total(view.matcher.matching(query))
    return _by_score(_Ranking(view, asked), wanted)


def _may_be_named(parts: Sequence[TextPart], wanted: Wanted) -> bool:
    """Tell whether hits that are named by every part may be the first ones that are wanted."""
    after = wanted.after
    reached = after is None or float(after.key) * POINTS >= len(parts) * NAME_START
    return wanted.is_descending and reached


def _named(matcher: Matcher, part: TextPart) -> Matching:
    """Return what ``part`` matches by words of the name, or by the name."""
    if isinstance(part, Wildcard | Fuzzy):
        return matcher.named_like(part)
    found = asked_words(part)
    if not found:
        return Matching.empty_query()
    named = matcher.having(NAME_WORD, found)
    return (
        named if isinstance(part, Word | Prefix) else all_of([named, matcher.part_matching(part)])
    )


def _by_score(ranking: "_Ranking", wanted: Wanted) -> tuple[list[Place], int]:
    view = ranking.view
    if not (ranking.is_exact and wanted.is_descending):
        hits = ranking.all()
        hits.sort(key=itemgetter(0), reverse=wanted.is_descending)
        return _first(view, hits, wanted, is_all=True), len(hits)
    # How far behind the first hit a position is, is not known.
    limit = wanted.count + (_FIRST_HITS if wanted.after is None else _FIRST_HITS * _MORE_HITS)
    while True:
        hits, total = ranking.first(limit)
        places = _first(view, hits, wanted, is_all=len(hits) == total)
        if len(places) >= wanted.count or len(hits) == total:
            return places, total
        limit *= _MORE_HITS


def _first(view: View, hits: Hits, wanted: Wanted, *, is_all: bool) -> list[Place]:
    """Return the wanted ones of ``hits``, which may lack equals of the last one."""
    places: list[Place] = []
    after = wanted.after
    before = None if after is None else round(float(after.key) * POINTS)
    for points, group in groupby(hits, key=itemgetter(0)):
        need = wanted.count - len(places)
        if need < 1 or (points == hits[-1][0] and not is_all):
            break
        if before is not None and points != before and (points > before) == wanted.is_descending:
            continue
        after_id = after.id if after is not None and points == before else None
        addresses = [address for _, address in group]
        found = first_by_id(view, addresses, need, after=after_id)
        places += [Place(points / POINTS, found_id, address) for found_id, address in found]
    return places


class _Ranking:
    """What is asked for, and what documents that match it are worth."""

    def __init__(self, view: View, asked: _Asked) -> None:
        self.view = view
        self._asked = asked
        parts, wholes = asked.parts, asked.wholes
        means = [count for count in (len(asked_words(part)) for part in parts) if count > 1]
        # With one mean at most, the points are the score divided by what the mean is divided by.
        self._scale = means[0] if means else 1
        most = NAME_WORDS + IMPACT_MAX + (IS_NAME if wholes else 0)
        bound = self._scale * (len(parts) * most + _PROMINENCE_MAX)
        self.is_exact = len(means) < 2 and bound < EXACT_MAX

    def first(self, limit: int) -> tuple[Hits, int]:
        """Return the first hits by points and how many there are; only if it is exact."""
        clauses = [(Occur.Must, constant(query, 0)) for query in self._asked.filters]
        for part in self._asked.parts:
            occur = Occur.Must if part in self._asked.required else Occur.Should
            clauses.append((occur, self._steps(part, self._scale)))
            count = max(1, len(asked_words(part)))
            impacts = self._impacts(part, self._scale // count)
            clauses += [(Occur.Should, impact) for impact in impacts]
        if self._asked.wholes:
            clauses.append((Occur.Should, self._worth_of_name(self._scale)))
        prominence = self._digits("", self._scale * PROMINENCE_POINTS)
        clauses += [(Occur.Should, digit) for digit in prominence]
        hits, total = self.view.scored(Matching.boolean_query(clauses), limit)
        return [(int(score) // self._scale, address) for score, address in hits], total

    def all(self) -> Hits:
        """Return all hits in the order of nothing."""
        matcher, size = self.view.matcher, self.view.size
        required = (matcher.part_matching(part) for part in self._asked.required)
        query = all_of([*required, *self._asked.filters])
        addresses = self.view.found(query, size)
        prominences = self.view.numbers(PROMINENCE, addresses)
        points = {
            (address.segment_ord, address.doc): number * PROMINENCE_POINTS
            for address, number in zip(addresses, prominences, strict=True)
        }
        for scored, count in self._scored():
            hits, _ = self.view.scored(all_of([constant(query, 0), scored]), size)
            for score, address in hits:
                points[address.segment_ord, address.doc] += int(score) // count
        return [(points[address.segment_ord, address.doc], address) for address in addresses]

    def _scored(self) -> Iterator[tuple[Matching, int]]:
        """Yield what gives a part of the points, and what that is divided by."""
        if self._asked.wholes:
            yield self._worth_of_name(1), 1
        for part in self._asked.parts:
            yield self._steps(part, 1), 1
            impacts = self._impacts(part, 1)
            if impacts:
                yield any_of(impacts), len(asked_words(part))

    def _worth_of_name(self, scale: int) -> Matching:
        """Return what gives each document what its name is worth as a whole."""
        return _most(self._asked.wholes, scale)

    def _steps(self, part: TextPart, scale: int) -> Matching:
        """Return what gives each document that ``part`` matches its best step."""
        return _most(self._all_steps(part), scale)

    def _all_steps(self, part: TextPart) -> Iterator[tuple[int, Matching]]:
        matcher, found = self.view.matcher, asked_words(part)
        matched = matcher.part_matching(part)
        if isinstance(part, Wildcard | Fuzzy):
            yield NAME_START, _named(matcher, part)
            yield TEXT_WORDS, matched
        elif not found:
            yield INSIDE_NAME, matched
        else:
            begun = self._begun(found)
            # Whose name has a word that begins so matches these anyway.
            is_matched = isinstance(part, Prefix) or (
                isinstance(part, Word) and found == [part.text]
            )
            yield NAME_WORDS, _named(matcher, part)
            yield NAME_START, begun if is_matched else all_of([begun, matched])
            if isinstance(part, Prefix | Phrase):
                yield TEXT_WORDS, matched
            else:
                in_text = matcher.having(TEXT, found)
                is_matched = isinstance(part, Word)
                yield TEXT_WORDS, in_text if is_matched else all_of([in_text, matched])
                yield INSIDE_NAME, matcher.inside_name(part_text(part))

    def _begun(self, found: Sequence[str]) -> Matching:
        matcher = self.view.matcher
        begun = matcher.starting(NAME_WORD, found[-1])
        return all_of([matcher.having(NAME_WORD, found[:-1]), begun]) if found[:-1] else begun

    def _impacts(self, part: TextPart, scale: int) -> list[Matching]:
        """Return what gives each document the impacts of the words of ``part``."""
        found = asked_words(part)
        digits = [
            digit
            for word in dict.fromkeys(found)
            for digit in self._digits(word, scale * found.count(word))
        ]
        if not digits or (len(found) == 1 and not isinstance(part, Path)):
            return digits
        # Words count only where the part is found by them.
        reached = (Occur.Must, constant(self._reached(part, found), 0))
        return [Matching.boolean_query([reached, *((Occur.Should, digit) for digit in digits)])]

    def _reached(self, part: TextPart, found: Sequence[str]) -> Matching:
        matcher = self.view.matcher
        matched = matcher.part_matching(part)
        if isinstance(part, Prefix | Phrase):
            return matched
        return all_of([matched, any_of([matcher.having(TEXT, found), self._begun(found)])])

    def _digits(self, word: str, scale: int) -> list[Matching]:
        term, start = self.view.matcher.term, digits_start(word)
        return [
            constant(term(IMPACT, f"{start}{worth}"), worth * scale)
            for worth in self.view.digits(word)
        ]


def _most(steps: Iterable[tuple[int, Matching]], scale: int) -> Matching:
    """Return what gives each document the most of the points that ``steps`` give it."""
    return Matching.disjunction_max_query([constant(step, worth * scale) for worth, step in steps])
