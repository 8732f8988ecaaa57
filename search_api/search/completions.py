"""Suggestions as one types: what the last word of a query may become.

A word becomes the name of a repository or of a field; behind ``field:`` come its values.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from indexer.errors import QueryError
from indexer.model import LABEL_FACET, Condition, DocumentType, Everything, Query, SearchPage, fold
from search_api.query import FACTS, FIELDS
from search_api.search.searcher import Searcher

TEXT_MAX = 2_000
_SEEN = 20
"""Documents whose labels and tags are looked at."""
_LAST_WORD = re.compile(r"(?P<before>(?:.*[\s(])?-?)(?P<last>[^\s(]*)", re.DOTALL)
_FACETS = {
    "arch": "platform",
    "kind": "kind",
    "license": "license",
    "os": "platform",
    "platform": "platform",
    "registry": "registry",
    "vendor": "vendor",
}
"""The facets that have the values of fields."""
_PLAIN = re.compile(r"[^\s()\"]+")


@dataclass(frozen=True, slots=True)
class Completion:
    """What a query may become; ``kind`` is what its last word is then."""

    text: str
    kind: str
    """``repository``, ``field`` or ``value``."""
    reference: str = ""
    """Of a repository, what to type behind ``docker pull``."""


def completions(
    searcher: Searcher, text: str, *, document_type: DocumentType, limit: int
) -> list[Completion]:
    """Return what the last word of a query may become, the likeliest first; nothing where the
    beginning of a word stands for too much."""
    try:
        return _completions(searcher, text, document_type=document_type, limit=limit)
    except QueryError:
        return []


def _completions(
    searcher: Searcher, text: str, *, document_type: DocumentType, limit: int
) -> list[Completion]:
    match = _LAST_WORD.fullmatch(text[:TEXT_MAX])
    before, last = (match["before"], match["last"]) if match else ("", "")
    field, colon, value = last.partition(":")
    if colon and field.lower() in FIELDS:
        values = _values(searcher, field.lower(), value, document_type)
        shown = dict.fromkeys(f"{before}{field}:{_quoted(one)}" for one in values)
        return [Completion(one, "value") for one in list(shown)[:limit]]
    if not last:
        return []
    hits = (_page(searcher, _named(last), DocumentType.REPOSITORY, limit=limit)).hits
    found = [
        Completion(before + hit.result["repository"], "repository", hit.result["reference"])
        for hit in hits
    ]
    fields = [one for one in FIELDS if one.startswith(last.lower())]
    # A field must not be crowded out by names, of which there may be many.
    found = found[: max(1, limit - len(fields))]
    return [*found, *(Completion(f"{before}{one}:", "field") for one in fields)][:limit]


def _named(last: str) -> Query:
    return Condition("name", fold(last), is_prefix=True)


def _values(
    searcher: Searcher, field: str, typed: str, document_type: DocumentType
) -> Iterable[str]:
    value = typed.strip('"')
    folded = fold(value)
    if field in FACTS:
        return [one for one in FACTS[field] if one.startswith(folded)]
    query = Condition(field, folded, is_prefix=True) if folded else Everything()
    if field == "label" and "=" in value:
        key = value.partition("=")[0]
        counts = _facet(searcher, query, LABEL_FACET + key, document_type)
        return [f"{key}={one}" for one in counts if fold(f"{key}={one}").startswith(folded)]
    if field in {"label", "tag"}:
        page = _page(searcher, query, DocumentType.IMAGE, limit=_SEEN)
        shown = (one for hit in page.hits for one in hit.result[f"{field}s"])
        return [one for one in shown if fold(one).startswith(folded)]
    if field not in _FACETS:
        return []
    counts = _facet(searcher, query, _FACETS[field], document_type)
    if field in {"arch", "os"}:
        counts = [part for one in counts if (part := _part(one, field))]
    return [one for one in counts if fold(one).startswith(folded)]


def _part(platform: str, field: str) -> str:
    os, _, rest = platform.partition("/")
    return os if field == "os" else rest.partition("/")[0]


def _facet(searcher: Searcher, query: Query, facet: str, document_type: DocumentType) -> list[str]:
    answer = searcher.search(query, document_type=document_type, limit=1, facets=[facet])
    counts = answer.page.facets.get(facet)
    return [one.value for one in counts.values] if counts else []


def _page(
    searcher: Searcher, query: Query, document_type: DocumentType, *, limit: int
) -> SearchPage:
    answer = searcher.search(query, document_type=document_type, limit=limit)
    return answer.page


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', " ") + '"'


def completion_json(completion: Completion) -> dict[str, Any]:
    """Return the JSON of a completion."""
    shown = {"text": completion.text, "kind": completion.kind}
    return shown | ({"reference": completion.reference} if completion.reference else {})
