"""Answering searches from the search index and the store, both of which are only read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, Required, TypedDict, TypeVar, Unpack

import structlog

from indexer.clock import Clock
from indexer.engines import Engine, IndexReader
from indexer.errors import EngineError, StoreError
from indexer.extract import KindTable
from indexer.model import DocumentType, Position, Query, SearchPage, Sort
from indexer.store import (
    AbsentTags,
    Crawl,
    ExtractionProgress,
    Journal,
    JournalCounts,
    LiveIndex,
    RebuildProgress,
    RegistryFreshness,
    SetAside,
    Store,
    translated_errors,
)
from search_api.resources import Resources
from search_api.search.rewrite import resolved, searched_type

log = structlog.get_logger()

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
FRESHNESS_AGE = timedelta(milliseconds=250)
"""How old a freshness may be that is shown again; counting costs more than a search."""
SET_ASIDE_SHOWN = 100


class SearchOptions(TypedDict, total=False):
    """What of a search's answer is wanted: see :meth:`indexer.engines.IndexReader.search`."""

    limit: Required[int]
    after: Position | None
    sort: Sort
    is_reversed: bool
    facets: Sequence[str]
    with_texts: bool


@dataclass(frozen=True, slots=True)
class Freshness:
    """How true an answer is: of the search index as a whole, and of each registry."""

    index_complete: bool
    registries: tuple[RegistryFreshness, ...]
    journal: dict[str, JournalCounts]

    @property
    def complete(self) -> bool:
        """Whether every registry was read whole, can be read now, and is in the search index."""
        whole = all(row.last_complete_crawl_at and not row.error for row in self.registries)
        return self.index_complete and bool(self.registries) and whole


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of hits and how true it is."""

    page: SearchPage
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class Status:
    """Everything an operator asks for."""

    freshness: Freshness
    live: LiveIndex | None
    wanted_engine: str
    """The one that the settings name; the live index is another's until a rebuild is done."""
    documents: dict[DocumentType, int]
    index_size_bytes: int
    stale_documents: int
    rebuild: RebuildProgress | None
    extraction: ExtractionProgress | None
    crawls: dict[str, Crawl | None]
    set_aside: list[SetAside]
    rejected: list[tuple[str, str, str]]


