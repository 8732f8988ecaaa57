"""From one request to one result, over one snapshot of the search index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from indexer.errors import QueryError
from indexer.model import Query, SearchPage
from search_api.query import (
    mistaken_fields,
    parse_query,
    plain_query,
    text_with_words_replaced,
    used_synonyms,
)
from search_api.search.corrections import FEW, correct
from search_api.search.cursors import RELAXED_WORDS_MAX, Cursor
from search_api.search.freshness import SearchFreshness
from search_api.search.hosts import with_canonical_hosts, without_hosts
from search_api.search.request import SearchRequest
from search_api.search.rewrite import EngineQuery, expand, relax, relaxable, respell, rewrite
from search_api.search.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class SpellingSuggestion:
    """The text of a query with other spellings: offered, or used because nothing matched."""

    text: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Results match ``matched`` of the query's words, because nothing matches all of them."""

    matched: int
    of: int
    left_out: tuple[str, ...]
    """The words that the first result does not match."""


@dataclass(frozen=True, slots=True)
class SearchNote:
    """A remark about a result, for people; programs look at its ``code``."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits, with its query and its freshness."""

    request: SearchRequest
    query: Query
    page: SearchPage
    freshness: SearchFreshness
    replaced: Mapping[str, str] = field(default_factory=dict)
    """The corrected words of the text, with the words used instead."""
    offered: Mapping[str, str] = field(default_factory=dict)
    """Words with another spelling that has more matches, because the query has few."""
    expanded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words of the query, with the synonyms that matched too."""
    relaxed: Relaxation | None = None
    unknown_hosts: tuple[str, ...] = ()
    """Hosts of references that no registry has. Nothing matches with them."""

    @property
    def suggestion(self) -> SpellingSuggestion | None:
        """The other spelling, if there is one."""
        words = self.replaced or self.offered
        if not words:
            return None
        text = text_with_words_replaced(self.request.text, words)
        return SpellingSuggestion(text, is_used=bool(self.replaced))

    @property
    def notes(self) -> tuple[SearchNote, ...]:
        """Remarks on how the query was understood."""
        hosts = tuple(
            SearchNote("HOST_UNKNOWN", f"no registry has the host {host!r}: searched without it")
            for host in self.unknown_hosts
        )
        if self.page.total:
            return hosts
        return hosts + tuple(
            SearchNote("FIELD_UNKNOWN", f"{typed!r} is a name with a tag; did you mean {meant!r}?")
            for typed, meant in mistaken_fields(self.request.text)
        )

    @property
    def next(self) -> Cursor | None:
        """The cursor of the next page; None on the last page."""
        if not self.page.has_more or not self.page.hits:
            return None
        matched = self.relaxed.matched if self.relaxed else 0
        return Cursor(self.page.hits[-1].position, self.replaced, matched)


def search(snapshot: Snapshot, request: SearchRequest, *, now: datetime) -> SearchResult:
    """Return the requested page; :class:`QueryError` for a text with a mistake."""
    try:
        return _search(snapshot, parse_query(request.text, now=now), request)
    except QueryError:
        # The engine may refuse a query too, if a prefix matches too many words.
        if not request.results_only:
            raise
    return _search(snapshot, plain_query(request.text), request)


def _search(snapshot: Snapshot, parsed: Query, request: SearchRequest) -> SearchResult:
    known = snapshot.known
    known.check(request.registry)
    request = replace(
        request,
        registry=known.canonical(request.registry),
        host=known.canonical(request.host),
    )
    query = with_canonical_hosts(parsed, known)
    unknown = known.unknown_hosts(query)
    if unknown and not snapshot.count(rewrite(query, request, keys=snapshot.lineage_keys)):
        found = _search_known(snapshot, without_hosts(query, unknown), request)
        return replace(found, unknown_hosts=tuple(unknown))
    return _search_known(snapshot, query, request)


def _search_known(snapshot: Snapshot, parsed: Query, request: SearchRequest) -> SearchResult:
    asked = rewrite(parsed, request, keys=snapshot.lineage_keys)

    def expanded(replaced: Mapping[str, str]) -> EngineQuery:
        return expand(respell(asked, replaced), snapshot.synonyms)

    def to_relax() -> EngineQuery:
        # If all words are one text of the table, only a part of them can be left out.
        query = expanded({})
        has_several = len(relaxable(query)) > 1
        return query if has_several else expand(asked, snapshot.synonyms, joins=False)

    def result(replaced: Mapping[str, str]) -> SearchResult:
        query = expanded(replaced)
        page = snapshot.page(query, request)
        used = dict(used_synonyms(query.typed, snapshot.synonyms))
        fresh = snapshot.freshness
        return SearchResult(request, query.query, page, fresh, replaced=replaced, expanded=used)

    if request.cursor is not None:
        matched = request.cursor.matched
        if matched and relaxable(query := to_relax()):
            return _relaxed(snapshot, query, request, matched=matched)
        return result(request.cursor.replaced)
    found = result({})
    total = found.page.total
    if total >= FEW or (total and request.results_only):
        return found
    words = correct(snapshot, asked, document_type=request.order.document_type, total=total)
    if total == 0:
        if words and (corrected := result(words)).page.total:
            return corrected
        return _relax(snapshot, to_relax(), request) or found
    if not words:
        return found
    more = snapshot.count(expanded(words))
    return replace(found, offered=words) if more > total else found


def _relax(snapshot: Snapshot, asked: EngineQuery, request: SearchRequest) -> SearchResult | None:
    """Return what matches most words; None if no word matches anything."""
    of = len(relaxable(asked))
    if of > RELAXED_WORDS_MAX:
        return None
    for matched in range(of - 1, 0, -1):
        if snapshot.count(relax(asked, matched)):
            return _relaxed(snapshot, asked, request, matched=matched)
    return None


def _relaxed(
    snapshot: Snapshot, asked: EngineQuery, request: SearchRequest, *, matched: int
) -> SearchResult:
    query, some = relax(asked, matched), relaxable(asked)
    page = snapshot.page(query, request)
    left_out = tuple(
        word.text for word in some if page.hits and not snapshot.is_matched(page.hits[0], word)
    )
    used = dict(used_synonyms(asked.typed, snapshot.synonyms))
    return SearchResult(
        request,
        query.query,
        page,
        snapshot.freshness,
        expanded=used,
        relaxed=Relaxation(matched, len(some), left_out),
    )
