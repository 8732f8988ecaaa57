"""The bare request: what somebody would write by hand to find the same documents.

It finds the same documents as ours, in the same index, with ordinary queries of OpenSearch. Its
order is that of OpenSearch, and where ours is by a number or a name, the same. It has as many hits,
an exact total and the same facets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.queries import Ask
from indexer.engines.opensearch.schema import ID, NAME
from indexer.engines.ranking import PROMINENCE, facet_location, sort_field
from indexer.model import (
    FACET_VALUES,
    And,
    Condition,
    Everything,
    MetByImages,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Sort,
    Wildcard,
    Word,
    words,
)

Body = dict[str, Any]


def bare_request(query: Query, ask: Ask, *, limit: int) -> Body:
    """Return the request for a parsed query; ValueError for a part that no class of query has."""
    facets = filter(None, ask.parameters.get("facets", "").split(","))
    body = {
        "query": _plain(query),
        "size": limit,
        "_source": ["result"],
        "track_total_hits": True,
        "sort": [_order(query, ask.parameters), {ID: "asc"}],
    }
    counted = {name: _counted(name) for name in facets}
    return {**body, "aggs": counted} if counted else body


def large_request() -> Body:
    """Return the request for the repositories whose images answer conditions."""
    large = {"term": {"named": "@images:"}}
    return {"query": large, "size": 10_000, "_source": False, "docvalue_fields": ["place"]}


def met_request(asked: Query, large: Sequence[str]) -> Body:
    """Return the request for those of large repositories that have an image for a condition."""
    counted = {"met": {"terms": {"field": "place", "size": max(1, len(large))}}}
    within = [_plain(asked), {"terms": {"place": large}}]
    return {"query": {"bool": {"filter": within}}, "size": 0, "aggs": counted}


def bare_correction(typed: str, *, limit: int) -> Body:
    """Return the request for a word with a suggestion of its right spelling."""
    suggest = {"text": typed, "right": {"term": {"field": "text", "size": 1}}}
    return {**bare_request(Word(typed), Ask(typed), limit=limit), "suggest": suggest}


def _order(query: Query, parameters: Mapping[str, str]) -> Body:
    sort = Sort(parameters.get("sort", Sort.RELEVANCE))
    if sort is Sort.NAME:
        return {NAME: "asc"}
    if sort is Sort.RELEVANCE:
        return {PROMINENCE if isinstance(query, Everything) else "_score": "desc"}
    return {sort_field(sort, is_descending=True): "desc"}


def _counted(facet: str) -> Body:
    field, _ = facet_location(facet)
    return {"terms": {"field": field, "size": FACET_VALUES}}


def _plain(query: Query) -> Body:
    match query:
        case Everything():
            return {"match_all": {}}
        case And(parts):
            return {"bool": {"must": [_plain(part) for part in parts]}}
        case Or(parts):
            return {"bool": {"should": [_plain(part) for part in parts]}}
        case Word():
            return _word(query)
        case Path(text):
            return _inside_name(text.strip("/"))
        case Prefix(text):
            return {"prefix": {"text": text}}
        case Wildcard(pattern):
            patterns = {"text": pattern, "named": f"@like:{pattern}"}
            return {"bool": {"should": [{"wildcard": {f: p}} for f, p in patterns.items()]}}
        case Condition(field, value):
            return {"term": {"keyword": f"{field}:{value}"}}
        case MetByImages(asked, repositories):
            places = {"terms": {"place": list(map("\n".join, repositories))}}
            return {"bool": {"should": [_plain(asked), places]}}
        case Range(name, low, high):
            limits = {"gte": low, "lte": high}
            return {"range": {f"number_{name}": {k: v for k, v in limits.items() if v is not None}}}
    raise ValueError(f"no class of query has {query!r}")


def _word(word: Word) -> Body:
    meant = (*word.others, *word.examples)
    single = " ".join(other.text for other in meant if isinstance(other, Word))
    should = [_match(word.text, "and")]
    should += [] if word.is_whole else [_inside_name(word.text)]
    should += [_match(single, "or")] if single else []
    should += [
        {"match_phrase": {"text": " ".join(other.words)}}
        for other in meant
        if isinstance(other, Phrase)
    ]
    if word.apart:
        together = [_match(" ".join(forms), "or") for forms in word.apart]
        should.append({"bool": {"must": together}})
    return {"bool": {"should": should}}


def _match(text: str, operator: str) -> Body:
    found = " ".join(words(text))
    return {"match": {"text": {"query": found, "operator": operator}}}


def _inside_name(text: str) -> Body:
    if len(text) < 3:
        return {"term": {"gram": text}}
    grams = [text[start : start + 3] for start in range(len(text) - 2)]
    return {"match_phrase": {"gram3": " ".join(grams)}}