class Searcher:
    """Searches one data directory; opened lazily, for the indexer may not have made it yet.

    Belongs to one thread, as an engine's reader does. Its methods are called through ``run``.
    """

    def __init__(
        self,
        *,
        directory: Path,
        engine: Engine,
        clock: Clock,
        kinds: KindTable,
        others: Sequence[Engine] = (),
    ) -> None:
        """Take the engine that the settings name, and ``others`` that may have made the index."""
        self.directory = directory
        self._engine = engine
        self._engines = {one.name: one for one in (*others, engine)}
        self._clock = clock
        self._kinds = kinds
        self._store: Store | None = None
        self._journal: Journal | None = None
        self._is_for_now = False
        self._reader: IndexReader | None = None
        self._live: LiveIndex | None = None
        self._freshness: tuple[datetime, Freshness] | None = None

    def run(
        self,
        function: "Callable[Concatenate[Searcher, Parameters], Result]",
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Return what ``function`` makes of this and the other arguments.

        SQLite's errors become :class:`indexer.errors.StoreError` naming the data directory.
        """
        try:
            with translated_errors(self.directory):
                return function(self, *arguments, **named)
        finally:
            if self._is_for_now:
                self._close_databases()

    def search(
        self, query: Query, *, document_type: DocumentType, **options: Unpack[SearchOptions]
    ) -> Answer:
        """Return a page of hits and how true it is; see the reader of an index for the options."""
        document_type = searched_type(query, document_type)
        # First how fresh we are, for that must not tell of anything that came after the search.
        freshness = self._known_freshness()
        if (store := self._open_store()) is not None:
            query = resolved(query, store.lineage_keys)
        page = self._with_reader(
            lambda reader: (
                reader.search(query, document_type=document_type, **options)
                if reader
                else SearchPage((), 0, has_more=False)
            )
        )
        return Answer(page, replace(freshness, index_complete=self._is_index_complete()))

    def spellings(
        self, word: str, *, document_type: DocumentType, limit: int
    ) -> list[tuple[str, int]]:
        """Return words spelled like ``word`` and in how many documents, nearest first."""
        return self._with_reader(
            lambda reader: (
                reader.spellings(word, document_type=document_type, limit=limit) if reader else []
            )
        )

    def read(self, function: Callable[[Resources], Result]) -> Result:
        """Return what ``function`` reads; :class:`StoreError` before an indexer made the store."""
        store = self._open_store()
        if store is None:
            raise StoreError(f"{self.directory}: no indexer has made a store yet")
        return function(Resources(store, now=self._clock.now(), kinds=self._kinds))

    def is_ready(self) -> bool:
        """Tell whether searches can be answered with what the search index holds."""
        return self._with_reader(lambda reader: reader is not None)

    def _with_reader(self, use: Callable[[IndexReader | None], Result]) -> Result:
        """Return what ``use`` makes of the live generation; None stands for none that opens.

        :class:`EngineError` when one that opened cannot be searched.
        """
        try:
            return use(self._open_reader())
        except EngineError as error:
            # A generation that was swapped away while it was read: the next one is there already.
            log.warning("search_index_reopened", reason=str(error))
            self._close_reader()
        try:
            reader = self._open_reader()
        except EngineError as error:
            # The indexer makes it anew; until then answers say that they are not complete.
            log.warning("search_index_unusable", reason=str(error))
            reader = None
        return use(reader)

    def _open_store(self) -> Store | None:
        """Return the store; None before the first start of an indexer.

        :class:`StoreError` when it is there and cannot be read: that is not the same.
        """
        if self._store is None and (self.directory / "store.db").exists():
            self._look_at_disk()
            self._store = Store(self.directory, read_only=True)
        return self._store

    def _open_journal(self) -> Journal | None:
        if self._journal is None and (self.directory / "journal.db").exists():
            self._look_at_disk()
            self._journal = Journal(self.directory, read_only=True)
        return self._journal

    def _look_at_disk(self) -> None:
        """Note to close again what is opened on a disk that is read-only.

        SQLite shares what it opened so with every later connection of this process, which then
        could not write, as receiving must once the disk is well again.
        """
        self._is_for_now = self._is_for_now or not os.access(self.directory, os.W_OK)

    def _open_reader(self) -> IndexReader | None:
        """Return a reader of the live generation as it is now; None while there is none."""
        store = self._open_store()
        live = store.search_index.live() if store else None
        is_same = live and self._live and live.generation == self._live.generation
        if self._reader is not None and is_same:
            self._live = live
            self._reader.refresh()
            return self._reader
        self._close_reader()
        engine = self._engines.get(live.engine) if live else None
        if live is None or engine is None or live.schema_version != engine.schema_version:
            # The indexer makes one that can be read as soon as it is started.
            return None
        self._reader = engine.open_reader(live.generation)
        self._live = live
        return self._reader

    def _is_index_complete(self) -> bool:
        return self._live is not None and self._live.complete

    def _known_freshness(self) -> Freshness:
        now = self._clock.now()
        if self._freshness is None or now - self._freshness[0] > FRESHNESS_AGE:
            self._freshness = now, self._read_freshness()
        return self._freshness[1]

    def _read_freshness(self) -> Freshness:
        store, journal = self._open_store(), self._open_journal()
        if store is None:
            return Freshness(index_complete=False, registries=(), journal={})
        position = store.journal_position()
        return Freshness(
            index_complete=self._is_index_complete(),
            registries=tuple(store.registries.freshness()),
            journal=journal.counts(position) if journal else {},
        )

    def _index_size_bytes(self) -> int:
        live = self._live
        return self._engines[live.engine].size_bytes(live.generation) if live else 0

    def status(self) -> Status:
        """Return the state of everything."""
        documents = self._count_documents()
        store, journal = self._open_store(), self._open_journal()
        freshness = self._read_freshness()
        return Status(
            freshness=freshness,
            live=self._live,
            wanted_engine=self._engine.name,
            documents=documents,
            index_size_bytes=self._index_size_bytes(),
            stale_documents=store.search_index.stale_count() if store else 0,
            rebuild=store.search_index.rebuild() if store else None,
            extraction=store.extraction.progress() if store else None,
            crawls=_latest_crawls(store) if store else {},
            set_aside=store.queue.list_set_aside(limit=SET_ASIDE_SHOWN) if store else [],
            rejected=journal.rejected(limit=SET_ASIDE_SHOWN) if journal else [],
        )

    def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return, by registry, what a crawl did not find any more and is shown nevertheless."""
        store = self._open_store()
        if store is None:
            return {}
        numbers = _registries(store)
        return {
            name: store.absences.list_in(number, quarantined=True)
            for name, number in numbers.items()
        }

    def _count_documents(self) -> dict[DocumentType, int]:
        """Return how many documents there are; none of a search index that does not open."""
        return self._with_reader(
            lambda reader: {kind: reader.count(kind) for kind in DocumentType} if reader else {}
        )

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._live = None, None

    def close(self) -> None:
        """Close all files."""
        self._close_reader()
        self._close_databases()

    def _close_databases(self) -> None:
        if self._store is not None:
            self._store.close()
        if self._journal is not None:
            self._journal.close()
        self._store, self._journal, self._is_for_now = None, None, False


def _latest_crawls(store: Store) -> dict[str, Crawl | None]:
    numbers = _registries(store)
    return {name: store.registries.latest_crawl(number) for name, number in numbers.items()}


def _registries(store: Store) -> dict[str, int]:
    tables = store.registries
    return {row.name: tables.registry_id(row.name) or 0 for row in tables.freshness()}
