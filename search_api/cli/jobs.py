"""Jobs for the indexer from the command line, and their progress.

A job goes through the journal, like every event. If no indexer runs, this process becomes one until
the job is done.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import timedelta

from indexer.clock import Clock, SystemClock
from indexer.errors import IndexerRunningError, StoreError
from indexer.model import Command
from indexer.settings import Settings
from indexer.store import NO_CATALOG, Crawl, Journal, RefreshKind, RefreshTarget, Store

POLL_SECONDS = 0.2
TAKE_OVER_SECONDS = 1.0
"""How often to check whether the running indexer has ended."""
PATIENCE = timedelta(seconds=20)
"""How long a registry may fail without progress before a command gives up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job: parts done, parts known so far, and a problem if there is one.

    ``notes`` are remarks about a job without problems.
    """

    done: int
    total: int
    what: str
    is_finished: bool = False
    problem: str = ""
    notes: tuple[str, ...] = ()


async def backfill(
    settings: Settings, names: Sequence[str], *, report: Callable[[Progress], None]
) -> list[str]:
    """Ask for crawls, wait until everything is searchable, and return the problems."""
    return await _request(
        settings,
        [(name, Command.CRAWL) for name in names],
        look=lambda store: _crawl_progress(store, names),
        report=report,
        clock=SystemClock(),
    )


async def rebuild(
    settings: Settings, *, extract: bool = False, report: Callable[[Progress], None]
) -> list[str]:
    """Ask for a rebuild of the search index from the store; return the problems.

    With ``extract`` all stored content is first analysed again.
    """
    return await _request(
        settings,
        [("", Command.EXTRACT if extract else Command.REBUILD)],
        look=_rebuild_progress,
        report=report,
        clock=SystemClock(),
    )


async def accept(
    settings: Settings, names: Sequence[str], *, report: Callable[[Progress], None]
) -> list[str]:
    """Ask for hiding everything that is held back; return the problems."""
    before = _quarantined_before(settings, names)
    return await _request(
        settings,
        [(name, Command.ACCEPT) for name in names],
        look=lambda store: _accept_progress(store, before - _quarantined(store, names)),
        report=report,
        clock=SystemClock(),
    )


async def _request(
    settings: Settings,
    items: Sequence[tuple[str, Command]],
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
    """Run an indexer here if no other runs, now or later; it ends only by an error."""
    task = asyncio.create_task(_index_here(settings, clock=clock))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _index_here(settings: Settings, *, clock: Clock) -> None:
    # Imported here, because it takes a while and no other command needs it.
    from search_api.processes import serve_indexer  # noqa: PLC0415

    while True:
        with suppress(IndexerRunningError):
            await serve_indexer(settings)
        # The running indexer may be stopped before our job is done.
        await clock.sleep(TAKE_OVER_SECONDS)


async def _opened_store(settings: Settings, indexer: asyncio.Task[None], *, clock: Clock) -> Store:
    """Return the store; an indexer creates and migrates it at its start."""
    while True:
        if indexer.done():
            await indexer
        with suppress(StoreError):
            # If it can never be used, our indexer finds that too and ends with the reason.
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
    """Report progress until the job is done; give up after too long without progress."""
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


def _quarantined_before(settings: Settings, names: Sequence[str]) -> Counter[str]:
    """Count what is held back; nothing if there is no store yet, or one of another version."""
    with suppress(StoreError), closing(Store(settings.data_dir, read_only=True)) as store:
        return _quarantined(store, names)
    return Counter()


def _quarantined(store: Store, names: Sequence[str]) -> Counter[str]:
    """Count the repositories and tags that are held back."""
    counts: Counter[str] = Counter()
    for name in names:
        for absent in store.absences.list_in(
            store.registries.registry_id(name) or 0, quarantined=True
        ):
            counts.update(repositories=int(absent.is_lost), tags=len(absent.tags))
    return counts


def _accept_progress(store: Store, hidden: Mapping[str, int]) -> Progress:
    what = f"{hidden['repositories']} repositories hidden, {hidden['tags']} tags in all"
    return Progress(done=0, total=0, what=what, is_finished=_is_searchable(store))


def _crawl_progress(store: Store, names: Sequence[str]) -> Progress:
    crawls: list[Crawl] = []
    notes: list[str] = []
    finished = True
    for name in names:
        registry_id = store.registries.registry_id(name)
        # In this order: when the catalog no longer waits, the requested crawl exists.
        waits = registry_id and store.queue.contains(
            registry_id, RefreshTarget(RefreshKind.CATALOG)
        )
        crawl = store.registries.latest_crawl(registry_id) if registry_id else None
        finished = finished and not waits and crawl is not None and crawl.finished_at is not None
        if crawl is not None:
            crawls.append(crawl)
            notes += _catalog_notes(store, name, crawl)
    rows = [row for row in store.registries.freshness() if row.name in names]
    problems = [f"registry {row.name}: {row.error}" for row in rows if row.error]
    if finished and all(_read_all_it_could(crawl) for crawl in crawls):
        problems = []
    elif finished and not problems:
        set_aside = sum(crawl.set_aside for crawl in crawls)
        problems = [f"{set_aside} refreshes are set aside; `regsearch status` lists them"]
    is_finished = finished and (_is_searchable(store) or bool(problems))
    problems += [
        f"registry {row.name}: {row.quarantined} repositories disappeared at once and are held"
        " back; `regsearch reconcile` lists them"
        for row in rows
        if finished and row.quarantined
    ]
    return Progress(
        done=sum(crawl.refreshes for crawl in crawls),
        total=sum(crawl.refreshes + crawl.waiting for crawl in crawls),
        what=f"{sum(crawl.repositories for crawl in crawls)} repositories",
        is_finished=is_finished,
        problem="; ".join(problems),
        notes=tuple(notes),
    )


def _read_all_it_could(crawl: Crawl) -> bool:
    return bool(crawl.complete) or (crawl.catalog_error == NO_CATALOG and not crawl.set_aside)


def _catalog_notes(store: Store, name: str, crawl: Crawl) -> Iterator[str]:
    if crawl.catalog_error == NO_CATALOG:
        yield (
            f"registry {name}: {NO_CATALOG}; to have others read too, name them:"
            ' repositories = ["team/app"]'
        )
    counts = crawl.finished_at is not None and crawl.unlisted
    if counts and (omitted := store.registries.count_omitted(crawl.id)):
        yield (
            f"registry {name}: the catalog left out {omitted} repositories that exist; they were"
            " read by their names, but others that it left out cannot be found"
        )


def _is_searchable(store: Store) -> bool:
    """Tell whether the search index holds everything that is in the store."""
    live = store.search_index.live()
    return live is not None and live.complete and not store.search_index.stale_count()


def _rebuild_progress(store: Store) -> Progress:
    # In this order, because a rebuild follows the extraction.
    if extracting := store.extraction.progress():
        return Progress(done=extracting.done, total=extracting.total, what="manifests")
    wanted, live = store.search_index.rebuild(), store.search_index.live()
    is_finished = wanted is None and live is not None and live.complete
    return Progress(
        done=wanted.done if wanted else 0,
        total=wanted.total if wanted else 0,
        what="searches use the new search index" if is_finished else "repositories",
        is_finished=is_finished,
    )
