"""One request's view of the search index, from its first search to its last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.engines import IndexReader
from indexer.model import (
    LIMIT_MAX,
    And,
    Condition,
    DocumentType,
    Everything,
    Hit,
    Not,
    Query,
    Rights,
    SearchPage,
    Visible,
    Word,
    fold,
)
from search_api.query import Synonyms
from search_api.search.freshness import SearchFreshness
from search_api.search.highlights import has_highlights
from search_api.search.hosts import ConfiguredRegistries, KnownRegistries
from search_api.search.references import (
    image_conditions,
    repository_condition,
    with_reference,
)
from search_api.search.request import SearchRequest
from search_api.search.rewrite import EngineQuery
from search_api.search.state import ChainFinder
from search_api.search.viewer import ALL_SIGHT, Sight

_ATTACHMENT = Condition("is", "attachment")
_EMPTY = SearchPage((), 0, has_more=False)


@dataclass(frozen=True, slots=True)
class AccessLimits:
    """A registry that was searched may hold what the caller may not see.

    It never depends on what is hidden.
    """

    is_exact: bool
    """Whether everything that may be seen was searched."""
    problem: str
    """Why a registry could not be asked what may be seen there; empty if each could."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of the live generation, and its freshness.

    The reader was refreshed once, before. Without a reader, the generation could not be opened,
    and nothing matches.
    """

    reader: IndexReader | None
    freshness: SearchFreshness
    lineage_keys: ChainFinder | None
    synonyms: Synonyms
    registries: ConfiguredRegistries
    preferred: Query | None = None
    """What is in an official namespace."""
    sight: Sight = ALL_SIGHT
    """What may be seen: all else is not there, for whatever is asked."""
    noted: list[Mapping[str, Any]] | None = None
    """Where results are noted that were found, if somebody wants to know."""

    @property
    def rights(self) -> Rights:
        """What may be seen."""
        return self.sight.rights

    @property
    def known(self) -> KnownRegistries:
        """The registries of which anything may be seen."""
        return self.registries.seen_by(self.rights)

    def limits(self, request: SearchRequest) -> AccessLimits | None:
        """Return what it means for a request that not everything may be seen; None if nothing."""
        is_limited = self.registries.are_limited(
            self.rights, registry=request.registry, host=request.host
        )
        if not is_limited:
            return None
        searched = self.registries.searched(registry=request.registry, host=request.host)
        problems = [self.sight.problems[one] for one in searched if one in self.sight.problems]
        return AccessLimits(is_exact=self.sight.is_exact, problem=problems[0] if problems else "")

    def page(self, query: EngineQuery, request: SearchRequest) -> SearchPage:
        """Return the requested page; the search passes over skipped hits.

        Each repository has the reference of an image that meets the conditions of the query.
        """
        return self._noting(self._with_references(query, self._page(query, request)))

    def _page(self, query: EngineQuery, request: SearchRequest) -> SearchPage:
        if self.reader is None:
            return _EMPTY
        order, to_skip = request.order, request.skip
        after = request.cursor.position if request.cursor else None
        while to_skip:
            passed = self.reader.search(
                self._seen(query.query),
                document_type=query.document_type,
                limit=min(to_skip, LIMIT_MAX),
                after=after,
                sort=order.sort,
                is_reversed=order.is_reversed,
                preferred=self.preferred,
            )
            if to_skip >= passed.total or not passed.has_more:
                return SearchPage((), passed.total, has_more=False)
            after = passed.hits[-1].position
            to_skip -= len(passed.hits)
        return self.reader.search(
            self._seen(query.query),
            document_type=query.document_type,
            limit=request.limit,
            after=after,
            sort=order.sort,
            is_reversed=order.is_reversed,
            facets=request.facets,
            with_texts=request.with_texts and has_highlights(query.query),
            preferred=self.preferred,
        )

    def first(self, query: EngineQuery, *, limit: int, facets: Sequence[str] = ()) -> SearchPage:
        """Return the first hits, best first."""
        if self.reader is None:
            return _EMPTY
        page = self.reader.search(
            self._seen(query.query),
            document_type=query.document_type,
            limit=limit,
            facets=facets,
            preferred=self.preferred,
        )
        return self._noting(self._with_references(query, page))

    def count(self, query: EngineQuery) -> int:
        """Return the number of matching documents."""
        if self.reader is None:
            return 0
        return self.reader.count(query.document_type, self._seen(query.query))

    def is_matched(self, hit: Hit, word: Word) -> bool:
        """Tell whether a hit of this snapshot, which may be seen, matches a word of its query."""
        if self.reader is None:
            return False
        result = hit.result
        conditions = [
            repository_condition(result),
            *([Condition("digest", fold(result["digest"]))] if "digest" in result else []),
        ]
        kind = DocumentType.IMAGE if "digest" in result else DocumentType.REPOSITORY
        return self.reader.count(kind, And((word, *conditions))) > 0

    def newest_images(
        self, query: Query, repositories: Iterable[Mapping[str, Any]]
    ) -> list[Mapping[str, Any] | None]:
        """Return the newest image in each of some repositories that meets a query.

        Of these repositories the results are given, so they may be seen, and their images with
        them. This is one search of the images, however many repositories there are.
        """
        groups = list(map(repository_condition, repositories))
        if self.reader is None or not groups:
            return [None] * len(groups)
        return self.reader.newest(query, groups, document_type=DocumentType.IMAGE)

    def _with_references(self, query: EngineQuery, page: SearchPage) -> SearchPage:
        conditions = image_conditions(query.query)
        if query.document_type is not DocumentType.REPOSITORY or conditions == Everything():
            return page
        results = [hit.result for hit in page.hits]
        images = self.newest_images(And((conditions, Not(_ATTACHMENT))), results)
        # What is attached to an image is named only where nothing else meets the conditions.
        others = [one for one, image in zip(results, images, strict=True) if image is None]
        attached = iter(self.newest_images(conditions, others))
        images = [next(attached) if image is None else image for image in images]
        hits = (
            replace(hit, result=with_reference(hit.result, image, conditions))
            for hit, image in zip(page.hits, images, strict=True)
        )
        return replace(page, hits=tuple(hits))

    def spellings(
        self, word: str, document_type: DocumentType, *, limit: int
    ) -> list[tuple[str, int]]:
        """Return the indexed words with near spellings and their matches, the nearest first."""
        if self.reader is None:
            return []
        within = None if self.rights.are_all else Visible(self.rights)
        return list(
            self.reader.spellings(word, document_type=document_type, limit=limit, within=within)
        )

    def _noting(self, page: SearchPage) -> SearchPage:
        if self.noted is not None:
            self.noted.extend(hit.result for hit in page.hits)
        return page

    def _seen(self, query: Query) -> Query:
        """Return a query that finds only what may be seen."""
        return query if self.rights.are_all else And((query, Visible(self.rights)))
