"""Journal to queue: what each received event makes due, and the facts only it can tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import structlog

from indexer.clock import Clock
from indexer.errors import JournalError
from indexer.model import Action, Event, RepositoryName
from indexer.refresh import RegistryWorker, accept
from indexer.store import (
    Entry,
    Journal,
    Place,
    Priority,
    RebuildProgress,
    RefreshKind,
    RegistryRow,
    Store,
    StoreThread,
    TagMove,
)

log = structlog.get_logger()

ENTRIES_PER_WRITE = 500
POLL_SECONDS = 0.05
"""How often the journal is looked at."""


def enqueue_refreshes(
    store: Store,
    entries: Sequence[Entry],
    *,
    registries: Mapping[str, RegistryRow],
    now: datetime,
) -> None:
    """Put what journal entries hint at into the queue, inside the caller's transaction."""
    for entry in entries:
        registry = registries.get(entry.registry)
        if entry.event.action is Action.REBUILD:
            store.search_index.set_rebuild(RebuildProgress(0, 0))
        elif entry.event.action is Action.EXTRACT:
            store.extraction.ask()
        elif registry is None:
            log.warning("entry_of_unknown_registry", registry=entry.registry, entry=entry.id)
        else:
            _enqueue_event(store, entry, registry, now=now)


def _enqueue_event(store: Store, entry: Entry, registry: RegistryRow, *, now: datetime) -> None:
    event = entry.event
    if event.source and store.registries.set_source(registry.id, event.source, at=now):
        # Its queue of notifications is in memory only: what it had not sent yet is lost, and found
        # by the crawl that follows.
        log.warning("registry_restarted", registry=registry.name)
    if event.action is Action.CRAWL:
        store.queue.add(
            registry.id, [Place(RefreshKind.CATALOG)], priority=Priority.CRAWL, due_at=now
        )
        return
    if event.action is Action.ACCEPT:
        accept(store, registry, at=now)
        return
    if event.repository is None:
        return
    if event.action is Action.PUSH and event.tag and event.digest:
        move = TagMove(
            event.tag, event.digest, event.occurred_at or entry.received_at, actor=event.actor
        )
        repository_id = store.content.repository_id(registry.id, event.repository, seen_at=now)
        store.content.add_tag_moves(repository_id, [move])
    store.queue.add(
        registry.id,
        list(_places(event, event.repository)),
        priority=Priority.EVENT,
        due_at=now,
        newest_event_at=event.occurred_at or entry.received_at,
        expected_digest=event.digest if event.action is Action.PUSH else None,
    )


def _places(event: Event, repository: RepositoryName) -> Iterator[Place]:
    """A tag and a digest in one event are one place: reading the tag shows its digest."""
    if event.tag is not None:
        yield Place(RefreshKind.TAG, repository, event.tag)
    elif event.digest is not None:
        yield Place(RefreshKind.DIGEST, repository, event.digest)
    else:
        yield Place(RefreshKind.REPOSITORY, repository)


PULLS_SECONDS = 60
"""How often counts are moved: each time makes the documents of what was pulled stale."""


async def count_pulls(
    journal: Journal,
    store: StoreThread,
    registries: Mapping[str, RegistryRow],
    *,
    clock: Clock,
    on_change: Callable[[], None],
) -> None:
    """Move the counts of pulls into the store, every minute, for ever."""
    while True:
        try:
            moved = await store.read(
                lambda opened: move_pulls(journal, opened, registries, now=clock.now())
            )
        except JournalError as error:
            # They are counted with the next ones.
            log.warning("pulls_not_moved", reason=str(error))
        else:
            if moved:
                on_change()
        await clock.sleep(PULLS_SECONDS)


def move_pulls(
    journal: Journal, store: Store, registries: Mapping[str, RegistryRow], *, now: datetime
) -> int:
    """Add what was counted since the last time; return of how many digests that is.

    Counts and the position behind them change in one transaction. What is counted is dropped from
    the journal once no power cut can undo that.
    """
    durable = store.durable_pulls_position()
    if durable is not None:
        journal.drop_pulls(durable)
    counts, reached = journal.close_pulls(store.pulls_position())
    if not counts:
        return 0
    with store.transaction():
        for counted in counts:
            registry = registries.get(counted.registry)
            if registry is None:
                continue
            repository_id = store.content.repository_id(
                registry.id, counted.repository, seen_at=now
            )
            if store.pulls.add(repository_id, counted):
                store.content.mark_stale(repository_id, [counted.digest])
        store.set_pulls_position(reached)
    return len(counts)


async def enqueue_entries(
    journal: Journal,
    store: StoreThread,
    registries: Mapping[str, RegistryRow],
    workers: Mapping[str, RegistryWorker],
    *,
    clock: Clock,
) -> None:
    """Move the journal's entries into the queue, for ever."""
    while True:
        entries = await store.read(
            lambda opened: move_entries(journal, opened, registries, now=clock.now())
        )
        for entry in entries:
            worker = workers.get(entry.registry)
            if worker is not None:
                worker.wake(at_once=entry.event.action is Action.CRAWL)
        if len(entries) < ENTRIES_PER_WRITE:
            await clock.sleep(POLL_SECONDS)


def move_entries(
    journal: Journal, store: Store, registries: Mapping[str, RegistryRow], *, now: datetime
) -> list[Entry]:
    """Move the next entries of the journal into the queue, and the position behind them.

    Returns the entries, at most a batch of them, in order.
    """
    position = store.journal_position()
    entries, reached = journal.entries_after(position, limit=ENTRIES_PER_WRITE)
    if reached > position:
        with store.transaction():
            enqueue_refreshes(store, entries, registries=registries, now=now)
            store.set_journal_position(reached)
    return entries
