"""Asking the indexer for something from the command line, and following how it goes.

What is asked for goes through the journal, as everything does. Where no indexer runs, this process
becomes one until the work is done.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from indexer.clock import Clock, SystemClock
from indexer.errors import IndexerRunningError, StoreError
from indexer.model.notification import Action, Event
from indexer.settings import Settings
from indexer.store import Crawl, Journal, Place, RefreshKind, Store
from search_api.wiring import serve_indexer

POLL_SECONDS = 0.2
TAKE_OVER_SECONDS = 1.0
"""How often to look whether the indexer that was running is gone."""
PATIENCE = timedelta(seconds=20)
"""How long a registry may fail without any progress before a command gives up on it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is: parts done and parts known so far, and what is in the way."""

    done: int
    total: int
    what: str
    is_finished: bool = False
    problem: str = ""


async def backfill(
    settings: Settings, names: Sequence[str], *, report: Callable[[Progress], None]
) -> list[str]:
    """Have registries crawled whole and everything found indexed; return what went wrong."""
    return await _request(
        settings,
        [(name, Event(Action.CRAWL)) for name in names],
        look=lambda store: _crawl_progress(store, names),
        report=report,
        clock=SystemClock(),
    )


async def rebuild(settings: Settings, *, report: Callable[[Progress], None]) -> list[str]:
    """Have the search index made again from the store; return what went wrong."""
    return await _request(
        settings,
        [("", Event(Action.REBUILD))],
        look=_rebuild_progress,
        report=report,
        clock=SystemClock(),
    )


async def _request(
    settings: Settings,
    items: Sequence[tuple[str, Event]],
    *,
    look: Callable[[Store], Progress],
    report: Callable[[Progress], None],
    clock: Clock,
) -> list[str]:
    journal = Journal(settings.data_dir)
    journal.append(items, received_at=clock.now())
    position = journal.newest()
    journal.close()
    async with _an_indexer(settings, clock=clock) as indexer:
        store = await _opened_store(settings, indexer, clock=clock)
        try:
            return await _follow(store, indexer, position, look=look, report=report, clock=clock)
        finally:
            store.close()


@asynccontextmanager
async def _an_indexer(settings: Settings, *, clock: Clock) -> AsyncIterator[asyncio.Task[None]]:
    """Run an indexer here if none runs, or as soon as none does; it ends only by an error."""
    task = asyncio.create_task(_index_here(settings, clock=clock))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _index_here(settings: Settings, *, clock: Clock) -> None:
    while True:
        with suppress(IndexerRunningError):
            await serve_indexer(settings)
        # The one that runs may be stopped before our work is done.
        await clock.sleep(TAKE_OVER_SECONDS)


async def _opened_store(settings: Settings, indexer: asyncio.Task[None], *, clock: Clock) -> Store:
    """Return the store, which the indexer makes and brings up to date when it starts."""
    while True:
        if indexer.done():
            await indexer
        with suppress(StoreError):
            # Where it cannot be used for good, our indexer finds that too and ends with the reason.
            return Store(settings.data_dir, read_only=True)
        await clock.sleep(POLL_SECONDS)


async def _follow(
    store: Store,
    indexer: asyncio.Task[None],
    position: int,
    *,
    look: Callable[[Store], Progress],
    report: Callable[[Progress], None],
    clock: Clock,
) -> list[str]:
    """Report progress until the work is done; give up where nothing moves for too long."""
    best, moved_at = -1, clock.now()
    while True:
        if indexer.done():
            await indexer
        if store.journal_position() >= position:
            progress = look(store)
            report(progress)
            if progress.is_finished:
                return [progress.problem] if progress.problem else []
            if progress.done > best or not progress.problem:
                best, moved_at = progress.done, clock.now()
            elif clock.now() - moved_at > PATIENCE:
                return [f"{progress.problem} (the indexer goes on trying)"]
        await clock.sleep(POLL_SECONDS)


def _crawl_progress(store: Store, names: Sequence[str]) -> Progress:
    crawls: list[Crawl] = []
    finished = True
    for name in names:
        registry_id = store.registries.registry_id(name)
        # In this order: once the catalog does not wait, the crawl that was asked for is there.
        waits = registry_id and store.queue.contains(registry_id, Place(RefreshKind.CATALOG))
        crawl = store.registries.latest_crawl(registry_id) if registry_id else None
        finished = finished and not waits and crawl is not None and crawl.finished_at is not None
        crawls += [crawl] if crawl else []
    errors = {row.name: row.error for row in store.registries.freshness() if row.name in names}
    live = store.search_index.live()
    is_searchable = live is not None and live.complete and not store.search_index.stale_count()
    problems = [f"registry {name}: {error}" for name, error in errors.items() if error]
    if finished and all(crawl.complete for crawl in crawls):
        problems = []
    elif finished and not problems:
        set_aside = sum(crawl.set_aside for crawl in crawls)
        problems = [f"{set_aside} places could not be read; `regsearch status` lists them"]
    return Progress(
        done=sum(crawl.refreshes for crawl in crawls),
        total=sum(crawl.refreshes + crawl.waiting for crawl in crawls),
        what=f"{sum(crawl.repositories for crawl in crawls)} repositories",
        is_finished=finished and (is_searchable or bool(problems)),
        problem="; ".join(problems),
    )


def _rebuild_progress(store: Store) -> Progress:
    wanted, live = store.search_index.rebuild(), store.search_index.live()
    is_finished = wanted is None and live is not None and live.complete
    return Progress(
        done=wanted.done if wanted else 0,
        total=wanted.total if wanted else 0,
        what="repositories",
        is_finished=is_finished,
    )
