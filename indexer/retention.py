"""Deleting old data, in small steps, so that everything else goes on meanwhile."""

from datetime import datetime, timedelta
from functools import partial

import structlog

from indexer.clock import Clock
from indexer.errors import JournalError
from indexer.settings import Settings
from indexer.store import Journal, Store, StoreThread

log = structlog.get_logger()

LOOK_SECONDS = 3_600
PAUSE_SECONDS = 0.05
"""The pause between two transactions; meanwhile others write to the journal and the store."""
REPOSITORIES_AT_ONCE = 50
CHANGES_AT_ONCE = 1_000


async def forget_in_time(
    journal: Journal, store: StoreThread, settings: Settings, *, clock: Clock
) -> None:
    """Delete data that is older than the settings say, every hour, for ever."""
    while True:
        if settings.journal_retention is not None:
            await _prune(journal, store, settings.journal_retention, clock=clock)
        await _forget(store, settings, clock=clock)
        await clock.sleep(LOOK_SECONDS)


async def _prune(
    journal: Journal, store: StoreThread, retention: timedelta, *, clock: Clock
) -> None:
    """Drop old entries of the journal whose effect is on disk in the store."""

    def prune(opened: Store) -> int:
        position = opened.durable_journal_position()
        before = clock.now() - retention
        return 0 if position is None else journal.prune(position, received_before=before)

    try:
        while dropped := await store.read(prune):
            log.info("journal_pruned", entries=dropped)
            await clock.sleep(PAUSE_SECONDS)
    except JournalError as error:
        # Another process, such as a backup, may hold the journal for long; there is no hurry.
        log.warning("journal_not_pruned", reason=str(error))


async def _forget(store: StoreThread, settings: Settings, *, clock: Clock) -> None:
    """Delete the old data of every repository, a few repositories in each transaction."""
    reached: int | None = 0
    while reached is not None:
        forget = partial(forget_some, settings=settings, after=reached, now=clock.now())
        reached = await store.write(forget)
        await clock.sleep(PAUSE_SECONDS)
    while await store.write(partial(forget_changes, settings=settings, now=clock.now())):
        await clock.sleep(PAUSE_SECONDS)


def forget_some(
    store: Store,
    *,
    settings: Settings,
    after: int,
    now: datetime,
    limit: int = REPOSITORIES_AT_ONCE,
) -> int | None:
    """Delete the old data of the next repositories, those with an id greater than ``after``.

    Returns the last id, None after the last repository. The caller holds a transaction.
    """
    hidden, moves = settings.hidden_retention, settings.history_retention
    repositories = store.retention.repositories_after(after, limit=limit)
    if not repositories and moves is not None:
        store.retention.forget_crawls(before=now - moves)
    forgotten = 0
    for repository_id in repositories:
        if moves is not None:
            store.retention.forget_moves(repository_id, before=now - moves)
        if hidden is not None:
            forgotten += store.retention.forget_hidden(repository_id, before=now - hidden, now=now)
    if forgotten:
        log.info("hidden_forgotten", tags_and_manifests=forgotten)
    return repositories[-1] if repositories else None


def forget_changes(
    store: Store, *, settings: Settings, now: datetime, limit: int = CHANGES_AT_ONCE
) -> int:
    """Delete some old changes; return how many. The caller holds a transaction."""
    if settings.history_retention is None:
        return 0
    return store.changes.forget(before=now - settings.history_retention, limit=limit)
