"""The indexer: the one process that writes to the store and the search index."""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from indexer.clock import Clock
from indexer.engines import Engine
from indexer.errors import DamagedRowError, IndexerRunningError, StoreError
from indexer.extract import KindTable
from indexer.indexing import Indexing
from indexer.intake import ask_for_crawl, count_pulls, enqueue_entries, note_lost_events
from indexer.model import RepositoryRow
from indexer.nodes import Announcer
from indexer.refresh import RegistryPlan, RegistryWorker
from indexer.registry import (
    RegistryClient,
    TokenRealm,
    registry_client,
)
from indexer.retention import forget_in_time
from indexer.settings import RegistrySettings, Settings
from indexer.store import (
    JOURNAL_FILE,
    STORE_FILE,
    Journal,
    RegistryRow,
    Store,
    StoreThread,
    take_damage_note,
)

log = structlog.get_logger()

PID_FILE = "indexer.pid"
ALIVE_SECONDS = 1.0
NOTE_PAUSE = timedelta(seconds=5)
"""How long after a start no note of damage is heeded: all is read to find the damaged rows."""
NOTED = "a search or a reader met a row that cannot be read"


@contextmanager
def indexer_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a data directory; the lock file contains the id of this process.

    :class:`IndexerRunningError` if another process holds the lock, :class:`StoreError` if the
    file cannot be written. The lock ends with the process, however the process ends.
    """
    path = directory / PID_FILE
    with _named_errors(path):
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            raise IndexerRunningError(
                f"an indexer runs in {directory} already, as process {holder}"
            ) from error
        with _named_errors(path):
            # Not through the buffer of the file: closing would write it again, and fail again.
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


async def run_indexer(
    settings: Settings,
    *,
    engine: Engine,
    clock: Clock,
    kinds: KindTable,
    others: Sequence[Engine] = (),
    extract_processes: int = 0,
    announcer: Announcer | None = None,
) -> None:
    """Index the registries of the settings until cancelled.

    ``kinds`` are the kinds of content to recognise. ``others`` are engines that may have made the
    present search index. All of a store is extracted in ``extract_processes`` of their own, or in
    this one without any. ``announcer`` tells other nodes, if there are any. The caller holds
    :func:`indexer_lock`.
    """
    directory = settings.data_dir
    async with AsyncExitStack() as stack:
        journal = Journal(directory)
        stack.callback(journal.close)
        store = StoreThread(Store(directory))
        stack.callback(store.close)
        await store.write(lambda opened: opened.set_alive(clock.now()))
        rows = await store.write(lambda opened: put_registries(opened, settings, now=clock.now()))
        await store.read(lambda opened: note_lost_events(journal, opened, now=clock.now()))
        indexing = Indexing(
            directory=directory,
            engine=engine,
            others=others,
            store=store,
            clock=clock,
            kinds=kinds,
            processes=extract_processes,
            on_swap=announcer.announce if announcer else None,
        )
        stack.push_async_callback(indexing.close)
        workers: dict[str, RegistryWorker] = {}
        for registry in settings.registry:
            client = _client(registry, rows[registry.name], store=store, clock=clock)
            stack.push_async_callback(client.aclose)
            workers[registry.name] = RegistryWorker(
                registry=rows[registry.name],
                plan=RegistryPlan(
                    registry.crawl_interval,
                    registry.max_in_flight,
                    kinds=kinds,
                    includes=registry.includes,
                    learns=registry.learns_moves,
                ),
                client=client,
                store=store,
                clock=clock,
                on_change=indexing.changed.set,
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stay_alive(store, clock=clock, directory=directory))
            tasks.create_task(indexing.run())
            if announcer is not None:
                tasks.create_task(announcer.run())
            tasks.create_task(forget_in_time(journal, store, settings, clock=clock))
            tasks.create_task(
                count_pulls(journal, store, rows, clock=clock, on_change=indexing.changed.set)
            )
            for worker in workers.values():
                tasks.create_task(worker.run())
            tasks.create_task(enqueue_entries(journal, store, rows, workers, clock=clock))


async def stay_alive(store: StoreThread, *, clock: Clock, directory: Path) -> None:
    """Write every second, for ever, that this process is alive and can write.

    It is a task of its own, so it goes on while documents are made and registries read.
    :class:`DamagedRowError` when somebody who reads the store met a damaged row.
    """
    is_failing = False
    heeds_notes_from = clock.now() + NOTE_PAUSE
    while True:
        if clock.now() >= heeds_notes_from and take_damage_note(directory):
            raise DamagedRowError(NOTED)
        try:
            await store.write(lambda opened: opened.set_alive(clock.now()))
            is_failing = False
        except StoreError as error:
            # Such as a full disk: searches notice that nothing is written any more.
            if not is_failing:
                log.warning("alive_not_written", reason=str(error))
            is_failing = True
        await clock.sleep(ALIVE_SECONDS)


def set_damage_aside(directory: Path, *, now: datetime) -> int:
    """Set aside the rows of store and journal that cannot be read; return how many.

    Each is named in the log, and what it told is read again from its registry. The caller holds
    :func:`indexer_lock`, and nobody else in this process has the files open.
    :class:`UnusableFileError` if rows are not all that is damaged.
    """
    with closing(Journal(directory)) as journal, closing(Store(directory)) as store:
        lost = journal.set_damage_aside()
        with store.transaction():
            found = store.damage.set_aside(at=now)
            store.damage.remember(lost, at=now)
            if lost:
                store.registries.set_lost(at=now)
        for file, rows in ((JOURNAL_FILE, lost), (STORE_FILE, found)):
            for row in rows:
                log.error(
                    "row_set_aside",
                    file=str(directory / file),
                    table=row.table,
                    row=row.row,
                    reason=row.reason,
                )
    return len(lost) + len(found)


def put_registries(store: Store, settings: Settings, *, now: datetime) -> dict[str, RegistryRow]:
    """Make the registries of the store agree with the settings; return their rows by name.

    A registry that is no longer in the settings leaves the search index. Its content stays in the
    store, and it is read again if it comes back. A registry with a new host is read again at once.
    """
    rows: dict[str, RegistryRow] = {}
    for registry in settings.registry:
        shown = _repositories(store, registry.name, now=now)[:1]
        row = store.registries.put(
            registry.name,
            url=registry.url,
            registry_host=registry.registry_host,
            pull_through_ttl=registry.pull_through_ttl if registry.pull_through else None,
            notifies=registry.notifications,
        )
        rows[registry.name] = row
        if any(repository.registry_host != row.registry_host for repository in shown):
            log.info("registry_moved", registry=row.name, registry_host=row.registry_host)
            _ask_for_crawl(store, row.name, now=now)
    for known in store.registries.freshness():
        if known.name not in rows:
            _take_out_of_search(store, known.name, now=now)
            store.registries.remove(known.name)
    return rows


def _take_out_of_search(store: Store, registry: str, *, now: datetime) -> None:
    repositories = _repositories(store, registry, now=now)
    for repository in repositories:
        for tag in store.content.tags(repository.id):
            store.content.hide_tag(repository.id, tag, seen_at=now)
    if repositories:
        log.warning("registry_removed", registry=registry, repositories=len(repositories))
        _ask_for_crawl(store, registry, now=now)


def _repositories(store: Store, registry: str, *, now: datetime) -> list[RepositoryRow]:
    """Return the repositories of a registry that have a visible tag."""
    registry_id = store.registries.registry_id(registry)
    if registry_id is None:
        return []
    names = store.repositories.list_visible(registry_id)
    ids = [store.repositories.put(registry_id, name, seen_at=now) for name in names]
    return [store.repositories.get(repository_id) for repository_id in ids]


def _ask_for_crawl(store: Store, registry: str, *, now: datetime) -> None:
    registry_id = store.registries.registry_id(registry)
    assert registry_id is not None  # noqa: S101 - it has repositories
    ask_for_crawl(store, registry_id, now=now)


def _client(
    registry: RegistrySettings, row: RegistryRow, *, store: StoreThread, clock: Clock
) -> RegistryClient:
    async def keep(origin: str) -> None:
        try:
            await store.write(lambda opened: opened.registries.set_token_origin(row.id, origin))
        except StoreError as error:
            # Such as a full disk. The token is good, and the next run learns the origin again.
            log.warning("token_service_not_kept", registry=row.name, reason=str(error))
        else:
            log.info("token_service_pinned", registry=row.name, origin=origin)

    if registry.insecure:
        log.warning("tls_not_verified", registry=row.name, reason="insecure = true")
    return registry_client(
        registry,
        clock=clock,
        realm=TokenRealm(named=registry.token_realm, pinned=row.token_origin, keep=keep),
    )
