"""From the journal to the queue: each received event asks for a refresh.

Some facts come from events only and are stored here: who pushed, when, and pulls.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from indexer.clock import Clock
from indexer.errors import JournalError
from indexer.model import Action, Command, Event, RepositoryName
from indexer.refresh import CACHE_FILLS_AFTER, Pace, RegistryWorker, accept
from indexer.store import (
    NO_REPOSITORY,
    Entry,
    Journal,
    Priority,
    RebuildProgress,
    RefreshKind,
    RefreshTarget,
    RegistryRow,
    Store,
    StoreThread,
    TagMove,
)

log = structlog.get_logger()

ENTRIES_PER_WRITE = 500
POLL_SECONDS = 0.05
"""How often to look for new entries in the journal."""
_PULLS = frozenset({Action.PULL, Action.PULL_BLOB})


def ask_for_crawl(store: Store, registry_id: int, *, now: datetime) -> None:
    """Ask for a full crawl of a registry; one that runs already goes on, if it is full."""
    store.registries.end_short_crawl(registry_id, at=now)
    targets = [RefreshTarget(RefreshKind.CATALOG)]
    store.queue.add(registry_id, targets, priority=Priority.CRAWL, due_at=now)


def enqueue_refreshes(
    store: Store,
    entries: Sequence[Entry],
    *,
    registries: Mapping[str, RegistryRow],
    now: datetime,
    pace: Pace | None = None,
) -> None:
    """Ask for the refreshes of journal entries, inside the caller's transaction.

    ``pace`` remembers how many of each repository there were.
    """
    taken = _Taken(now, pace or Pace())
    for entry in entries:
        registry = registries.get(entry.registry)
        if entry.item is Command.REBUILD:
            store.search_index.set_rebuild(RebuildProgress(0, 0))
        elif entry.item is Command.EXTRACT:
            store.extraction.ask()
        elif registry is None:
            log.warning("entry_of_unknown_registry", registry=entry.registry, entry=entry.id)
        elif isinstance(entry.item, Event):
            _enqueue_event(store, entry.item, registry, received_at=entry.received_at, taken=taken)
        elif entry.item is Command.CRAWL:
            ask_for_crawl(store, registry.id, now=now)
        elif entry.item is Command.ACCEPT:
            accept(store, registry, at=now)
    read = {number for number, has_content in taken.repositories.values() if has_content}
    store.content.add_unread_moves(
        (number, move)
        for number, moves in taken.moves.items()
        if number not in read
        for move in moves
    )
    for repository_id in taken.moves.keys() & read:
        store.content.add_tag_moves(repository_id, taken.moves[repository_id])


@dataclass(slots=True)
class _Taken:
    """What is common to the entries that are taken together."""

    now: datetime
    pace: Pace
    moves: dict[int, list[TagMove]] = field(default_factory=dict)
    sources: set[tuple[int, str]] = field(default_factory=set)
    repositories: dict[tuple[int, RepositoryName], tuple[int | None, bool]] = field(
        default_factory=dict
    )
    """The number of each repository, if it has one, and whether anything of it was read."""

    def repository(
        self, store: Store, registry: RegistryRow, name: RepositoryName
    ) -> tuple[int | None, bool]:
        key = registry.id, name
        if key not in self.repositories:
            found = store.repositories.find(registry.id, name)
            self.repositories[key] = found, bool(found and store.repositories.has_content(found))
        return self.repositories[key]


def _enqueue_event(
    store: Store, event: Event, registry: RegistryRow, *, received_at: datetime, taken: _Taken
) -> None:
    now = taken.now
    occurred_at = event.occurred_at or received_at
    source = registry.id, event.source
    if event.source and source not in taken.sources:
        taken.sources.add(source)
        if store.registries.set_source(registry.id, event.source, at=now):
            # A registry keeps unsent notifications in memory only, so they are lost. The crawl
            # that follows finds the changes.
            log.warning("registry_restarted", registry=registry.name)
    if event.repository is None:
        return
    if registry.pull_through_ttl is not None or event.action in _PULLS:
        _enqueue_pull(store, event, registry, pulled_at=min(occurred_at, received_at), now=now)
        return
    repository_id, has_content = taken.repository(store, registry, event.repository)
    if event.action is Action.PUSH and event.tag and event.digest:
        if repository_id is None:
            repository_id = store.repositories.add(registry.id, event.repository, seen_at=now)
            taken.repositories[registry.id, event.repository] = repository_id, False
        move = TagMove(event.tag, event.digest, occurred_at, actor=event.actor)
        taken.moves.setdefault(repository_id, []).append(move)
    paced = event.repository if has_content else NO_REPOSITORY
    turn = taken.pace.turn(registry.id, paced, now=now)
    store.queue.add(
        registry.id,
        list(_targets(event, event.repository)),
        priority=turn.priority,
        due_at=turn.due_at,
        newest_event_at=occurred_at,
        expected_digest=event.digest if event.action is Action.PUSH else None,
        received_at=received_at,
    )
    if turn.listed_at is not None:
        log.warning("events_wait", registry=registry.name, repository=paced)
        store.queue.add(
            registry.id,
            [RefreshTarget(RefreshKind.LISTING, paced)],
            priority=Priority.EVENT,
            due_at=turn.listed_at,
            newest_event_at=occurred_at,
        )


def _enqueue_pull(
    store: Store, event: Event, registry: RegistryRow, *, pulled_at: datetime, now: datetime
) -> None:
    """Ask for the digest that a pull named; nothing else tells what a cache has."""
    ttl, repository, digest = registry.pull_through_ttl, event.repository, event.digest
    if ttl is None or repository is None or digest is None or event.action is Action.DELETE:
        return
    repository_id = store.repositories.put(registry.id, repository, seen_at=now)
    is_blob = event.action is Action.PULL_BLOB
    due_at = now + CACHE_FILLS_AFTER if is_blob else now
    store.pulled.put(
        repository_id, digest, at=pulled_at, ttl=ttl, is_blob=is_blob, readable_from=due_at
    )
    targets = list(_targets(event, repository))
    if is_blob:
        users = store.pulled.without_config(repository_id, digest)
        targets = [RefreshTarget(RefreshKind.DIGEST, repository, user) for user in users]
    store.queue.add(
        registry.id,
        targets,
        priority=Priority.EVENT,
        due_at=due_at,
        newest_event_at=pulled_at,
        expected_digest=digest if event.tag else None,
    )


def _targets(event: Event, repository: RepositoryName) -> Iterator[RefreshTarget]:
    """Yield the target of an event. A tag with a digest is one target: the tag has the digest."""
    if event.tag is not None:
        yield RefreshTarget(RefreshKind.TAG, repository, event.tag)
    elif event.digest is not None:
        yield RefreshTarget(RefreshKind.DIGEST, repository, event.digest)
    else:
        yield RefreshTarget(RefreshKind.REPOSITORY, repository)


PULLS_SECONDS = 60
"""How often counts are moved. Each time the documents of the pulled images become stale."""


async def count_pulls(
    journal: Journal,
    store: StoreThread,
    registries: Mapping[str, RegistryRow],
    *,
    clock: Clock,
    on_change: Callable[[], None],
) -> None:
    """Move the counts of pulls into the store, every minute, for ever.

    The journal is told of what the store has taken in, too.
    """

    def move(opened: Store) -> int:
        moved = move_pulls(journal, opened, registries, now=clock.now())
        note_reached(journal, opened)
        return moved

    while True:
        try:
            moved = await store.read(move)
        except JournalError as error:
            # The next round counts them too.
            log.warning("pulls_not_moved", reason=str(error))
        else:
            if moved:
                on_change()
        await clock.sleep(PULLS_SECONDS)


def move_pulls(
    journal: Journal, store: Store, registries: Mapping[str, RegistryRow], *, now: datetime
) -> int:
    """Move new pull counts into the store; return how many digests changed.

    Counts and the position after them change in one transaction. The journal drops counts after
    no power cut can undo that transaction.
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
            repository_id = store.repositories.put(registry.id, counted.repository, seen_at=now)
            if store.pulls.add(repository_id, counted):
                store.stale.mark_images(repository_id, [counted.digest])
        store.set_pulls_position(reached)
    return len(counts)


