"""Suggestions while a user types: completions of the last word of a query.

A word becomes the name of a repository or a field. After ``field:`` its values follow, and after
the name of a repository and a colon its tags. With the rest of the query, each matches something.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from indexer.errors import QueryError
from indexer.model import (
    FACETS,
    LABEL_FACET,
    NUMBERS,
    And,
    Condition,
    DocumentType,
    Everything,
    Not,
    Or,
    Path,
    Query,
    Range,
    fold,
)
from search_api.query import FACTS, FIELDS
from search_api.search.cursors import Order
from search_api.search.hosts import with_canonical_hosts
from search_api.search.request import SearchRequest
from search_api.search.rest import TYPED, read_rest
from search_api.search.rewrite import UNTAGGED, EngineQuery, expand, rewrite
from search_api.search.searcher import Searcher
from search_api.search.snapshot import Snapshot

TEXT_MAX = 2_000
_SEEN = 20
"""Documents with the labels and tags that are suggested."""
_LAST_WORD = re.compile(r"(?P<before>(?:.*[\s(])?-?)(?P<last>[^\s(]*)", re.DOTALL)
_PLAIN = re.compile(r"[^\s()\"]+")
_CHAINS = Condition("chain", "", is_prefix=True)
_HAVING: dict[str, Query] = {
    "artifact": Condition("type", "", is_prefix=True),
    "base": Or(
        (Condition("base", "", is_prefix=True), Condition("below", "", is_prefix=True)),
    ),
    "baseof": _CHAINS,
    "layer": _CHAINS,
    **{name: Range(name) for name in NUMBERS},
}
"""What has any value of a field, if that is more than a keyword of this name."""


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

    There are none if the rest of the query has a mistake, or if the beginning of a word matches
    too many words.
    """
    match = _LAST_WORD.fullmatch(text[:TEXT_MAX])
    before, last = (match["before"], match["last"]) if match else ("", "")
    name, colon, value = last.rpartition(":")
    is_reference = bool(colon) and last.partition(":")[0].lower() not in FIELDS
    word = f"{name}:{TYPED}" if is_reference else TYPED
    now = searcher.now()

    def complete(snapshot: Snapshot) -> list[QueryCompletion]:
        rest = _Rest(snapshot, read_rest(before, word, now=now), document_type)
        if is_reference:
            shown = _shown(rest.tags(value), before=f"{before}{name}:")
        elif colon:
            field, _, typed = last.partition(":")
            values = _values(rest, field.lower(), typed)
            shown = _shown(values, before=f"{before}{field}:")
        else:
            return _words(rest, before, last, limit=limit)
        return shown[:limit]

    try:
        return searcher.with_snapshot(complete)
    except QueryError:
        return []


