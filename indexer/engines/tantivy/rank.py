"""The order of hits: by relevance, a ranking plan said as a tantivy query, or by columns.

Points are constants that a query gives to what it matches: one for the best tier of each text part,
one for each digit of an impact.

tantivy orders by one column of numbers, and returns equals in any order. So the first column gives
a page, the next one finds the first ones of its last equals, and so on. Few are then sorted here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import groupby
from math import ceil, floor
from operator import itemgetter

from tantivy import DocAddress, Occur
from tantivy import Query as Matching

from indexer.engines.ranking import (
    NEWEST,
    Key,
    Meant,
    PageWindow,
    RankedHit,
    RankedPart,
    RankingPlan,
    Tier,
    prominence_score,
    score,
    scored_prominence,
    sort_field,
)
from indexer.engines.tantivy.match import View, constant
from indexer.engines.tantivy.schema import ID, ID_CHUNKS, IMPACT, NAME, NAME_CHUNKS, chunks
from indexer.model import Sort

Hits = list[RankedHit[DocAddress]]
Scored = Sequence[tuple[float, DocAddress]]
"""Points and documents, in order."""
Clause = tuple[Occur, Matching]

_MORE = 8
"""How many times as many hits are asked for next."""


def best(
    view: View, plan: RankingPlan, window: PageWindow, *, in_one_pass: bool
) -> tuple[Hits, int | None]:
    """Return the hits in the window by ``plan``, and the total if that is known.

    Unless ``in_one_pass``, those with all words in their names are sought first, as they may do.
    """
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
    if plan.preferred is not None:
        preferred = constant(view.matching(plan.preferred), plan.preferred_points)
        points.append((Occur.Should, preferred))
    if not in_one_pass and window.reaches(plan.named_points):
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
        hits = _first_scored(
            view, scored if window.is_descending else scored[::-1], window, is_all=is_all
        )
        if len(hits) >= window.count or is_all:
            return hits, total
        limit *= _MORE


def _first_scored(view: View, scored: Scored, window: PageWindow, *, is_all: bool) -> Hits:
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
        found = _first_by_id(view, addresses, need, after=after_id)
        hits += [RankedHit(score(int(points)), found_id, address) for found_id, address in found]
    return hits


def _part_points(view: View, part: RankedPart, tiers: Sequence[Matching]) -> list[Clause]:
    """Return clauses that add the points of a document's first tier, and its impacts."""
    # The points of a tier are more than those of the next one with the impacts that it adds.
    impacts_of = {
        word: Matching.boolean_query(digits)
        for word in part.meant_words(Meant.ALL)
        if (digits := _digits(view, word, 1))
    }
    worths = [
        _with_best(
            [constant(one, tier.points) for one, tier in together],
            [impacts_of[word] for word in part.meant_words(adds) if word in impacts_of],
        )
        for adds, together in groupby(zip(tiers, part.tiers, strict=True), lambda one: one[1].adds)
    ]
    most = Matching.disjunction_max_query(worths)
    first = (Occur.Must if part.is_required else Occur.Should, most)
    impacts = [digit for word in part.words for digit in _digits(view, word, 1)]
    if impacts and not part.impact_is_unconditional:
        # All matches are in the last tier.
        adding = [found for found, tier in zip(tiers, part.tiers, strict=True) if tier.adds_impact]
        reached = adding[-1] if adding[-1] is tiers[-1] else view.any_of(adding)
        gated = Matching.boolean_query([(Occur.Must, constant(reached, 0)), *impacts])
        impacts = [(Occur.Should, gated)]
    return [first, *impacts]


def _with_best(worths: Sequence[Matching], impacts: Sequence[Matching]) -> Matching:
    """Return the greatest of some worths, and the greatest of some impacts with it."""
    first = Matching.disjunction_max_query(worths)
    if not impacts:
        return first
    added = (Occur.Should, Matching.disjunction_max_query(impacts))
    return Matching.boolean_query([(Occur.Must, first), added])


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


@dataclass(frozen=True, slots=True)
class _Column:
    field: str
    is_descending: bool
    bound: float = 0
    """Its number at the position of the page, perhaps between two numbers."""

    def equal(self, view: View, number: float) -> Matching:
        return view.in_column(self.field, ceil(number), floor(number))

    def beyond(self, view: View, number: float) -> Matching:
        if self.is_descending:
            return view.in_column(self.field, None, ceil(number) - 1)
        return view.in_column(self.field, floor(number) + 1, None)


