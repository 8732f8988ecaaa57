"""From one request to one result, over one snapshot of the search index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil, log2

from indexer.errors import QueryError
from indexer.model import Everything, Query, SearchPage, Word, words
from search_api.query import (
    mistaken_fields,
    parse_query,
    plain_query,
    text_with_words_replaced,
    used_synonyms,
)
from search_api.search.corrections import FEW, MORE, correct
from search_api.search.cost import check_page
from search_api.search.cursors import RELAXED_WORDS_MAX, WEIGHT_MAX, Cursor
from search_api.search.freshness import SearchFreshness
from search_api.search.hosts import with_canonical_hosts, without_hosts
from search_api.search.request import SearchRequest
from search_api.search.rewrite import (
    OF_ALL,
    EngineQuery,
    expand,
    relax,
    relaxable,
    require,
    respell,
    rewrite,
    uses,
)
from search_api.search.snapshot import AccessLimits, Snapshot

RAREST = 4
"""The weight of a rare word, if some are left out; a frequent one weighs 1."""
RARITY_STEP = 2
"""In powers of two of the share of documents: how much rarer a word is that weighs one more."""
USE_SHARE = 1 / 2
_SHARES = (1 / 4, 1 / 8, 1 / 100)
"""Of the weight of all words: what results must match at least, tried in order."""


@dataclass(frozen=True, slots=True)
class SpellingSuggestion:
    """The text of a query with other spellings: offered, or used because nothing matched."""

    text: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The first result matches ``matched`` of the query's words: nothing matches all of them."""

    matched: int
    of: int
    left_out: tuple[str, ...]
    """The words that the first result does not match."""
    weights: tuple[int, ...] = ()
    """What the matched words of a result weigh at least, and what each word weighs."""


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
    limits: AccessLimits | None = None
    """What it means that a searched registry may hold what the caller may not see."""

    @property
    def total_is_exact(self) -> bool:
        """Whether no result may be missing."""
        return self.freshness.complete and (self.limits is None or self.limits.is_exact)

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
        weights = self.relaxed.weights if self.relaxed else ()
        return Cursor(self.page.hits[-1].position, self.replaced, weights)


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
    known, limits = snapshot.known, snapshot.limits(request)
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
        return replace(found, unknown_hosts=tuple(unknown), limits=limits)
    return replace(_search_known(snapshot, query, request), limits=limits)


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
        check_page(query.query, request)
        page = snapshot.page(query, request)
        used = dict(used_synonyms(query.typed, snapshot.synonyms))
        fresh = snapshot.freshness
        return SearchResult(request, query.query, page, fresh, replaced=replaced, expanded=used)

    if request.cursor is not None:
        weights = request.cursor.weights
        if weights and len(relaxable(query := to_relax())) == len(weights) - 1:
            return _relaxed(snapshot, query, request, weights)
        return result(request.cursor.replaced)
    found = result({})
    total = found.page.total
    if total >= FEW or (total and request.results_only):
        return found
    respelled = correct(snapshot, asked, document_type=request.order.document_type, total=total)
    if total == 0:
        if respelled and (corrected := result(respelled)).page.total:
            return corrected
        return _relax(snapshot, to_relax(), request) or found
    if not respelled:
        return found
    more = snapshot.count(expanded(respelled))
    return replace(found, offered=respelled) if more >= MORE * total else found


def _relax(snapshot: Snapshot, asked: EngineQuery, request: SearchRequest) -> SearchResult | None:
    """Return what matches most words; None if no word matches anything."""
    some = relaxable(asked)
    if not 1 < len(some) <= RELAXED_WORDS_MAX:
        return None
    size = snapshot.count(require(asked, Everything()))
    said_of_all = all(word.text in OF_ALL for word in some)
    weights = [
        0
        if word.text in OF_ALL and not said_of_all
        else _weight(word, snapshot.count(require(asked, word)), size, is_use=is_use)
        for word, is_use in zip(some, uses(asked), strict=True)
    ]
    for share in _SHARES:
        least = ceil(share * sum(weights))
        if least and (found := _relaxed(snapshot, asked, request, (least, *weights))).page.total:
            return found
    return None


def _weight(word: Word, count: int, size: int, *, is_use: bool) -> int:
    """Return how much it says that a document has a word that ``count`` of ``size`` have.

    Rare words say more than frequent ones, and several words of the query more than one.
    """
    if not count:
        return 0
    rarity = ceil(log2(size / count) / RARITY_STEP)
    weight = min(len(words(word.text)) * min(max(rarity, 1), RAREST), WEIGHT_MAX)
    return ceil(weight * USE_SHARE) if is_use else weight


def _relaxed(
    snapshot: Snapshot, asked: EngineQuery, request: SearchRequest, weights: tuple[int, ...]
) -> SearchResult:
    least, *each = weights
    query, some = relax(asked, least, each), relaxable(asked)
    page = snapshot.page(query, request)
    # The words of a page without results are all left out.
    left_out = tuple(
        word.text
        for word, weight in zip(some, each, strict=True)
        if not (page.hits and weight and snapshot.is_matched(page.hits[0], word))
    )
    used = dict(used_synonyms(asked.typed, snapshot.synonyms))
    return SearchResult(
        request,
        query.query,
        page,
        snapshot.freshness,
        expanded=used,
        relaxed=Relaxation(len(some) - len(left_out), len(some), left_out, weights),
    )
