"""Data directories filled as the indexer fills them: through the store, documents and engine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from indexer.clock import Clock
from indexer.engines import Engine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.extract import BUILT_IN, config_descriptor
from indexer.indexing import Indexing
from indexer.model import Content
from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.settings import RegistrySettings, Settings
from indexer.store import Journal, ReadContent, Store, StoreThread
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.web import make_web
from tests.builders import BuiltManifest
from tests.fakes.clock import ManualClock

MAIN = "registry.example"
SECOND = "second.example:5000"
REGISTRIES = {"main": MAIN, "second": SECOND}


@dataclass(frozen=True, slots=True)
class Pushed:
    """A tag in a repository and what it points to."""

    repository: str
    built: BuiltManifest
    tag: str = "latest"
    registry: str = "main"


def settings_for(
    directory: Path,
    *,
    registries: Mapping[str, str] = REGISTRIES,
    listen: str = "127.0.0.1:8080",
    **others: Any,
) -> Settings:
    """Return settings for a data directory with registries by name and host."""
    return Settings(
        **others,
        search_processes=0,
        # Tests ask all they want; those of the limit set it.
        caller_requests_per_second=0,
        data_dir=directory,
        listen=listen,
        webhook_secret="secret-of-the-tests",
        registry=tuple(
            RegistrySettings(name=name, url=f"http://{host}") for name, host in registries.items()
        ),
    )


def put(
    store: Store,
    pushed: Sequence[Pushed],
    *,
    clock: Clock,
    registries: Mapping[str, str] = REGISTRIES,
) -> None:
    """Write the rows of a refresh of each tag; ``registries`` are their hosts by name."""
    now = clock.now()
    with store.transaction():
        for each in pushed:
            host = registries[each.registry]
            registry = store.registries.put(each.registry, url=f"http://{host}", registry_host=host)
            name = RepositoryName(each.repository)
            repository_id = store.repositories.put(registry.id, name, seen_at=now)
            content = _content(each.built)
            store.content.put_content(repository_id, content, kinds=BUILT_IN, seen_at=now)
            digest = parse_digest(each.built.digest)
            store.content.put_tag(repository_id, TagName(each.tag), digest, seen_at=now)


def finish_crawl(
    store: Store,
    registry: str,
    *,
    clock: Clock,
    complete: bool = True,
    registries: Mapping[str, str] = REGISTRIES,
) -> None:
    """Write that a registry was read whole, or that one place of it could not be."""
    with store.transaction():
        host = registries[registry]
        row = store.registries.put(registry, url=f"http://{host}", registry_host=host)
        crawl = store.registries.start_crawl(row.id, at=clock.now())
        store.registries.save_catalog_page(crawl, resume="", repositories=1)
        if complete:
            store.registries.finish_crawls(row.id, at=clock.now())
        else:
            store.registries.end_crawl(row.id, at=clock.now())


def hold_back(store: Store, registry: str, *, clock: Clock) -> int:
    """Write that a crawl found nothing of a registry any more; return how many repositories."""
    number = store.registries.registry_id(registry)
    assert number is not None
    with store.transaction():
        crawl = store.registries.start_crawl(number, at=clock.now())
        names = store.repositories.list_visible(number)
        for name in names:
            repository_id = store.repositories.put(number, name, seen_at=clock.now())
            for tag in store.content.tags(repository_id):
                store.absences.add(repository_id, tag, crawl_id=crawl, seen_at=clock.now())
        store.absences.quarantine(store.absences.found(number))
        store.registries.save_catalog_page(crawl, resume="", repositories=len(names))
        store.registries.finish_crawls(number, at=clock.now())
        store.registries.set_quarantined(number, len(names))
    return len(names)


async def bring_up_to_date(
    directory: Path, *, clock: Clock, make_engine: Callable[[Path], Engine] = WhooshEngine
) -> None:
    """Index all stale documents of the store, as the indexer does."""
    store = StoreThread(Store(directory))
    engine = make_engine(directory / INDEX_DIRECTORY)
    indexing = Indexing(
        directory=directory, engine=engine, store=store, clock=clock, kinds=BUILT_IN
    )
    running = asyncio.create_task(indexing.run())
    while not await store.read(partial(_is_up_to_date, engine)):
        assert not running.done(), running.exception()
    running.cancel()
    await asyncio.wait([running])
    await indexing.close()
    store.close()


async def fill(
    directory: Path,
    pushed: Sequence[Pushed],
    *,
    clock: Clock | None = None,
    make_engine: Callable[[Path], Engine] = WhooshEngine,
) -> None:
    """Make a data directory that holds ``pushed``, read whole and indexed."""
    clock = clock or ManualClock()
    store = Store(directory)
    put(store, pushed, clock=clock)
    for registry in REGISTRIES:
        finish_crawl(store, registry, clock=clock)
    store.close()
    await bring_up_to_date(directory, clock=clock, make_engine=make_engine)
    seem_served(directory, clock=clock)


def seem_served(directory: Path, *, clock: Clock) -> None:
    """Write that the indexer is alive and has taken in all of the journal."""
    with (
        closing(Store(directory)) as store,
        closing(Journal(directory)) as journal,
        store.transaction(),
    ):
        store.set_journal_position(journal.newest())
    be_alive(directory, clock=clock)


def be_alive(directory: Path, *, clock: Clock) -> None:
    """Write that the indexer is alive at the time of the clock."""
    with closing(Store(directory)) as store, store.transaction():
        store.set_alive(clock.now())


@asynccontextmanager
async def make_client(
    app: Starlette, *, host: str = "localhost", raise_errors: bool = True
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an application that is started and stopped around it."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=raise_errors)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=f"http://{host}") as client,
    ):
        yield client


@asynccontextmanager
async def searching_client(
    directory: Path,
    *,
    clock: Clock | None = None,
    registries: Mapping[str, str] = REGISTRIES,
    host: str = "localhost",
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the whole web application over a data directory."""
    settings = settings_for(directory, registries=registries)
    async with make_client(make_web(settings, clock=clock or ManualClock()), host=host) as client:
        yield client


def _is_up_to_date(engine: Engine, store: Store) -> bool:
    live = store.search_index.live()
    if live is None or engine.generations() != [live.generation]:
        return False
    waits = store.search_index.rebuild() is not None or store.search_index.stale_count() > 0
    return live.complete and not waits


def _content(built: BuiltManifest) -> ReadContent:
    manifests, configs = [], []
    for one in (*built.children, built):
        manifest = Content(parse_digest(one.digest), one.media_type, one.body)
        manifests.append(manifest)
        config = config_descriptor(manifest.manifest, kinds=BUILT_IN)
        configs += [(config.digest, one.blobs[0].body)] if config else []
    return ReadContent(tuple(manifests), tuple(configs))
