"""Asking the indexer for something from the command line, and following how it goes.

What is asked for goes through the journal, as everything does. Where no indexer runs, this process
becomes one until the work is done.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import timedelta

from indexer.clock import Clock, SystemClock
from indexer.errors import IndexerRunningError, StoreError
from indexer.model import Action, Event
from indexer.settings import Settings
from indexer.store import Crawl, Journal, Place, RefreshKind, Store

POLL_SECONDS = 0.2
TAKE_OVER_SECONDS = 1.0
"""How often to look whether the indexer that was running is gone."""
PATIENCE = timedelta(seconds=20)
"""How long a registry may fail without any progress before a command gives up on it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is: parts done and parts known so far, and what is in the way.

    ``notes`` are what is to be known of work that went well.
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
    """Have registries crawled whole and everything found indexed; return what went wrong."""
    return await _request(
        settings,
        [(name, Event(Action.CRAWL)) for name in names],
        look=lambda store: _crawl_progress(store, names),
        report=report,
        clock=SystemClock(),
    )


async def rebuild(
    settings: Settings, *, extract: bool = False, report: Callable[[Progress], None]
) -> list[str]:
    """Have the search index made again from the store; return what went wrong.

    With ``extract`` every stored body is read again first.
    """
    return await _request(
        settings,
        [("", Event(Action.EXTRACT if extract else Action.REBUILD))],
        look=_rebuild_progress,
        report=report,
        clock=SystemClock(),
    )


async def accept(
    settings: Settings, names: Sequence[str], *, report: Callable[[Progress], None]
) -> list[str]:
    """Have hidden what is held back of registries; return what went wrong."""
    before = _held_back_before(settings, names)
    return await _request(
        settings,
        [(name, Event(Action.ACCEPT)) for name in names],
        look=lambda store: _accept_progress(store, before - _held_back(store, names)),
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
    # Here, as all that indexes takes a while to import, and no other command needs it.
    from search_api.processes import serve_indexer  # noqa: PLC0415

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


def _held_back_before(settings: Settings, names: Sequence[str]) -> Counter[str]:
    """Return what is held back; nothing where there is no store yet, or one of another version."""
    with suppress(StoreError), closing(Store(settings.data_dir, read_only=True)) as store:
        return _held_back(store, names)
    return Counter()


def _held_back(store: Store, names: Sequence[str]) -> Counter[str]:
    """Return how many repositories and how many tags are held back."""
    counts: Counter[str] = Counter()
    for name in names:
        for absent in store.absences.of_registry(
            store.registries.registry_id(name) or 0, held=True
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
        # In this order: once the catalog does not wait, the crawl that was asked for is there.
        waits = registry_id and store.queue.contains(registry_id, Place(RefreshKind.CATALOG))
        crawl = store.registries.latest_crawl(registry_id) if registry_id else None
        finished = finished and not waits and crawl is not None and crawl.finished_at is not None
        if crawl is not None:
            crawls.append(crawl)
            notes += _catalog_notes(store, name, crawl)
    rows = [row for row in store.registries.freshness() if row.name in names]
    problems = [f"registry {row.name}: {row.error}" for row in rows if row.error]
    if finished and all(crawl.complete for crawl in crawls):
        problems = []
    elif finished and not problems:
        set_aside = sum(crawl.set_aside for crawl in crawls)
        problems = [f"{set_aside} places could not be read; `regsearch status` lists them"]
    is_finished = finished and (_is_searchable(store) or bool(problems))
    problems += [
        f"registry {row.name}: {row.held_back} repositories are gone all at once and were not"
        " hidden; `regsearch reconcile` lists them"
        for row in rows
        if finished and row.held_back
    ]
    return Progress(
        done=sum(crawl.refreshes for crawl in crawls),
        total=sum(crawl.refreshes + crawl.waiting for crawl in crawls),
        what=f"{sum(crawl.repositories for crawl in crawls)} repositories",
        is_finished=is_finished,
        problem="; ".join(problems),
        notes=tuple(notes),
    )


def _catalog_notes(store: Store, name: str, crawl: Crawl) -> Iterator[str]:
    counts = crawl.finished_at is not None and crawl.unlisted
    if counts and (left_out := store.registries.count_left_out(crawl.id)):
        yield (
            f"registry {name}: the catalog left out {left_out} repositories that are there; they"
            " were asked for by their names, others that it left out cannot be found"
        )


def _is_searchable(store: Store) -> bool:
    """Tell whether all that the store holds is in the search index."""
    live = store.search_index.live()
    return live is not None and live.complete and not store.search_index.stale_count()


def _rebuild_progress(store: Store) -> Progress:
    # In this order, for the one is followed by the other.
    if extracting := store.extraction.progress():
        return Progress(done=extracting.done, total=extracting.total, what="manifests")
    wanted, live = store.search_index.rebuild(), store.search_index.live()
    is_finished = wanted is None and live is not None and live.complete
    return Progress(
        done=wanted.done if wanted else 0,
        total=wanted.total if wanted else 0,
        what="repositories",
        is_finished=is_finished,
    )