def in_order(
    view: View, query: Matching, sort: Sort, window: PageWindow
) -> tuple[Hits, int | None]:
    """Return the hits of ``query`` in the window, and the total of ``query`` if that is known.

    Relevance goes by prominence alone.
    """
    columns, count = _columns(sort, window), window.count
    if window.after is not None:
        behind = view.all_of(column.equal(view, column.bound) for column in columns)
        # Some of these are not behind the position; they are left out at the end.
        count += view.count(view.all_of([query, behind]))
        for column in reversed(columns):
            equal = column.equal(view, column.bound)
            behind = view.any_of([column.beyond(view, column.bound), view.all_of([equal, behind])])
        query = view.all_of([query, behind])
    addresses, total = _first_in_order(view, query, columns, count)
    places = zip(
        _keys(view, sort, addresses, is_descending=window.is_descending),
        (view.text(ID, one) for one in addresses),
        addresses,
        strict=True,
    )
    hits = (RankedHit(key, found_id, address) for key, found_id, address in places)
    found = window.ordered(hit for hit in hits if window.is_behind(hit.key, hit.id))
    return found, total if window.after is None else None


def newest(view: View, query: Matching) -> DocAddress | None:
    """Return the newest hit of ``query``; see :class:`indexer.engines.protocol.IndexReader`."""
    columns = [_Column(field, is_descending=True) for field in NEWEST]
    first, _ = _first_in_order(view, query, [*columns, *_id_columns("")], 1)
    keys = list(zip(*(view.numbers(field, first) for field in NEWEST), strict=True))
    greatest = max(keys, default=())
    equals = [address for address, key in zip(first, keys, strict=True) if key == greatest]
    if len(equals) > 1:
        # Reading an id takes longer than all else.
        return min(equals, key=lambda address: view.text(ID, address))
    return equals[0] if equals else None


def _columns(sort: Sort, window: PageWindow) -> list[_Column]:
    key: Key = window.after.key if window.after else None
    if sort is Sort.NAME:
        return _text_columns(NAME_CHUNKS, key or "", is_descending=window.is_descending)
    bound = scored_prominence(key or 0) if sort is Sort.RELEVANCE else key or 0
    ids = _id_columns(window.after.id if window.after else "")
    field = sort_field(sort, is_descending=window.is_descending)
    return [_Column(field, window.is_descending, bound), *ids]


def _id_columns(after: str) -> list[_Column]:
    return _text_columns(ID_CHUNKS, after, is_descending=False)


def _text_columns(fields: Sequence[str], text: str, *, is_descending: bool) -> list[_Column]:
    bounds = chunks(text, len(fields))
    return [
        _Column(field, is_descending, bound) for field, bound in zip(fields, bounds, strict=True)
    ]


def _first_in_order(
    view: View, query: Matching, columns: Sequence[_Column], count: int
) -> tuple[Sequence[DocAddress], int]:
    """Return the first ``count`` of ``query`` by ``columns``, and perhaps some that are next.

    The number is how many there are of ``query``.
    """
    if not columns:
        scored, total = view.scored(constant(query, 0), view.size)
        return [address for _, address in scored], total
    column, limit = columns[0], count + view.limits.sorted_documents
    hits, total = view.ordered(query, column.field, limit, is_descending=column.is_descending)
    last = hits[count - 1][0] if len(hits) >= count else None
    if len(hits) < limit or hits[-1][0] != last:
        first = [at for n, (number, at) in enumerate(hits) if n < count or number == last]
        return first, total
    before = [address for number, address in hits if number != last]
    equal = view.all_of([query, column.equal(view, hits[-1][0])])
    others, _ = _first_in_order(view, equal, columns[1:], count - len(before))
    return [*before, *others], total


def _keys(
    view: View, sort: Sort, addresses: Sequence[DocAddress], *, is_descending: bool
) -> Sequence[Key]:
    if sort is Sort.NAME:
        return [view.text(NAME, address) for address in addresses]
    numbers = view.numbers(sort_field(sort, is_descending=is_descending), addresses)
    return list(map(prominence_score, numbers)) if sort is Sort.RELEVANCE else numbers


def _first_by_id(
    view: View, addresses: Sequence[DocAddress], count: int, *, after: str
) -> list[tuple[str, DocAddress]]:
    """Return the first ``count`` of ``addresses`` behind the id ``after`` with their ids."""
    if len(addresses) > view.limits.sorted_documents:
        columns = (view.numbers(field, addresses) for field in ID_CHUNKS)
        starts = list(zip(*columns, strict=True))
        bound = tuple(chunks(after, len(ID_CHUNKS)))
        behind = sorted(start for start in starts if start >= bound)
        first = set(behind[: count + behind.count(bound)])
        addresses = [a for a, start in zip(addresses, starts, strict=True) if start in first]
    found = ((view.text(ID, address), address) for address in addresses)
    return nsmallest(count, (pair for pair in found if pair[0] > after))