@dataclass(frozen=True, slots=True)
class _Rest:
    """The rest of a query: what must match beside the word that is being typed."""

    snapshot: Snapshot
    parts: tuple[Query, ...]
    document_type: DocumentType

    def query(self, *others: Query, kind: DocumentType | None = None) -> EngineQuery:
        """Return the query of the rest and of other conditions, for documents of a type."""
        return self._rewritten(self.parts, others, kind or self.document_type)

    def has(self, condition: Query) -> bool:
        """Tell whether anything matches the rest and a condition."""
        if condition == UNTAGGED:
            if self.document_type is DocumentType.REPOSITORY:
                return False
            query = replace(self.query(), document_type=DocumentType.UNTAGGED)
            return self.snapshot.count(query) > 0
        return self.snapshot.count(self.query(condition)) > 0

    def repositories(self, typed: str, *, limit: int) -> Iterator[tuple[str, str]]:
        """Yield names with a word that begins as typed, each with a reference."""
        named = Condition("name", fold(typed), is_prefix=True)
        kind = DocumentType.REPOSITORY
        if self.document_type is kind or not self.parts:
            for hit in self.snapshot.first(self.query(named, kind=kind), limit=limit).hits:
                yield hit.result["repository"], hit.result["reference"]
            return
        # A repository may have an image that matches all, and others that a negated part leaves
        # out. Then its images decide.
        likely = tuple(part for part in self.parts if not isinstance(part, Not))
        query = self._rewritten(likely, (named,), kind)
        results = [hit.result for hit in self.snapshot.first(query, limit=2 * limit).hits]
        images = self.snapshot.newest_images(self.query().query, results)
        found = [(one, image) for one, image in zip(results, images, strict=True) if image]
        for result, image in found[:limit]:
            yield result["repository"], image["reference"]

    def tags(self, typed: str) -> list[str]:
        """Return tags that begin as typed; where a whole name is in the rest, those of it alone."""
        names = (Condition("repo", one) for part in self.parts for one in _names(part))
        whole = tuple(
            one for one in names if self.snapshot.count(EngineQuery(one, DocumentType.REPOSITORY))
        )
        return self._of_images("tag", typed, *([Or(whole)] if whole else []))

    def labels(self, typed: str) -> list[str]:
        """Return keys of labels that begin as typed."""
        return self._of_images("label", typed)

    def facet(self, facet: str, condition: Query) -> list[str]:
        """Return the values of a facet, the most frequent first."""
        # Where somebody notes what is found, they want to know whose values are counted.
        limit = 1 if self.snapshot.noted is None else _SEEN
        page = self.snapshot.first(self.query(condition), limit=limit, facets=[facet])
        counts = page.facets.get(facet)
        return [one.value for one in counts.values] if counts else []

    def _of_images(self, field: str, typed: str, *others: Query) -> list[str]:
        folded = fold(typed)
        begun = Condition(field, folded, is_prefix=True)
        query = self.query(begun, *others, kind=DocumentType.IMAGE)
        page = self.snapshot.first(query, limit=_SEEN)
        shown = (one for hit in page.hits for one in hit.result[f"{field}s"])
        return [one for one in shown if fold(one).startswith(folded)]

    def _rewritten(
        self, parts: tuple[Query, ...], others: tuple[Query, ...], kind: DocumentType
    ) -> EngineQuery:
        snapshot = self.snapshot
        parsed = with_canonical_hosts(And(parts) if parts else Everything(), snapshot.known)
        asked = rewrite(parsed, SearchRequest(Order(kind), limit=1), keys=snapshot.lineage_keys)
        query = expand(asked, snapshot.synonyms)
        return replace(query, filters=(*query.filters, *others))


def _names(query: Query) -> Iterator[str]:
    """Yield the names of repositories in a part of a query; they may be parts of names."""
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _names(part)
        case Path(text):
            yield text.strip("/")


def _words(rest: _Rest, before: str, last: str, *, limit: int) -> list[QueryCompletion]:
    if not last:
        return []
    found = [
        QueryCompletion(before + name, "repository", reference)
        for name, reference in rest.repositories(last, limit=limit)
    ]
    begun = (one for one in FIELDS if one.startswith(last.lower()))
    fields = [one for one in begun if rest.has(_having(one))]
    # Many names must not crowd out a field.
    found = found[: max(1, limit - len(fields))]
    return [*found, *(QueryCompletion(f"{before}{one}:", "field") for one in fields)][:limit]


def _having(field: str) -> Query:
    return _HAVING.get(field, Condition(field, "", is_prefix=True))


def _values(rest: _Rest, field: str, typed: str) -> Iterable[str]:
    value = typed.strip('"')
    folded = fold(value)
    if field in FACTS:
        begun = (one for one in FACTS[field] if one.startswith(folded))
        return [one for one in begun if rest.has(Condition(field, one))]
    if field == "label" and "=" in value:
        key = value.partition("=")[0]
        counts = rest.facet(LABEL_FACET + key, Condition(field, folded, is_prefix=True))
        return [f"{key}={one}" for one in counts if fold(f"{key}={one}").startswith(folded)]
    if field == "tag":
        return rest.tags(value)
    if field == "label":
        return rest.labels(value)
    if field not in FACETS:
        return []
    counts = rest.facet(field, Condition(field, folded, is_prefix=True))
    return [one for one in counts if fold(one).startswith(folded)]


def _shown(values: Iterable[str], *, before: str) -> list[QueryCompletion]:
    shown = dict.fromkeys(f"{before}{_quoted(one)}" for one in values)
    return [QueryCompletion(one, "value") for one in shown]


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', " ") + '"'


def completion_json(completion: QueryCompletion) -> dict[str, Any]:
    """Return the JSON of a completion."""
    shown = {"text": completion.text, "kind": completion.kind}
    return shown | ({"reference": completion.reference} if completion.reference else {})
