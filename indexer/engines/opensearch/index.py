"""The index of one type of document: hits, facets, the newest, and repositories."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from indexer.engines.opensearch.match import Matching, RemoteView, total_of
from indexer.engines.opensearch.rank import key_of, order, scored
from indexer.engines.opensearch.schema import ID, PLACE, RESULT, TEXTS
from indexer.engines.ranking import (
    NEWEST,
    PageWindow,
    RankedHit,
    RankingPlan,
    facet_location,
    most_frequent,
    read_texts,
)
from indexer.model import FacetCounts, Query, Sort, TextBlock

_HITS_AT_ONCE = 10_000
"""The hits that one answer has: ``index.max_result_window``, if nobody changed it."""
_AT_ONCE = 10_000
"""The values that one answer counts. A cluster allows 65,535 of all facets together."""
_FACET_AT_ONCE = 2_000
"""The same for each facet of a search, of which the first fifty are shown; most have fewer."""
_EXPRESSION_MAX = 1_000
"""The longest regular expression: ``index.max_regex_length``, if nobody changed it."""

Stored = Mapping[str, str]
"""What is stored of a document. It comes with the hit, so it serves as its address."""
Hits = list[RankedHit[Stored]]


class RemoteIndex(RemoteView):
    """Searches one index; see :class:`indexer.engines.reader.IndexOfType`."""

    @property
    def parts(self) -> Sequence["RemoteIndex"]:
        """The index, as one part."""
        return (self,)

    def refresh(self) -> bool:
        """Return True: what was committed is seen, and nothing is kept of it here."""
        return True

    def first(
        self,
        query: Query,
        plan: RankingPlan | None,
        window: PageWindow,
        *,
        sort: Sort,
        facets: Sequence[str],
    ) -> tuple[Hits, int, Mapping[str, FacetCounts]]:
        """Return the hits in a window by ``plan``, or else by ``sort``; the total; the facets."""
        matching = self.matching(query) if plan is None else scored(self, plan)
        names = dict.fromkeys(facets)
        is_scored = plan is not None
        body = {
            "query": matching,
            "size": min(window.count, _HITS_AT_ONCE),
            "_source": [RESULT, TEXTS] if window.with_texts else [RESULT],
            **order(sort, window, is_scored=is_scored),
        }
        answer = self.ask({**body, "aggs": {str(n): _counted(one) for n, one in enumerate(names)}})
        found = more = answer["hits"]["hits"]
        while len(more) == _HITS_AT_ONCE and len(found) < window.count:
            more = self.ask({**body, "search_after": found[-1]["sort"]})["hits"]["hits"]
            found = [*found, *more]
        hits = [
            RankedHit(
                key_of(sort, hit["sort"][0], is_scored=is_scored), hit["sort"][1], hit["_source"]
            )
            for hit in found[: window.count]
        ]
        counts = {
            facet: self._facet_counts(query, facet, answer["aggregations"][str(n)])
            for n, facet in enumerate(names)
        }
        return hits, total_of(answer), counts

    def newest(self, query: Query, groups: Sequence[Query]) -> list[Stored | None]:
        """Return the newest document in each group that matches."""
        matching = self.matching(query)
        sort = [*({column: "desc"} for column in NEWEST), {ID: "asc"}]
        bodies = [
            {
                "query": self.all_of([matching, self.matching(one)]),
                "size": 1,
                "_source": [RESULT],
                "sort": sort,
                "track_total_hits": False,
            }
            for one in groups
        ]
        found = (answer["hits"]["hits"] for answer in self.ask_each(bodies))
        return [hits[0]["_source"] if hits else None for hits in found]

    def repositories(self, query: Query) -> frozenset[tuple[str, str]]:
        """Return the registries and names of the repositories of all that matches."""
        places = self._all_counts(self.matching(query), PLACE)
        return frozenset((one[0], one[2]) for one in (place.partition("\n") for place, _ in places))

    def stored(
        self, address: Stored, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextBlock]]:
        """Return the stored result of a document and, if asked for, its searchable texts."""
        self.check()
        texts = read_texts(address[TEXTS].encode()) if with_texts else ()
        return orjson.loads(address[RESULT]), texts

    def close(self) -> None:
        """Do nothing: the connections are those of all types."""

    def _facet_counts(self, query: Query, facet: str, found: Any) -> FacetCounts:
        field, prefix = facet_location(facet)
        if not found.get("sum_other_doc_count", 1):
            counts = [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]]
        else:
            # There are more values than are counted in one answer, or their names are too long.
            each = self._all_counts(self.matching(query), field)
            counts = [(term, count) for term, count in each if term.startswith(prefix)]
        return most_frequent(counts, prefix)

    def _all_counts(self, matching: Matching, field: str) -> Iterator[tuple[str, int]]:
        """Yield how many documents that match have each term of a field, in some answers."""
        asked: dict[str, Any] = {
            "size": _AT_ONCE,
            "sources": [{"term": {"terms": {"field": field}}}],
        }
        while True:
            answer = self.ask(
                {"query": matching, "size": 0, "aggs": {"found": {"composite": asked}}}
            )
            found = answer["aggregations"]["found"]
            for bucket in found["buckets"]:
                yield bucket["key"]["term"], bucket["doc_count"]
            if len(found["buckets"]) < _AT_ONCE:
                return
            asked["after"] = found["after_key"]


def _counted(facet: str) -> dict[str, Any]:
    """Return the request to count the values of a facet."""
    field, prefix = facet_location(facet)
    if not prefix:
        return {"terms": {"field": field, "size": _FACET_AT_ONCE}}
    expression = "".join(c if c.isalnum() else f"\\{c}" for c in prefix) + ".*"
    if len(expression) > _EXPRESSION_MAX:
        # It is counted apart.
        return {"filter": {"match_none": {}}}
    return {"terms": {"field": field, "size": _FACET_AT_ONCE, "include": expression}}