def note_reached(journal: Journal, store: Store) -> None:
    """Tell the journal what the store has taken in for good.

    :class:`JournalError` when that cannot be written.
    """
    position = store.durable_journal_position()
    # It may be a lower one, which could not be written at the start.
    if position is not None and position != journal.reached():
        journal.set_reached(position)


def note_lost_events(journal: Journal, store: Store, *, now: datetime) -> None:
    """Note that events may be lost if the journal knows a newer store than this one.

    Then this one comes from a backup, or the journal is a new one. Entries of the time between may
    be gone, and so is what crawls found; another crawl finds it.
    """
    position, reached = store.journal_position(), journal.reached()
    if position >= reached:
        return
    with store.transaction():
        registries = store.registries.set_lost(at=now)
    if registries:
        log.warning("store_is_older", position=position, known=reached)
    # After the transaction: a kill in between only causes another crawl.
    with suppress(JournalError):
        journal.set_reached(position)


async def enqueue_entries(
    journal: Journal,
    store: StoreThread,
    registries: Mapping[str, RegistryRow],
    workers: Mapping[str, RegistryWorker],
    *,
    clock: Clock,
) -> None:
    """Move the journal's entries into the queue, for ever."""
    pace = Pace()
    while True:
        entries = await store.read(
            lambda opened: move_entries(journal, opened, registries, now=clock.now(), pace=pace)
        )
        for entry in entries:
            worker = workers.get(entry.registry)
            if worker is not None:
                worker.wake(at_once=entry.item is Command.CRAWL)
        if len(entries) < ENTRIES_PER_WRITE:
            await clock.sleep(POLL_SECONDS)


def move_entries(
    journal: Journal,
    store: Store,
    registries: Mapping[str, RegistryRow],
    *,
    now: datetime,
    pace: Pace | None = None,
) -> list[Entry]:
    """Move the next entries of the journal into the queue, and the position with them.

    Returns these entries in order, at most one batch.
    """
    position = store.journal_position()
    entries, reached = journal.entries_after(position, limit=ENTRIES_PER_WRITE)
    if reached > position:
        with store.transaction():
            enqueue_refreshes(store, entries, registries=registries, now=now, pace=pace)
            store.set_journal_position(reached)
    return entries
