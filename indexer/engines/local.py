"""Generations as folders of files, the same for every embedded engine.

A generation is a folder with a file about it, beside an index for each type of document. That file
is written last, so an unfinished generation is recognized.
"""

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import override

from indexer.engines.protocol import WRITTEN_IN_ORDER, EncodedDocument, IndexReader, IndexWriter
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
from indexer.errors import EngineError, RegsearchError
from indexer.model import (
    And,
    Document,
    DocumentType,
    Everything,
    FacetCounts,
    Position,
    Query,
    SearchPage,
    Sort,
    TextBlock,
    Visible,
    make_rights,
)

_ABOUT = "generation.json"
_ANSWERS_KEPT = 64
"""For so many conditions the large repositories that meet them are kept until the next commit."""
_PANIC = "PanicException"
"""The name of a panic of tantivy in Python: a ``BaseException`` that no module exports."""


class GenerationFolders:
    """The generations of an engine in ``directory``, without their readers and writers.

    ``about`` identifies the engine and the schema of a generation. No other engine can read it.
    ``create_index`` makes the empty index of one type of document in a new folder.
    """

    def __init__(
        self, directory: Path, about: Mapping[str, object], create_index: Callable[[Path], object]
    ) -> None:
        self._directory = directory
        self._about = dict(about)
        self._create_index = create_index

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        self.drop(generation)
        folder = self._folder(generation)
        with engine_errors(folder):
            for kind in DocumentType:
                (folder / kind).mkdir(parents=True)
                self._create_index(folder / kind)
            (folder / _ABOUT).write_text(json.dumps(self._about))
            for written in (folder / _ABOUT, folder, self._directory):
                sync(written)

    def checked(self, generation: str) -> Path:
        """Return a generation's folder; :class:`EngineError` if missing, torn or foreign."""
        folder = self._folder(generation)
        with engine_errors(folder):
            found = json.loads((folder / _ABOUT).read_text())
        if found != self._about:
            raise EngineError(f"search index {folder} is of another schema: {found}")
        return folder

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not, in order.

        They include those of other engines with folders here. So the present engine can remove the
        generations of one that is no longer installed. A hidden folder is no generation: it
        belongs to another program, such as a file system.
        """
        if not self._directory.is_dir():
            return []
        folders = (path.name for path in self._directory.iterdir() if path.is_dir())
        return sorted(name for name in folders if not name.startswith("."))

    def drop(self, generation: str) -> None:
        """Remove a generation; a missing one is no error."""
        folder = self._folder(generation)
        with engine_errors(folder):
            if folder.is_dir():
                # This file goes first: after a kill, the rest does not look like a generation.
                (folder / _ABOUT).unlink(missing_ok=True)
                shutil.rmtree(folder)

    def size_bytes(self, generation: str) -> int:
        """Return the size of a generation in bytes; 0 for a missing one."""
        size = 0
        for folder, _, files in os.walk(self._folder(generation)):
            for name in files:
                # A writer may remove merged files meanwhile.
                with suppress(FileNotFoundError):
                    size += Path(folder, name).stat().st_size
        return size

    def _folder(self, generation: str) -> Path:
        if not generation or generation.startswith(".") or os.sep in generation:
            raise EngineError(f"not the name of a generation: {generation!r}")
        return self._directory / generation


class _Index(Protocol):
    def close(self) -> None:
        """Release all files and locks."""


class FolderWriter(_Index, Protocol):
    """Changes the index of one type of document, in a folder."""

    def apply(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit."""

    def fill(self, documents: Iterable[EncodedDocument]) -> None:
        """Add or replace ``documents`` while a generation is filled; see the protocol."""

    def commit_filled(self) -> None:
        """Make durable, and have found, what was filled."""

    def optimize(self) -> None:
        """Commit, and make later searches as fast as can be; see the protocol."""

    def count(self) -> int:
        """Return the number of documents."""


class FolderReader(_Index, Protocol[Address]):
    """Searches the index of one type of document, in a folder."""

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


One = TypeVar("One", bound=_Index)
OneWriter = TypeVar("OneWriter", bound=FolderWriter)


class _Generation(Generic[One]):
    """The open indexes of a generation."""

    def __init__(self, folder: Path, open_index: Callable[[Path], One]) -> None:
        self._folder = folder
        self._indexes: dict[DocumentType, One] = {}
        try:
            for kind in DocumentType:
                self._indexes[kind] = open_index(folder / kind)
        except EngineError:
            self.close()
            raise

    def close(self) -> None:
        """Release all files and locks."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()


class GenerationReader(_Generation[FolderReader[Address]], IndexReader):
    """Searches a generation in a folder."""

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
        with engine_errors(self._folder):
            # One hit more shows whether more follow. Names start with the least.
            window = PageWindow(limit + 1, after, is_descending=(sort is Sort.NAME) == is_reversed)
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
        edits, counts = {word: 0}, Counter[str]()
        with engine_errors(self._folder):
            within = self._answered(document_type, within) if within else None
            for part in self._indexes[document_type].parts:
                # A vocabulary may hold a word twice.
                near = dict(part.vocabulary(TEXT).near(word))
                having = [part.term(TEXT, found) for found in near]
                edits |= near
                counts.update(dict(zip(near, part.counts(having, within), strict=True)))
        del counts[word]
        ordered = sorted(+counts, key=lambda found: (edits[found], -counts[found], found))
        return [(found, counts[found]) for found in ordered[:limit]]

    @override
    def count(self, document_type: DocumentType, query: Query | None = None) -> int:
        with engine_errors(self._folder):
            asked = self._answered(document_type, query or Everything())
            return sum(part.total(asked) for part in self._indexes[document_type].parts)

    @override
    def newest(
        self, query: Query, groups: Sequence[Query], *, document_type: DocumentType
    ) -> list[Mapping[str, Any] | None]:
        index = self._indexes[document_type]
        with engine_errors(self._folder):
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


def _answered(plan: RankingPlan | None, answer: Callable[[Query], Query]) -> RankingPlan | None:
    if plan is None:
        return None
    preferred = answer(plan.preferred) if plan.preferred else None
    return replace(plan, filters=tuple(map(answer, plan.filters)), preferred=preferred)


class GenerationWriter(_Generation[OneWriter], IndexWriter):
    """Changes a generation in a folder; what cannot be stored is named in the error."""

    @override
    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        self._indexes[document_type].apply(documents, removed)

    @override
    def fill(self, document_type: DocumentType, documents: Iterable[EncodedDocument]) -> None:
        self._indexes[document_type].fill(documents)

    @override
    def commit_filled(self) -> None:
        for document_type in WRITTEN_IN_ORDER:
            self._indexes[document_type].commit_filled()

    @override
    def optimize(self) -> None:
        for document_type in WRITTEN_IN_ORDER:
            self._indexes[document_type].optimize()

    @override
    def count(self, document_type: DocumentType) -> int:
        return self._indexes[document_type].count()


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Turn any error of a library into :class:`EngineError`; the folder may be torn or foreign.

    A library may raise any class of error for wrong bytes. Errors of our own stay as they are.
    """
    try:
        yield
    except RegsearchError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        raise EngineError(f"search index {folder} cannot be used: {error!r}") from error
