"""The documents of an OpenSearch index: matching queries.

A query of ours becomes one of OpenSearch in JSON, made of parts and never parsed.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import orjson
from typing_extensions import override

from indexer.engines.opensearch.client import Cluster
from indexer.engines.opensearch.schema import (
    GRAM,
    GRAM3,
    PLACE,
    REGISTRY,
    WORD,
    number_field,
    place_term,
)
from indexer.engines.ranking import INT64, TEXT, Matcher, Vocabulary
from indexer.model import Fuzzy, Query, Rights, Wildcard, edits, edits_allowed

Matching = dict[str, Any]
"""A query of OpenSearch."""

TERMS_MAX = 65_536
"""The terms of one set: ``index.max_terms_count``, if nobody changed it."""
_NEAR_MAX = 10_000
"""The words that one answer has: ``index.max_result_window``."""
_COUNTED_AT_ONCE = 500
_RIGHTS_BYTES = 32 * 1024 * 1024
"""The sets of rights that are kept, in JSON. A name takes some fifty bytes."""
_MANY_ANY = re.compile(r"\*.*\?{6}|\*(?:.*\?){6}", re.DOTALL)
"""Patterns of which the cluster would make too many states, as wildcards."""
_STATES = 1_000_000


def constant(query: Matching, points: int) -> Matching:
    """Return what matches as ``query`` does and gives so many points."""
    return {"constant_score": {"filter": query, "boost": float(points)}}


class RightsSets:
    """The sets of names that rights let see, in JSON, those that were used last."""

    def __init__(self, most_bytes: int = _RIGHTS_BYTES) -> None:
        self._most, self._size = most_bytes, 0
        self._kept = OrderedDict[str, list[bytes]]()

    def get(self, rights: Rights) -> list[orjson.Fragment]:
        """Return the sets; each has as many names as one set may have."""
        sets = self._kept.pop(rights.key, None)
        if sets is None:
            sets = [
                orjson.dumps({"terms": {PLACE: list(terms)}}) for terms in _sets(_places(rights))
            ]
            self._size += sum(map(len, sets))
        # Last, because it was used last.
        self._kept[rights.key] = sets
        while self._size > self._most and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= sum(map(len, oldest))
        return [orjson.Fragment(one) for one in sets]


class RemoteView(Matcher[Matching]):
    """The documents of the index behind ``alias``; ``words`` is that of all searchable words."""

    def __init__(
        self,
        cluster: Cluster,
        alias: str,
        words: str,
        *,
        rights_sets: RightsSets,
        check: Callable[[], None],
    ) -> None:
        self.check = check
        self._cluster = cluster
        self._alias = alias
        self._words = words
        self._rights_sets = rights_sets

    @override
    def all_of(self, parts: Iterable[Matching]) -> Matching:
        first, *others = [*parts] or [{"match_all": {}}]
        return {"bool": {"filter": [first, *others]}} if others else first

    @override
    def any_of(self, parts: Iterable[Matching]) -> Matching:
        # Without parts, it would match everything.
        first, *others = [*parts] or [{"match_none": {}}]
        return {"bool": {"should": [first, *others]}} if others else first

    @override
    def at_least(self, count: int, parts: Iterable[tuple[Matching, int]]) -> Matching:
        # Clauses are counted, so a part is as many of them as it weighs.
        clauses = [part for part, weight in parts for _ in range(weight)]
        if count > len(clauses):
            return {"match_none": {}}
        return {"bool": {"should": clauses, "minimum_should_match": count}}

    @override
    def without(self, part: Matching) -> Matching:
        return {"bool": {"must_not": [part]}}

    @override
    def term(self, field: str, text: str) -> Matching:
        return {"term": {field: text}}

    @override
    def starting(self, field: str, prefix: str) -> Matching:
        return {"prefix": {field: {"value": prefix, "rewrite": "constant_score"}}}

    @override
    def spelled(self, part: Wildcard | Fuzzy, field: str, start: str = "") -> Matching:
        match part:
            case Fuzzy(text):
                return _near(field, start, text, edits_allowed(text))
            case Wildcard(text) if _MANY_ANY.search(text):
                pattern = _regular(start) + "".join(map(_any_regular, text))
                states = {"max_determinized_states": _STATES}
                return {
                    "regexp": {field: {"value": pattern, "rewrite": "constant_score", **states}}
                }
            case Wildcard(text):
                value = re.sub(r"([*?\\])", r"\\\1", start) + text.replace("\\", "\\\\")
                return {"wildcard": {field: {"value": value, "rewrite": "constant_score"}}}

    @override
    def phrase(self, found: Sequence[str]) -> Matching:
        return {"match_phrase": {TEXT: " ".join(found)}}

    @override
    def inside_name(self, text: str) -> Matching:
        if len(text) < 3:
            return self.term(GRAM, text) if text else self.all_of([])
        if len(text) == 3:
            return self.term(GRAM3, text)
        if any(map(str.isspace, text)):
            # No name has any. They would be taken for the ends of words.
            return self.any_of([])
        grams = [text[start : start + 3] for start in range(len(text) - 2)]
        return {"match_phrase": {GRAM3: " ".join(grams)}}

    @override
    def within(self, name: str, low: int | None, high: int | None) -> Matching:
        low = INT64[0] if low is None else max(low, INT64[0])
        high = INT64[-1] if high is None else min(high, INT64[-1])
        if low > high:
            return self.any_of([])
        return {"range": {number_field(name): {"gte": low, "lte": high}}}

    @override
    def visible(self, rights: Rights) -> Matching:
        if rights.registries is None:
            return self.all_of([])
        seen: list[Any] = list(self._rights_sets.get(rights)) if rights.repositories else []
        seen += ({"terms": {REGISTRY: list(some)}} for some in _sets(rights.registries))
        return self.any_of(seen)

    @override
    def of_any(self, repositories: Collection[tuple[str, str]]) -> Matching:
        places = (place_term(registry, name) for registry, name in repositories)
        return self.any_of({"terms": {PLACE: list(some)}} for some in _sets(places))

    @override
    def vocabulary(self, field: str) -> Vocabulary:
        return _SearchedWords(self._near_words)

    @override
    def counts(self, parts: Sequence[Matching], within: Query | None) -> list[int]:
        query = self.all_of([] if within is None else [self.matching(within)])
        found: list[int] = []
        for start in range(0, len(parts), _COUNTED_AT_ONCE):
            some = list(parts[start : start + _COUNTED_AT_ONCE])
            # Only what has any of them is looked at.
            asked = self.all_of([query, self.any_of(some)])
            answer = self.ask(
                {"query": asked, "size": 0, "aggs": {"found": {"filters": {"filters": some}}}}
            )
            found += [one["doc_count"] for one in answer["aggregations"]["found"]["buckets"]]
        return found

    @override
    def count(self, matched: Matching) -> int:
        return total_of(self.ask({"query": matched, "size": 0}))

    def ask(self, body: Matching) -> Any:
        """Return the answer to a search, with the exact total."""
        self.check()
        asked = {"track_total_hits": True, **body}
        found = self._cluster.search(self._alias, asked)
        # The deadline may have come meanwhile.
        self.check()
        return found

    def ask_each(self, bodies: Sequence[Matching]) -> Iterator[Any]:
        """Yield the answers to some searches."""
        left = iter(bodies)
        while some := list(islice(left, 100)):
            self.check()
            yield from self._cluster.search_each(self._alias, some)

    def known(self, words: Collection[str]) -> frozenset[str]:
        """Return those of some words that any document had. A document is shown after its words."""
        found: set[str] = set()
        for some in _sets(words, most=_NEAR_MAX):
            self.check()
            body = {"query": {"terms": {WORD: some}}, "size": len(some), "sort": ["_doc"]}
            hits = self._cluster.search(self._words, body)["hits"]["hits"]
            found.update(hit["_id"] for hit in hits)
        return frozenset(found)

    def _near_words(self, word: str, limit: int) -> Iterator[tuple[str, int]]:
        self.check()
        body = {"query": _near(WORD, "", word, limit), "size": _NEAR_MAX, "sort": ["_doc"]}
        found = self._cluster.search(self._words, body)
        for hit in found["hits"]["hits"]:
            yield hit["_id"], edits(word, hit["_id"], limit=limit)


class _SearchedWords(Vocabulary):
    """Words that are sought in the cluster."""

    def __init__(self, find: Callable[[str, int], Iterator[tuple[str, int]]]) -> None:
        super().__init__()
        self._find = find

    @override
    def near(self, word: str, *, limit: int) -> Iterator[tuple[str, int]]:
        return self._find(word, limit)


def total_of(answer: Any) -> int:
    """Return how many documents a search found."""
    total: int = answer["hits"]["total"]["value"]
    return total


def _near(field: str, start: str, text: str, limit: int) -> Matching:
    if limit == 0:
        return {"term": {field: start + text}}
    near = {"value": start + text, "fuzziness": limit, "prefix_length": len(start)}
    # All of them, and not those that score best.
    return {"fuzzy": {field: {**near, "rewrite": "constant_score"}}}


def _regular(text: str) -> str:
    return "".join(c if c.isalnum() else f"\\{c}" for c in text)


def _any_regular(character: str) -> str:
    return {"*": ".*", "?": "."}.get(character) or _regular(character)


def _places(rights: Rights) -> Iterator[str]:
    for registry, names in rights.repositories.items():
        for name in names:
            yield place_term(registry, name)


def _sets(terms: Iterable[str], *, most: int = TERMS_MAX) -> Iterator[list[str]]:
    left = iter(terms)
    while some := list(islice(left, most)):
        yield some
