"""The order of hits by relevance: the ranking plan said as a tantivy query.

Points are constants that a query gives to what it matches: one for the best tier of each text part,
one for each digit of an impact.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, groupby
from operator import itemgetter

from tantivy import DocAddress, Occur
from tantivy import Query as Matching

from indexer.engines.ranking import (
    NameMatch,
    PageWindow,
    RankedHit,
    RankedPart,
    RankingPlan,
    WholeName,
    score,
)
from indexer.engines.tantivy.match import QueryMatcher, all_of, any_of, constant
from indexer.engines.tantivy.order import Hits, first_by_id
from indexer.engines.tantivy.schema import (
    END,
    EXACT_MAX,
    IMPACT,
    NAME,
    SPELT_END,
    digits_start,
    spelt_end,
)
from indexer.engines.tantivy.view import View

Scored = list[tuple[int, DocAddress]]
"""Points and documents, most points first."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A text part with what it and its tiers match."""

    ranked: RankedPart
    matched: Matching
    tiers: Sequence[Matching]
    """In each are the documents of the tiers before it, perhaps."""


def best(view: View, plan: RankingPlan, window: PageWindow) -> tuple[Hits, int | None]:
    """Return the hits in the window by what ``plan`` says, and the total if that is known."""
    matcher, before = view.matcher, window.points_before
    parts = [_part(matcher, part) for part in plan.parts]
    wholes = [(_whole_name(matcher, whole), whole.points) for whole in plan.whole_names]
    filters = [matcher.matching(query) for query in plan.filters]
    ranking = _Ranking(view, plan, parts, wholes, filters)
    may_be_named = plan.named_points is not None and (before is None or before >= plan.named_points)
    if may_be_named and window.is_descending:
        named = all_of(part.tiers[0] for part in parts)
        named = any_of([named, *(whole for whole, _ in wholes)]) if wholes else named
        if view.total(all_of([named, *filters])) >= window.count:
            hits, _ = _by_score(replace(ranking, filters=[named, *filters]), window)
            if len(hits) >= window.count:
                return hits, None
    return _by_score(ranking, window)


def _part(matcher: QueryMatcher, part: RankedPart) -> _Part:
    matched = matcher.part_matching(part.part)
    return _Part(part, matched, [matcher.in_tier(part, tier) for tier in part.tiers])


def _by_score(ranking: "_Ranking", window: PageWindow) -> tuple[Hits, int]:
    if not (ranking.is_exact and window.is_descending):
        scored = ranking.all()
        scored.sort(key=itemgetter(0), reverse=window.is_descending)
        return _first(ranking.view, scored, window, is_all=True), len(scored)
    # How far behind the first hit a position is, is not known.
    more = ranking.view.limits.more_hits
    limit = window.count + ranking.view.limits.first_hits * (1 if window.after is None else more)
    while True:
        scored, total = ranking.first(limit)
        hits = _first(ranking.view, scored, window, is_all=len(scored) == total)
        if len(hits) >= window.count or len(scored) == total:
            return hits, total
        limit *= more


def _first(view: View, scored: Scored, window: PageWindow, *, is_all: bool) -> Hits:
    """Return those of ``scored`` in the window; equals of the last one may be missing."""
    hits: Hits = []
    before = window.points_before
    for points, group in groupby(scored, key=itemgetter(0)):
        need = window.count - len(hits)
        if need < 1 or (points == scored[-1][0] and not is_all):
            break
        if before is not None and points != before and (points > before) == window.is_descending:
            continue
        after_id = window.after.id if window.after is not None and points == before else None
        addresses = [address for _, address in group]
        found = first_by_id(view, addresses, need, after=after_id)
        hits += [RankedHit(score(points), found_id, address) for found_id, address in found]
    return hits


