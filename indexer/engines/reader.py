"""Searches of a generation, the same for every engine with an index for each type of document."""

from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Generic, Protocol

from typing_extensions import override

from indexer.engines.protocol import IndexReader
from indexer.engines.ranking import (
    IS_MET_BY_IMAGES,
    TEXT,
    Address,
    Matcher,
    PageWindow,
    Places,
    RankedHit,
    RankingPlan,
    answer_by_images,
    asks_images,
    make_plan,
)
from indexer.model import (
    And,
    DocumentType,
    Everything,
    FacetCounts,
    Position,
    Query,
    SearchPage,
    Sort,
    TextBlock,
    Visible,
    edits_allowed,
    make_rights,
)

_ANSWERS_KEPT = 64
"""For so many conditions the large repositories that meet them are kept until the next commit."""


class IndexOfType(Protocol[Address]):
    """Searches the index of one type of document."""

    @property
    def parts(self) -> Sequence[Matcher[Any]]:
        """The parts of the index, each with documents of its own."""

    def refresh(self) -> bool:
        """Make later searches see everything committed before this call.

        Return whether they may see anything new.
        """

    def first(
        self,
        query: Query,
        plan: RankingPlan | None,
        window: PageWindow,
        *,
        sort: Sort,
        facets: Sequence[str],
    ) -> tuple[list[RankedHit[Address]], int, Mapping[str, FacetCounts]]:
        """Return the hits in a window by ``plan``, or else by ``sort``; the total; the facets."""

    def newest(self, query: Query, groups: Sequence[Query]) -> list[Address | None]:
        """Return the newest document in each group that matches; see the protocol."""

    def repositories(self, query: Query) -> frozenset[tuple[str, str]]:
        """Return the registries and names of the repositories of all that matches."""

    def stored(
        self, address: Address, *, with_texts: bool
    ) -> tuple[dict[str, Any], Sequence[TextBlock]]:
        """Return the stored result of a document and, if requested, its searchable texts."""

    def close(self) -> None:
        """Release all files, locks and connections."""


class TypedReader(IndexReader, Generic[Address]):
    """Searches a generation with an index for each type of document."""

    _indexes: dict[DocumentType, IndexOfType[Address]]
    _asks: Callable[[Query], Places] | None = None
    """Finds repositories by asking the images of large ones; None before these were looked for."""

    @override
    def refresh(self) -> None:
        are_new = {index.refresh() for index in self._indexes.values()}
        if True in are_new:
            self._asks = None

    @override
    def search(
        self,
        query: Query,
        *,
        document_type: DocumentType,
        limit: int,
        after: Position | None = None,
        sort: Sort = Sort.RELEVANCE,
        is_reversed: bool = False,
        facets: Sequence[str] = (),
        with_texts: bool = False,
        preferred: Query | None = None,
    ) -> SearchPage:
        index = self._indexes[document_type]
        with self._errors():
            # One hit more shows whether more follow. Names start with the least.
            is_descending = (sort is Sort.NAME) == is_reversed
            window = PageWindow(limit + 1, after, is_descending, with_texts)
            # From the query as it was asked: what images meet changes no points.
            plan = make_plan(query, preferred) if sort is Sort.RELEVANCE else None
            by_words = plan if plan and plan.parts else None
            if answer := self._answering(document_type, query, preferred):
                query, by_words = answer(query), _answered(by_words, answer)
            ranked, total, counts = index.first(query, by_words, window, sort=sort, facets=facets)
            hits = tuple(
                one.shown(sort, *index.stored(one.address, with_texts=with_texts))
                for one in ranked[:limit]
            )
        return SearchPage(hits, total, has_more=len(ranked) > limit, facets=counts)

    @override
    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int, within: Query | None = None
    ) -> list[tuple[str, int]]:
        with self._errors():
            within = self._answered(document_type, within) if within else None
            for edits in range(1, edits_allowed(word) + 1):
                counts = Counter[str]()
                for part in self._indexes[document_type].parts:
                    # A vocabulary may hold a word twice.
                    near = dict(part.vocabulary(TEXT).near(word, limit=edits))
                    found = [other for other, its_edits in near.items() if its_edits == edits]
                    having = [part.term(TEXT, other) for other in found]
                    counts.update(dict(zip(found, part.counts(having, within), strict=True)))
                if ordered := sorted((+counts).items(), key=lambda one: (-one[1], one[0])):
                    return ordered[:limit]
        return []

    @override
    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        with self._errors():
            asked = self._answered(document_type, query or Everything())
            return sum(part.total(asked) for part in self._indexes[document_type].parts)

    @override
    def newest(
        self, query: Query, groups: Sequence[Query], *, document_type: DocumentType
    ) -> list[Mapping[str, Any] | None]:
        index = self._indexes[document_type]
        with self._errors():
            query, *groups = (self._answered(document_type, one) for one in (query, *groups))
            return [
                None if address is None else index.stored(address, with_texts=False)[0]
                for address in index.newest(query, groups)
            ]

    def _answered(self, document_type: DocumentType, query: Query) -> Query:
        answer = self._answering(document_type, query)
        return answer(query) if answer else query

    def _answering(
        self, document_type: DocumentType, *queries: Query | None
    ) -> Callable[[Query], Query] | None:
        """Return what has images answer the conditions of queries; None if nothing is to ask."""
        if document_type is not DocumentType.REPOSITORY:
            return None
        if not any(query is not None and asks_images(query) for query in queries):
            return None
        if self._asks is None:
            self._asks = self._asking_images()
        # A plan asks for what the query asks for, and so does the next page.
        find = self._asks
        return lambda query: answer_by_images(query, find)

    def _asking_images(self) -> Callable[[Query], Places]:
        names = defaultdict[str, set[str]](set)
        found = self._indexes[DocumentType.REPOSITORY].repositories(IS_MET_BY_IMAGES)
        for registry, name in found:
            names[registry].add(name)
        images, large = self._indexes[DocumentType.IMAGE], Visible(make_rights((), names))
        if not found:
            return lambda _: found
        return lru_cache(_ANSWERS_KEPT)(lambda asked: images.repositories(And((asked, large))))

    @abstractmethod
    def _errors(self) -> AbstractContextManager[None]:
        """Turn any error of a library into :class:`indexer.errors.EngineError`."""


def _answered(plan: RankingPlan | None, answer: Callable[[Query], Query]) -> RankingPlan | None:
    if plan is None:
        return None
    preferred = answer(plan.preferred) if plan.preferred else None
    return replace(plan, filters=tuple(map(answer, plan.filters)), preferred=preferred)
