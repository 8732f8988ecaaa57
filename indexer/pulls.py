"""Pull counts on their way from the journal into the store, and from there into answers."""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from indexer.clock import Clock
from indexer.errors import JournalError
from indexer.store import Journal, RegistryRow, Store, StoreThread

log = structlog.get_logger()

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