@dataclass(frozen=True, slots=True)
class _Ranking:
    """What hits must match besides the parts of ``plan``, and what it says they are worth."""

    view: View
    plan: RankingPlan
    parts: Sequence[_Part]
    wholes: Sequence[tuple[Matching, int]]
    filters: Sequence[Matching]

    @property
    def is_exact(self) -> bool:
        """Whether tantivy's scores hold the points: no sum is too great, and one mean at most."""
        return len(self._means) < 2 and self._scale * self.plan.points_max < EXACT_MAX

    @property
    def _means(self) -> list[int]:
        return [len(part.words) for part in self.plan.parts if len(part.words) > 1]

    @property
    def _scale(self) -> int:
        """What scores are multiplied by, so that a mean is a whole number."""
        return max(self._means, default=1)

    def first(self, limit: int) -> tuple[Scored, int]:
        """Return the first hits by points and how many there are; only if it is exact."""
        scale = self._scale
        clauses = [(Occur.Must, constant(query, 0)) for query in self.filters]
        for part in self.parts:
            occur = Occur.Must if part.ranked.is_required else Occur.Should
            clauses.append((occur, self._tiers(part, scale)))
            impacts = self._impacts(part, scale // max(1, len(part.ranked.words)))
            clauses += [(Occur.Should, impact) for impact in impacts]
        others = [*self._whole_names(scale), *self._prominence(scale)]
        clauses += [(Occur.Should, other) for other in others]
        hits, total = self.view.scored(Matching.boolean_query(clauses), limit)
        return [(int(points) // scale, address) for points, address in hits], total

    def all(self) -> Scored:
        """Return all hits in no order; points are added up here, one kind after the other."""
        size = self.view.size
        required = [part.matched for part in self.parts if part.ranked.is_required]
        query = all_of([*required, *self.filters])
        addresses = self.view.found(query, size)
        points = {(address.segment_ord, address.doc): 0 for address in addresses}
        for kind, divisor in self._kinds():
            hits, _ = self.view.scored(all_of([constant(query, 0), any_of(kind)]), size)
            for found, address in hits:
                points[address.segment_ord, address.doc] += int(found) // divisor
        return [(points[address.segment_ord, address.doc], address) for address in addresses]

    def _kinds(self) -> Iterator[tuple[list[Matching], int]]:
        """Yield what gives a kind of points, and what those are divided by."""
        yield self._whole_names(1), 1
        yield self._prominence(1), 1
        for part in self.parts:
            yield [self._tiers(part, 1)], 1
            yield self._impacts(part, 1), max(1, len(part.ranked.words))

    def _whole_names(self, scale: int) -> list[Matching]:
        return [_most(self.wholes, scale)] if self.wholes else []

    def _prominence(self, scale: int) -> list[Matching]:
        return self._digits("", self.plan.prominence_points * scale)

    def _tiers(self, part: _Part, scale: int) -> Matching:
        """Return what gives each document that ``part`` matches the points of its first tier."""
        points = (tier.points for tier in part.ranked.tiers)
        return _most(zip(part.tiers, points, strict=True), scale)

    def _impacts(self, part: _Part, scale: int) -> list[Matching]:
        """Return what gives each document the impacts of the words of ``part``."""
        words = part.ranked.words
        digits = [
            digit
            for word in dict.fromkeys(words)
            for digit in self._digits(word, scale * words.count(word))
        ]
        if not digits or part.ranked.impact_is_unconditional:
            return digits
        reached = (Occur.Must, constant(_adding_impact(part), 0))
        return [Matching.boolean_query([reached, *((Occur.Should, digit) for digit in digits)])]

    def _digits(self, word: str, scale: int) -> list[Matching]:
        term, start = self.view.matcher.term, digits_start(word)
        return [
            constant(term(IMPACT, f"{start}{worth}"), worth * scale)
            for worth in self.view.digits(word)
        ]


def _most(worths: Iterable[tuple[Matching, int]], scale: int) -> Matching:
    """Return what gives each document the most of the points of what it matches."""
    return Matching.disjunction_max_query(
        [constant(query, points * scale) for query, points in worths]
    )


def _whole_name(matcher: QueryMatcher, whole: WholeName) -> Matching:
    """Return what a whole name matches."""
    match whole.match:
        case NameMatch.IS:
            return matcher.term(NAME, whole.text.folded)
        case NameMatch.ENDS:
            return matcher.term(END, whole.text.folded)
        case NameMatch.SPELLS_END:
            return matcher.term(SPELT_END, spelt_end(whole.text.plain))
        case NameMatch.BEGINS_END:
            return matcher.starting(SPELT_END, spelt_end(whole.text.plain))


def _adding_impact(part: _Part) -> Matching:
    """Return what is in a tier of ``part`` that adds impacts."""
    adding = [tier.adds_impact for tier in part.ranked.tiers]
    if all(adding):
        return part.matched
    # What is in the first tier is in the second one too.
    return any_of(compress(part.tiers[1:], adding[1:]))
