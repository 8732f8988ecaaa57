"""Journal to queue: what each received event makes due, and the facts only it can tell."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import structlog

from indexer.brake import accept
from indexer.model.names import RepositoryName
from indexer.model.notification import Action, Event
from indexer.store import (
    Entry,
    Place,
    Priority,
    RebuildProgress,
    RefreshKind,
    RegistryRow,
    Store,
    TagMove,
)

log = structlog.get_logger()

ENTRIES_PER_WRITE = 500


def take_in(
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
            store.derivation.ask()
        elif registry is None:
            log.warning("entry_of_unknown_registry", registry=entry.registry, entry=entry.id)
        else:
            _take_in_event(store, entry, registry, now=now)


def _take_in_event(store: Store, entry: Entry, registry: RegistryRow, *, now: datetime) -> None:
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
