"""What a search reads besides the search index: the store and the journal of a data directory.

Both files are opened once they are there, because the indexer may not have made them yet. An older
store is not read before the indexer migrated it, except for the name of its search index.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import structlog
from sqlite_utils import Database

from indexer.errors import DamagedRowError, OutdatedStoreError, StoreError
from indexer.model import ALL_RIGHTS, Measures, Rights
from indexer.store.absences import AbsentTags
from indexer.store.damage import DamagedRow
from indexer.store.damage_note import note_damage
from indexer.store.database import translated_errors
from indexer.store.extraction import ExtractionProgress
from indexer.store.index_state import LiveIndex, RebuildProgress, read_live_index
from indexer.store.journal import JOURNAL_FILE, Journal, JournalCounts
from indexer.store.lineage import LineageKeys
from indexer.store.notifications import ReceivedNotifications
from indexer.store.queue import Postponed, SetAside
from indexer.store.registries import Crawl, RegistryFreshness
from indexer.store.schema import STORE_FILE
from indexer.store.seen import SeenStore
from indexer.store.store import Store

log = structlog.get_logger()

Result = TypeVar("Result")
Counted = TypeVar("Counted")

SHOWN_MAX = 100
"""Refreshes set aside, and rejected events, that a status lists."""


@dataclass(frozen=True, slots=True)
class NodeFreshness:
    """Whether what an indexer node has is searched, and whether it is kept up to date."""

    name: str
    registries: Sequence[str]
    alive_at: str | None = None
    """When its indexer was last alive, by the clock of who asks."""
    problem: str | None = None
    """Why its documents are not searched; None if they are."""


@dataclass(frozen=True, slots=True)
class StoreFreshness:
    """How fresh the store is: each registry, and by registry what the journal knows."""

    registries: Sequence[RegistryFreshness] = ()
    journal: Mapping[str, JournalCounts] = field(default_factory=dict)
    notifications: Mapping[str, ReceivedNotifications] = field(default_factory=dict)
    documents_waiting: int = 0
    """Changes of the store that are not in the search index yet."""
    documents_waiting_of: Mapping[str, int] = field(default_factory=dict)
    """Those of them that are documents of a registry, by its name; of very many, the oldest."""
    alive_at: str | None = None
    """When the indexer was last alive."""
    is_older: bool = False
    """Whether the journal knows a newer store, so that this one may lack events."""
    nodes: Sequence[NodeFreshness] = ()
    """The nodes whose stores these are, if there are several."""

    def seen_by(self, rights: Rights) -> "StoreFreshness":
        """Return the part about registries of which anything may be seen."""
        if rights.are_all:
            return self

        def seen(by_registry: Mapping[str, Counted]) -> dict[str, Counted]:
            return {name: one for name, one in by_registry.items() if rights.sees_registry(name)}

        waiting = seen(self.documents_waiting_of)
        return replace(
            self,
            registries=[row for row in self.registries if rights.sees_registry(row.name)],
            journal=seen(self.journal),
            notifications=seen(self.notifications),
            documents_waiting=sum(waiting.values()),
            documents_waiting_of=waiting,
            nodes=[node for node in self.nodes if any(map(rights.sees_registry, node.registries))],
        )

    @property
    def is_waiting(self) -> bool:
        """Whether anything is on its way to the search index."""
        refreshes = any(row.refreshes_waiting for row in self.registries)
        entries = any(counts.waiting for counts in self.journal.values())
        return refreshes or entries or self.documents_waiting > 0


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """What the store and the journal tell an operator."""

    stale_documents: int = 0
    rebuild: RebuildProgress | None = None
    extraction: ExtractionProgress | None = None
    crawls: Mapping[str, Crawl | None] = field(default_factory=dict)
    set_aside: Sequence[SetAside] = ()
    postponed: Sequence[Postponed] = ()
    rejected: Sequence[tuple[str, str, str]] = ()
    damaged: Sequence[DamagedRow] = ()
    damaged_total: int = 0
    measures: Mapping[str, Measures] = field(default_factory=dict)
    """What the indexer measured of each registry."""


class StoreSearchState:
    """Reads one data directory. Belongs to one thread, inside :meth:`begin_request`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._store: Store | None = None
        self._seen: SeenStore | None = None
        self._journal: Journal | None = None
        self._closes_at_once = False
        self._freshness: tuple[tuple[int, int], StoreFreshness] | None = None
        self._names: tuple[int, Mapping[str, frozenset[str]]] | None = None
        self._rights = ALL_RIGHTS

    @contextmanager
    def begin_request(self, rights: Rights = ALL_RIGHTS) -> Iterator[None]:
        """Enclose one request; SQLite's errors become :class:`StoreError` with the directory.

        What ``rights`` do not let see is not there for it, but in the freshness and the status.

        The indexer is told of a row that cannot be read.
        """
        self._rights = rights
        try:
            with translated_errors(self.directory):
                yield
        except DamagedRowError:
            note_damage(self.directory)
            raise
        finally:
            self._rights = ALL_RIGHTS
            if self._closes_at_once:
                self.close()

    def live(self) -> LiveIndex | None:
        """Return the generation that answers searches; None before the first."""
        try:
            store = self._open_store()
        except OutdatedStoreError:
            return self._live_of_older_store()
        return store.search_index.live() if store else None

    def look_again(self) -> None:
        """Do nothing: the store is asked each time which generation is live."""

    def freshness(self) -> StoreFreshness:
        """Return how fresh the store is; nothing before it is there and migrated.

        It is counted again only after a change of the store or the journal.
        """
        store, journal = self._current_store(), self._open_journal()
        if store is None:
            return StoreFreshness()
        # Before the counts, so that a change meanwhile is noticed the next time.
        version = store.version(), journal.version() if journal else 0
        if self._freshness is None or self._freshness[0] != version:
            self._freshness = version, self._counted(store, journal)
        return self._freshness[1]

    def _counted(self, store: Store, journal: Journal | None) -> StoreFreshness:
        """Return how fresh the store is, as of before if a row says what cannot be."""
        try:
            with translated_errors(self.directory):
                return _count(store, journal)
        except (DamagedRowError, ValueError, TypeError) as error:
            # Searches are answered without it; the indexer sets the row aside.
            note_damage(self.directory)
            log.warning("freshness_unreadable", reason=str(error))
            return self._freshness[1] if self._freshness else StoreFreshness()

    def lineage_keys(self) -> LineageKeys | None:
        """Return the meaning of ``base:``, ``baseof:`` and ``layer:``; None without a store."""
        with suppress(OutdatedStoreError):
            store = self._open_seen()
            return store.lineage_keys if store else None
        return None

    def status(self) -> StoreStatus:
        """Return what an operator asks for; nothing before the store is there and migrated."""
        store, journal = self._current_store(), self._open_journal()
        rejected = journal.rejected(limit=SHOWN_MAX) if journal else ()
        if store is None:
            return StoreStatus(rejected=rejected)
        return StoreStatus(
            stale_documents=store.search_index.stale_count(),
            rebuild=store.search_index.rebuild(),
            extraction=store.extraction.progress(),
            crawls=store.registries.latest_crawls(),
            set_aside=store.queue.list_set_aside(limit=SHOWN_MAX),
            postponed=store.queue.list_postponed(limit=SHOWN_MAX),
            rejected=rejected,
            damaged=store.damage.list_newest(limit=SHOWN_MAX),
            damaged_total=store.damage.count(),
            measures=store.measures.get(),
        )

    def read(self, function: Callable[[Store], Result]) -> Result:
        """Return what ``function`` reads; :class:`StoreError` before an indexer made the store."""
        store = self._open_seen()
        if store is None:
            raise StoreError(f"{self.directory}: no indexer has made a store yet")
        return function(store)

    def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories that were ever seen, by registry.

        It is the same object until the store changes.
        """
        store = self._current_store()
        if store is None:
            return {}
        version = store.version()
        if self._names is None or self._names[0] != version:
            self._names = version, store.repositories.names()
        return self._names[1]

    def token_origin(self, registry: str) -> str:
        """Return scheme, host and port of the token service of a registry; "" if unknown."""
        store = self._current_store()
        return store.registries.token_origin(registry) if store else ""

    def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return, by registry, what the last crawl did not find and is still shown."""
        store = self._open_store()
        if store is None:
            return {}
        return {
            name: store.absences.list_in(number, quarantined=True)
            for name, number in _registries(store).items()
        }

    def close(self) -> None:
        """Close all files."""
        if self._store is not None:
            self._store.close()
        if self._seen is not None:
            self._seen.close()
        if self._journal is not None:
            self._journal.close()
        self._store, self._seen, self._journal = None, None, None
        self._closes_at_once = False
        self._freshness = self._names = None

    def _current_store(self) -> Store | None:
        """Return the store; None before it is there and migrated."""
        with suppress(OutdatedStoreError):
            return self._open_store()
        return None

    def _open_store(self) -> Store | None:
        """Return the store; None before the first start of an indexer.

        :class:`StoreError` when it is there and cannot be read: that is not the same.
        """
        if self._store is None and (self.directory / STORE_FILE).exists():
            self._look_at_disk()
            self._store = Store(self.directory, read_only=True)
        return self._store

    def _open_seen(self) -> Store | None:
        """Return the store as the rights of the request show it; None as :meth:`_open_store`."""
        store = self._open_store()
        if store is None or self._rights.are_all:
            return store
        # Another connection: whoever sees everything reads without views.
        if self._seen is None:
            self._look_at_disk()
            self._seen = SeenStore(self.directory)
        self._seen.see(self._rights)
        return self._seen

    def _open_journal(self) -> Journal | None:
        """Return the journal; None before it is there and migrated."""
        if self._journal is None and (self.directory / JOURNAL_FILE).exists():
            self._look_at_disk()
            with suppress(OutdatedStoreError):
                self._journal = Journal(self.directory, read_only=True)
        return self._journal

    def _live_of_older_store(self) -> LiveIndex | None:
        """Return the generation of before a migration; nobody knows what it lacks."""
        uri = f"{(self.directory / STORE_FILE).resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True)
        # A much older version kept less about it.
        with closing(connection), suppress(sqlite3.OperationalError):
            live = read_live_index(Database(connection, execute_plugins=False))
            return replace(live, complete=False) if live else None
        return None

    def _look_at_disk(self) -> None:
        """Note to close again what is opened on a disk that is read-only.

        SQLite shares what it opened so with every later connection of this process, which then
        could not write, as receiving must once the disk is well again.
        """
        self._closes_at_once = self._closes_at_once or not os.access(self.directory, os.W_OK)


def _count(store: Store, journal: Journal | None) -> StoreFreshness:
    """Count what waits, on its way from the journal to the search index.

    In this order: whatever moves on meanwhile is counted at one place or another.
    """
    reached = journal.reached() if journal else 0
    position = store.journal_position()
    counts = journal.counts(position) if journal else {}
    registries = store.registries.freshness()
    since = {row.name: row.last_complete_crawl_started_at for row in registries}
    return StoreFreshness(
        registries=registries,
        journal=counts,
        notifications=journal.notifications(since) if journal else {},
        documents_waiting=store.search_index.stale_count(),
        documents_waiting_of=store.search_index.stale_counts(),
        alive_at=store.alive_at(),
        is_older=position < reached,
    )


def _registries(store: Store) -> dict[str, int]:
    tables = store.registries
    return {row.name: tables.registry_id(row.name) or 0 for row in tables.freshness()}
