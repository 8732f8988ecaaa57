"""The order of hits: a ranking plan said as a query of OpenSearch, or columns.

Points are constants that a query gives to what it matches: one for the best tier of each text part.
The digits of an impact, and prominence, are numbers of each document, times points.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil, floor
from typing import Any

from indexer.engines.opensearch.match import Matching, RemoteView, constant
from indexer.engines.opensearch.schema import ID, IMPACT, NAME, PLACES, digit
from indexer.engines.ranking import (
    PROMINENCE,
    Key,
    Meant,
    PageWindow,
    RankedPart,
    RankingPlan,
    Tier,
    prominence_score,
    score,
    scored_prominence,
    sort_field,
)
from indexer.model import Sort

_LAST_ID = "\U0010ffff"
"""Behind all ids."""


def scored(view: RemoteView, plan: RankingPlan) -> Matching:
    """Return the query of all hits, which gives each its points."""
    meant = view.known({word for part in plan.parts for word in part.meant_words(Meant.ALL)})
    parts = [_known_only(part, meant) for part in plan.parts]
    must: list[Matching] = []
    should: list[Matching] = []
    for part in parts:
        most, impacts = _part_points(view, part)
        (must if part.is_required else should).append(most)
        should += impacts
    if plan.whole_names:
        wholes = [view.matching(tier.query) for tier in plan.whole_names]
        should.append(_most(wholes, plan.whole_names))
    if plan.preferred is not None:
        should.append(constant(view.matching(plan.preferred), plan.preferred_points))
    filters = [view.matching(query) for query in plan.filters]
    # Without any condition, one clause would have to match.
    found = {"bool": {"filter": filters or [view.all_of([])], "must": must, "should": should}}
    prominence = {"field": PROMINENCE, "factor": plan.prominence_points}
    # Every hit has some, so a column is faster than terms.
    return {
        "function_score": {
            "query": found,
            "field_value_factor": prominence,
            "boost_mode": "sum",
        }
    }


def order(sort: Sort, window: PageWindow, *, is_scored: bool) -> dict[str, Any]:
    """Return the order, and where the page begins, as parts of a request."""
    direction = "desc" if window.is_descending else "asc"
    column = "_score" if is_scored else _column(sort, window)
    asked: dict[str, Any] = {"sort": [{column: direction}, {ID: "asc"}]}
    if window.after is not None:
        asked["search_after"] = _after(sort, window, is_scored=is_scored)
    return asked


def key_of(sort: Sort, value: Any, *, is_scored: bool) -> Key:
    """Return the key of a hit by what it was ordered by."""
    if is_scored:
        return score(int(value))
    return prominence_score(value) if sort is Sort.RELEVANCE else value


def _column(sort: Sort, window: PageWindow) -> str:
    if sort is Sort.NAME:
        return NAME
    return sort_field(sort, is_descending=window.is_descending)


def _after(sort: Sort, window: PageWindow, *, is_scored: bool) -> list[Any]:
    after = window.after
    assert after is not None  # noqa: S101 - asked by the caller
    if is_scored:
        return [window.points_before, after.id]
    key: Key = after.key
    if sort is Sort.NAME:
        return [key, after.id]
    number = scored_prominence(key) if sort is Sort.RELEVANCE else key
    whole = ceil(number) if window.is_descending else floor(number)
    # Between two numbers: all documents with the one before it are before it.
    return [whole, after.id if whole == number else _LAST_ID]


def _part_points(view: RemoteView, part: RankedPart) -> tuple[Matching, list[Matching]]:
    """Return what gives the points of a document's first tier, and what adds its impacts."""
    tiers = [view.matching(tier.query) for tier in part.tiers]
    # The points of a tier are more than those of the next one with the impacts that it adds.
    # Without examples, others and all of them are the same words.
    worths = [
        _with_best(
            _most([one for one, _ in together], [tier for _, tier in together]),
            [{"bool": {"should": _impact(word)}} for word in meant],
        )
        for meant, group in groupby(
            zip(tiers, part.tiers, strict=True), lambda one: part.meant_words(one[1].adds)
        )
        for together in [list(group)]
    ]
    impacts = [clause for word in part.words for clause in _impact(word)]
    if impacts and not part.impact_is_unconditional:
        # All matches are in the last tier.
        adding = [found for found, tier in zip(tiers, part.tiers, strict=True) if tier.adds_impact]
        reached = adding[-1] if adding[-1] is tiers[-1] else view.any_of(adding)
        impacts = [{"bool": {"filter": [reached], "should": impacts}}]
    return _dis_max(worths), impacts


def _known_only(part: RankedPart, known: frozenset[str]) -> RankedPart:
    """Return a part without words that mean the same and are nowhere: most forms of a word are.

    Each digit of each would be looked up in each segment.
    """
    others, examples = (
        tuple(filter(known.__contains__, found)) for found in (part.other_words, part.example_words)
    )
    return replace(part, other_words=others, example_words=examples)


def _with_best(worth: Matching, impacts: Sequence[Matching]) -> Matching:
    """Return some worth, and the greatest of some impacts with it."""
    if not impacts:
        return worth
    return {"bool": {"must": [worth], "should": [_dis_max(impacts)]}}


def _most(found: Sequence[Matching], tiers: Sequence[Tier]) -> Matching:
    """Return a query that gives each document the points of the best tier that it is in."""
    pairs = zip(found, tiers, strict=True)
    return _dis_max([constant(query, tier.points) for query, tier in pairs])


def _dis_max(queries: Sequence[Matching]) -> Matching:
    return queries[0] if len(queries) == 1 else {"dis_max": {"queries": list(queries)}}


def _impact(word: str) -> list[Matching]:
    """Return what adds the impact of ``word``: the digit in each place."""
    return [
        {
            "rank_feature": {
                "field": f"{IMPACT}.{digit(word, place)}",
                "linear": {},
                "boost": float(worth),
            }
        }
        for place, worth in enumerate(PLACES)
    ]
