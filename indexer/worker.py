"""The indexer: one process that owns every write to the store and the search index."""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from indexer.clock import Clock
from indexer.engines import Engine
from indexer.errors import IndexerRunningError
from indexer.indexing import Indexing
from indexer.intake import ENTRIES_PER_WRITE, take_in
from indexer.model.notification import Action
from indexer.registry import Credentials, RegistryClient
from indexer.registry_worker import RegistryPlan, RegistryWorker
from indexer.settings import RegistrySettings, Settings
from indexer.store import Entry, Journal, RegistryRow, Store, StoreThread

log = structlog.get_logger()

PID_FILE = "indexer.pid"
POLL_SECONDS = 0.05
"""How often the journal is looked at."""
JOURNAL_RETENTION = timedelta(days=7)
PRUNE_SECONDS = 3_600


@contextmanager
def indexer_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a data directory; its file tells the process that holds it.

    :class:`IndexerRunningError` when another process holds it. The lock goes with the process,
    however that ends.
    """
    with (directory / PID_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            raise IndexerRunningError(
                f"an indexer runs in {directory} already, as process {holder}"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


async def run_indexer(settings: Settings, *, engine: Engine, clock: Clock) -> None:
    """Index the registries of the settings until cancelled.

    The caller holds :func:`indexer_lock`.
    """
    directory = settings.data_dir
    async with AsyncExitStack() as stack:
        journal = Journal(directory)
        stack.callback(journal.close)
        store = StoreThread(Store(directory))
        stack.callback(store.close)
        rows = await store.write(lambda opened: _put_registries(opened, settings))
        indexing = Indexing(directory=directory, engine=engine, store=store, clock=clock)
        stack.push_async_callback(indexing.close)
        workers: dict[str, RegistryWorker] = {}
        for registry in settings.registry:
            client = _client(registry, clock=clock)
            stack.push_async_callback(client.aclose)
            workers[registry.name] = RegistryWorker(
                registry=rows[registry.name],
                plan=RegistryPlan(registry.crawl_interval, registry.max_in_flight),
                client=client,
                store=store,
                clock=clock,
                on_change=indexing.changed.set,
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(indexing.run())
            tasks.create_task(_prune(journal, store, clock=clock))
            for worker in workers.values():
                tasks.create_task(worker.run())
            tasks.create_task(_take_in_entries(journal, store, rows, workers, clock=clock))


def _put_registries(store: Store, settings: Settings) -> dict[str, RegistryRow]:
    return {
        registry.name: store.registries.put(
            registry.name, url=registry.url, registry_host=registry.registry_host
        )
        for registry in settings.registry
    }


def _client(registry: RegistrySettings, *, clock: Clock) -> RegistryClient:
    credentials = Credentials(registry.username, registry.secret()) if registry.username else None
    return RegistryClient(
        registry.url,
        clock=clock,
        credentials=credentials,
        max_in_flight=registry.max_in_flight,
    )


async def _take_in_entries(
    journal: Journal,
    store: StoreThread,
    registries: Mapping[str, RegistryRow],
    workers: Mapping[str, RegistryWorker],
    *,
    clock: Clock,
) -> None:
    """Move the journal's entries into the queue, for ever."""

    def move(opened: Store) -> list[Entry]:
        position = opened.journal_position()
        entries, reached = journal.entries_after(position, limit=ENTRIES_PER_WRITE)
        if reached > position:
            with opened.transaction():
                take_in(opened, entries, registries=registries, now=clock.now())
                opened.set_journal_position(reached)
        return entries

    while True:
        entries = await store.read(move)
        for entry in entries:
            worker = workers.get(entry.registry)
            if worker is not None:
                worker.wake(at_once=entry.event.action is Action.CRAWL)
        if len(entries) < ENTRIES_PER_WRITE:
            await clock.sleep(POLL_SECONDS)


async def _prune(journal: Journal, store: StoreThread, *, clock: Clock) -> None:
    """Drop old entries of the journal whose effect is in the store, for ever."""

    def prune(opened: Store) -> int:
        before = clock.now() - JOURNAL_RETENTION
        return journal.prune(opened.journal_position(), received_before=before)

    while True:
        dropped = await store.read(prune)
        if dropped:
            log.info("journal_pruned", entries=dropped)
        await clock.sleep(PRUNE_SECONDS)
