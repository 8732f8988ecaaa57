"""Suggestions while a user types: completions of the last word of a query.

A word becomes the name of a repository or a field. After ``field:`` its values follow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from indexer.errors import QueryError
from indexer.model import (
    FACETS,
    LABEL_FACET,
    Condition,
    DocumentType,
    Everything,
    Query,
    SearchPage,
    fold,
)
from search_api.query import FACTS, FIELDS
from search_api.search.rewrite import EngineQuery
from search_api.search.searcher import Searcher
from search_api.search.snapshot import Snapshot

TEXT_MAX = 2_000
_SEEN = 20
"""Documents with the labels and tags that are suggested."""
_LAST_WORD = re.compile(r"(?P<before>(?:.*[\s(])?-?)(?P<last>[^\s(]*)", re.DOTALL)
_PLAIN = re.compile(r"[^\s()\"]+")


@dataclass(frozen=True, slots=True)
class QueryCompletion:
    """A completed query; ``kind`` is the kind of its last word."""

    text: str
    kind: str
    """``repository``, ``field`` or ``value``."""
    reference: str = ""
    """For a repository: the argument of ``docker pull``."""


def completions(
    searcher: Searcher, text: str, *, document_type: DocumentType, limit: int
) -> list[QueryCompletion]:
    """Return completions of the last word of a query, the likeliest first.

    There are none if the beginning of a word matches too many words.
    """
    try:
        return searcher.with_snapshot(
            lambda snapshot: _completions(snapshot, text, document_type=document_type, limit=limit)
        )
    except QueryError:
        return []


def _completions(
    snapshot: Snapshot, text: str, *, document_type: DocumentType, limit: int
) -> list[QueryCompletion]:
    match = _LAST_WORD.fullmatch(text[:TEXT_MAX])
    before, last = (match["before"], match["last"]) if match else ("", "")
    field, colon, value = last.partition(":")
    if colon and field.lower() in FIELDS:
        values = _values(snapshot, field.lower(), value, document_type)
        shown = dict.fromkeys(f"{before}{field}:{_quoted(one)}" for one in values)
        return [QueryCompletion(one, "value") for one in list(shown)[:limit]]
    if not last:
        return []
    hits = (_page(snapshot, _named(last), DocumentType.REPOSITORY, limit=limit)).hits
    found = [
        QueryCompletion(before + hit.result["repository"], "repository", hit.result["reference"])
        for hit in hits
    ]
    fields = [one for one in FIELDS if one.startswith(last.lower())]
    # Many names must not crowd out a field.
    found = found[: max(1, limit - len(fields))]
    return [*found, *(QueryCompletion(f"{before}{one}:", "field") for one in fields)][:limit]


def _named(last: str) -> Query:
    return Condition("name", fold(last), is_prefix=True)


def _values(
    snapshot: Snapshot, field: str, typed: str, document_type: DocumentType
) -> Iterable[str]:
    value = typed.strip('"')
    folded = fold(value)
    if field in FACTS:
        return [one for one in FACTS[field] if one.startswith(folded)]
    query = Condition(field, folded, is_prefix=True) if folded else Everything()
    if field == "label" and "=" in value:
        key = value.partition("=")[0]
        counts = _facet(snapshot, query, LABEL_FACET + key, document_type)
        return [f"{key}={one}" for one in counts if fold(f"{key}={one}").startswith(folded)]
    if field in {"label", "tag"}:
        page = _page(snapshot, query, DocumentType.IMAGE, limit=_SEEN)
        shown = (one for hit in page.hits for one in hit.result[f"{field}s"])
        return [one for one in shown if fold(one).startswith(folded)]
    if field not in FACETS:
        return []
    counts = _facet(snapshot, query, field, document_type)
    return [one for one in counts if fold(one).startswith(folded)]


def _facet(snapshot: Snapshot, query: Query, facet: str, document_type: DocumentType) -> list[str]:
    page = snapshot.first(EngineQuery(query, document_type), limit=1, facets=[facet])
    counts = page.facets.get(facet)
    return [one.value for one in counts.values] if counts else []


def _page(
    snapshot: Snapshot, query: Query, document_type: DocumentType, *, limit: int
) -> SearchPage:
    return snapshot.first(EngineQuery(query, document_type), limit=limit)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', " ") + '"'


def completion_json(completion: QueryCompletion) -> dict[str, Any]:
    """Return the JSON of a completion."""
    shown = {"text": completion.text, "kind": completion.kind}
    return shown | ({"reference": completion.reference} if completion.reference else {})
