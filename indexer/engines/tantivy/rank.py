"""The order of hits by relevance: the ranking plan said as a tantivy query.

Points are constants that a query gives to what it matches: one for the best tier of each text part,
one for each digit of an impact.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from tantivy import DocAddress, Occur
from tantivy import Query as Matching

from indexer.engines.ranking import (
    PageWindow,
    RankedHit,
    RankedPart,
    RankingPlan,
    Tier,
    score,
)
from indexer.engines.tantivy.match import View, constant
from indexer.engines.tantivy.order import Hits, first_by_id
from indexer.engines.tantivy.schema import IMPACT

Scored = Sequence[tuple[float, DocAddress]]
"""Points and documents, in order."""
Clause = tuple[Occur, Matching]

_MORE = 8
"""How many times as many hits are asked for next."""


def best(view: View, plan: RankingPlan, window: PageWindow) -> tuple[Hits, int | None]:
    """Return the hits in the window by ``plan``, and the total if that is known."""
    filters = [view.matching(query) for query in plan.filters]
    tiers = [[view.matching(tier.query) for tier in part.tiers] for part in plan.parts]
    points = [
        clause
        for part, found in zip(plan.parts, tiers, strict=True)
        for clause in _part_points(view, part, found)
    ]
    wholes = [view.matching(tier.query) for tier in plan.whole_names]
    points.append((Occur.Should, _most(wholes, plan.whole_names)))
    points += _digits(view, "", plan.prominence_points)
    if window.reaches(plan.named_points):
        in_names = view.all_of(found[0] for found in tiers)
        named = [view.any_of([in_names, *wholes]), *filters]
        if view.count(view.all_of(named)) >= window.count:
            hits, _ = _by_score(view, named, points, window)
            if len(hits) >= window.count:
                return hits, None
    return _by_score(view, filters, points, window)


def _by_score(
    view: View, filters: Sequence[Matching], points: Sequence[Clause], window: PageWindow
) -> tuple[Hits, int]:
    query = Matching.boolean_query([*((Occur.Must, constant(one, 0)) for one in filters), *points])
    # How far behind the first hit a position is, is not known.
    limit = window.count + view.limits.first_hits * (1 if window.after is None else _MORE)
    while True:
        # tantivy gives the greatest scores only, so the least of them come with all others.
        scored, total = view.scored(query, limit if window.is_descending else view.size)
        is_all = len(scored) == total
        hits = _first(view, scored if window.is_descending else scored[::-1], window, is_all=is_all)
        if len(hits) >= window.count or is_all:
            return hits, total
        limit *= _MORE


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
        after_id = window.after.id if window.after is not None and points == before else ""
        addresses = [address for _, address in group]
        found = first_by_id(view, addresses, need, after=after_id)
        hits += [RankedHit(score(int(points)), found_id, address) for found_id, address in found]
    return hits


def _part_points(view: View, part: RankedPart, tiers: Sequence[Matching]) -> list[Clause]:
    """Return clauses that add the points of a document's first tier, and its impacts."""
    first = (Occur.Must if part.is_required else Occur.Should, _most(tiers, part.tiers))
    impacts = [digit for word in part.words for digit in _digits(view, word, 1)]
    if impacts and not part.impact_is_unconditional:
        # All documents of the first tier are in the second one, and all matches are in the last.
        adding = [found for found, tier in zip(tiers, part.tiers, strict=True) if tier.adds_impact]
        reached = adding[-1] if adding[-1] is tiers[-1] else view.any_of(adding[1:])
        gated = Matching.boolean_query([(Occur.Must, constant(reached, 0)), *impacts])
        impacts = [(Occur.Should, gated)]
    # The others of one part count once: the best of them.
    others = filter(None, (_digits(view, word, 1) for word in part.other_words))
    if best := [Matching.boolean_query(digits) for digits in others]:
        impacts.append((Occur.Should, Matching.disjunction_max_query(best)))
    return [first, *impacts]


def _digits(view: View, word: str, points: int) -> list[Clause]:
    """Return clauses that add ``points`` for each one of the impact of ``word``."""
    return [
        (Occur.Should, constant(view.term(IMPACT, term), digit * points))
        for term, digit in view.digits(word)
    ]


def _most(found: Sequence[Matching], tiers: Sequence[Tier]) -> Matching:
    """Return a query that gives each document the points of the best tier that it is in."""
    return Matching.disjunction_max_query(
        [constant(query, tier.points) for query, tier in zip(found, tiers, strict=True)]
    )
