"""The order of hits by relevance: the ranking plan said as a tantivy query.

Points are constants that a query gives to what it matches: one for the best tier of each text part,
one for each digit of an impact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    IMPACT,
    NAME,
    SPELT_END,
    digits_start,
    spelt_end,
)
from indexer.engines.tantivy.view import View

Scored = Sequence[tuple[float, DocAddress]]
"""Points and documents, in order."""
Clause = tuple[Occur, Matching]


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
    points = [clause for part in parts for clause in _part_points(view, part)]
    if wholes:
        points.append((Occur.Should, _most(wholes)))
    points += [(Occur.Should, digit) for digit in _digits(view, "", plan.prominence_points)]
    may_be_named = plan.named_points is not None and (before is None or before >= plan.named_points)
    if may_be_named and window.is_descending:
        named = all_of(part.tiers[0] for part in parts)
        named = any_of([named, *(whole for whole, _ in wholes)]) if wholes else named
        if view.total(all_of([named, *filters])) >= window.count:
            hits, _ = _by_score(view, _limited(points, [named, *filters]), window)
            if len(hits) >= window.count:
                return hits, None
    return _by_score(view, _limited(points, filters), window)


def _part(matcher: QueryMatcher, part: RankedPart) -> _Part:
    matched = matcher.part_matching(part.part)
    return _Part(part, matched, [matcher.in_tier(part, tier) for tier in part.tiers])


def _limited(points: Sequence[Clause], filters: Iterable[Matching]) -> Matching:
    """Return what gives ``points`` to all that ``filters`` match too."""
    return Matching.boolean_query([*((Occur.Must, constant(one, 0)) for one in filters), *points])


def _by_score(view: View, query: Matching, window: PageWindow) -> tuple[Hits, int]:
    # How far behind the first hit a position is, is not known.
    more = view.limits.more_hits
    limit = window.count + view.limits.first_hits * (1 if window.after is None else more)
    while True:
        # tantivy gives the greatest scores only, so the least of them come with all others.
        scored, total = view.scored(query, limit if window.is_descending else view.size)
        is_all = len(scored) == total
        hits = _first(view, scored if window.is_descending else scored[::-1], window, is_all=is_all)
        if len(hits) >= window.count or is_all:
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
        hits += [RankedHit(score(int(points)), found_id, address) for found_id, address in found]
    return hits


def _part_points(view: View, part: _Part) -> list[Clause]:
    """Return what gives each document the points of its first tier, and the impacts of words."""
    tiers = _most(zip(part.tiers, (tier.points for tier in part.ranked.tiers), strict=True))
    occur = Occur.Must if part.ranked.is_required else Occur.Should
    words = dict.fromkeys(part.ranked.words)
    impacts = [(Occur.Should, digit) for word in words for digit in _digits(view, word, 1)]
    if impacts and not part.ranked.impact_is_unconditional:
        reached = (Occur.Must, constant(_adding_impact(part), 0))
        impacts = [(Occur.Should, Matching.boolean_query([reached, *impacts]))]
    return [(occur, tiers), *impacts]


def _digits(view: View, word: str, points: int) -> list[Matching]:
    """Return what gives each document so many points for each one of the impact of ``word``."""
    start = digits_start(word)
    return [
        constant(view.matcher.term(IMPACT, f"{start}{worth}"), worth * points)
        for worth in view.digits(word)
    ]


def _most(worths: Iterable[tuple[Matching, int]]) -> Matching:
    """Return what gives each document the most of the points of what it matches."""
    return Matching.disjunction_max_query([constant(query, points) for query, points in worths])


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
