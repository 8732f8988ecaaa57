"""The whole indexer in the hands of a test: step by step, without real time and without a network.

Registries, store, journal, search index and workers are the real ones (the registry is the fake
one, in process); only the loops around them are missing, so that a test says what happens when.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from indexer.clock import parse_rfc3339
from indexer.engines import Engine, IndexReader
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.errors import StoreError
from indexer.extract import BUILT_IN
from indexer.indexing import Indexing
from indexer.intake import move_entries, move_pulls
from indexer.model.document import DocumentType, Hit
from indexer.model.event import Action, Command, Event
from indexer.model.names import Digest, RepositoryName, TagName, is_system_tag
from indexer.model.query import Everything
from indexer.refresh.refresher import CONFIRMED_MAX
from indexer.refresh.worker import LOOK_AFTER_SECONDS, RegistryPlan, RegistryWorker
from indexer.registry import Credentials, RegistryClient
from indexer.retention import forget_changes, forget_some
from indexer.run import put_registries
from indexer.settings import RegistrySettings, Settings
from indexer.store import (
    Crawl,
    Journal,
    LiveIndex,
    RegistryFreshness,
    RegistryRow,
    Store,
    StoreThread,
)
from search_api.query import parse_query
from search_api.search.rewrite import choose_type
from tests.fakes.clock import ManualClock
from tests.fakes.registry import FakeRegistry
from tests.indexer.empty_store import put_empty_store

Tags = dict[tuple[str, str, str], str]
"""The digest at each (registry, repository, tag)."""

Result = TypeVar("Result")

HALF_AN_HOUR = 1_800.0
PATIENT_SECONDS = 60.0
"""So long may extracting a batch take: one that a busy machine cuts leaves work for the next."""


class KilledError(BaseException):
    """The process is dead: nothing may catch this and go on."""


class MortalStore(Store):
    """A store whose process dies when the transaction ``dies_at`` (from 1) is about to begin."""

    def __init__(self, directory: Path, *, dies_at: int | None = None) -> None:
        super().__init__(directory)
        self.transactions = 0
        self.dies_at = dies_at
        self.failing = 0
        """How many of the next transactions fail, as on a full disk."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Count a transaction, or die."""
        self.transactions += 1
        if self.dies_at is not None and self.transactions >= self.dies_at:
            raise KilledError
        if self.failing:
            self.failing -= 1
            raise StoreError("database or disk is full")
        with super().transaction():
            yield


class CountingThread(StoreThread):
    """A store's thread that counts what is asked of it, reading or writing."""

    reads = 0

    async def read(self, function: Callable[[Store], Result]) -> Result:
        """Count, then read."""
        self.reads += 1
        return await super().read(function)


def make_settings(directory: Path, *registries: RegistrySettings) -> Settings:
    """Return settings without looking at files or the environment."""
    return Settings.model_construct(registry=registries, data_dir=directory)


class Stepping:
    """An indexer and its registries; ``async with`` opens it, and closes it at the end.

    ``registries`` are the names; each has a fake registry in ``registries[name]``. Everything in
    ``directory`` stays, so that :meth:`reopen` goes on where a killed one was.
    """

    def __init__(
        self,
        directory: Path,
        *names: str,
        interval: timedelta = timedelta(0),
        max_in_flight: int = 4,
        batch: int | None = None,
        confirmed_max: int = CONFIRMED_MAX,
        pull_through_ttl: timedelta | None = None,
        learns: bool = False,
    ) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.registries = {name: FakeRegistry() for name in names or ("default",)}
        self.pull_through_ttl = pull_through_ttl
        self.interval = interval
        self.learns = learns
        self.excluded: set[str] = set()
        self.credentials: Credentials | None = None
        self.max_in_flight = max_in_flight
        self.batch = batch
        self.confirmed_max = confirmed_max
        self.engine: Engine = WhooshEngine(directory / "search-index")
        self.others: tuple[Engine, ...] = ()
        self.rows: dict[str, RegistryRow] = {}
        self.workers: dict[str, RegistryWorker] = {}
        self._clients: list[RegistryClient] = []
        self._is_healed = False
        self._reader: IndexReader | None = None
        self._read: tuple[Engine, str] | None = None

    @property
    def registry(self) -> FakeRegistry:
        """The only registry, or the first."""
        return next(iter(self.registries.values()))

    @property
    def worker(self) -> RegistryWorker:
        """The worker of the first registry."""
        return next(iter(self.workers.values()))

    # Opening and closing

    async def __aenter__(self) -> "Stepping":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, *, dies_at: int | None = None) -> None:
        """Open everything, as a start of the process does."""
        put_empty_store(self.directory)
        self.journal = Journal(self.directory)
        self.store = MortalStore(self.directory, dies_at=dies_at)
        self.thread = CountingThread(self.store)
        settings = make_settings(
            self.directory,
            *(
                RegistrySettings(
                    name=name,
                    url=f"http://{name}.test",
                    registry_host=f"{name}.test",
                    pull_through=self.pull_through_ttl is not None,
                    pull_through_ttl=self.pull_through_ttl or timedelta(hours=168),
                )
                for name in self.registries
            ),
        )
        with Store.transaction(self.store):
            self.rows = put_registries(self.store, settings, now=self.clock.now())
        self.open_indexing()
        self.workers = {name: self._worker(name) for name in self.registries}

    def open_indexing(
        self, *, processes: int = 0, extract_seconds: float = PATIENT_SECONDS
    ) -> None:
        """Start the indexing of documents anew, with the next :meth:`index`."""
        self.indexing = Indexing(
            directory=self.directory,
            engine=self.engine,
            others=self.others,
            store=self.thread,
            clock=self.clock,
            batch=self.batch,
            kinds=BUILT_IN,
            processes=processes,
            extract_seconds=extract_seconds,
        )
        self._is_healed = False

    def make_client(self, name: str) -> RegistryClient:
        """Return a client of a registry; another one may answer without HTTP."""
        return RegistryClient(
            f"http://{name}.test",
            clock=self.clock,
            credentials=self.credentials,
            transport=httpx2.ASGITransport(app=self.registries[name].app),
            max_in_flight=self.max_in_flight,
        )

    def _worker(self, name: str) -> RegistryWorker:
        client = self.make_client(name)
        self._clients.append(client)
        return RegistryWorker(
            registry=self.rows[name],
            plan=RegistryPlan(
                self.interval,
                self.max_in_flight,
                includes=lambda name: name not in self.excluded,
                kinds=BUILT_IN,
                confirmed_max=self.confirmed_max,
                learns=self.learns,
            ),
            client=client,
            store=self.thread,
            clock=self.clock,
            on_change=self.indexing.changed.set,
        )

    async def close(self) -> None:
        """Close everything, also after a kill: the files are as a kill leaves them."""
        self.store.dies_at = None
        self._close_reader()
        for worker in self.workers.values():
            for task in worker._running:
                task.cancel()
            await asyncio.gather(*worker._running, return_exceptions=True)
        await self.indexing.close()
        for client in self._clients:
            await client.aclose()
        self._clients.clear()
        self.thread.close()
        self.journal.close()

    async def reopen(self, *, dies_at: int | None = None) -> None:
        """End the process and start it again."""
        await self.close()
        await self.open(dies_at=dies_at)

    # Steps

    def deliver(self, *items: Event | Command, registry: str = "") -> None:
        """Append events or commands about one registry to the journal."""
        name = registry or next(iter(self.registries))
        self.journal.append([(name, item) for item in items], received_at=self.clock.now())

    async def enqueue_refreshes(self) -> None:
        """Move the journal's entries into the queue."""
        while await self.thread.read(
            lambda store: move_entries(self.journal, store, self.rows, now=self.clock.now())
        ):
            pass

    def move_pulls(self) -> int:
        """Move the counts of pulls into the store."""
        return move_pulls(self.journal, self.store, self.rows, now=self.clock.now())

    def forget(self, **retention: timedelta | None) -> None:
        """Forget what is older than the settings keep, or these in their place."""
        settings = make_settings(self.directory).model_copy(update=retention)
        reached: int | None = 0
        while reached is not None:
            with self.store.transaction():
                reached = forget_some(
                    self.store, settings=settings, after=reached, now=self.clock.now(), limit=2
                )
        with self.store.transaction():
            while forget_changes(self.store, settings=settings, now=self.clock.now(), limit=2):
                pass

    async def run_due(self, name: str = "") -> bool:
        """Run the refreshes of a registry that are due now; True when there was one."""
        worker = self.workers[name] if name else self.worker
        ran = False
        await worker._look_after()
        while True:
            await worker._start_refreshes()
            if not worker._running:
                return ran
            ran = True
            while worker._running:
                await worker._wait()
            if worker._clock.now() < worker._resume_at:
                return ran

    async def settle(self, *, seconds: float = HALF_AN_HOUR) -> None:
        """Run all refreshes, those due later too, for at most so many seconds of the clock."""
        give_up_at = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < give_up_at:
            await self.enqueue_refreshes()
            ran = [await self.run_due(name) for name in self.workers]
            if any(ran):
                continue
            next_at = self.next_due()
            if next_at is None:
                self.clock.advance(LOOK_AFTER_SECONDS)
                if not any([await self.run_due(name) for name in self.workers]):
                    return
            else:
                wait = (next_at - self.clock.now()).total_seconds()
                self.clock.advance(max(wait, 0.001))

    def next_due(self) -> datetime | None:
        """Return when the next refresh is to run; None when none waits."""
        found: list[datetime] = []
        for name, worker in self.workers.items():
            row = self.store._database.execute(
                "SELECT min(due_at) FROM queue WHERE registry_id = ? AND set_aside = 0",
                [self.rows[name].id],
            ).fetchone()
            if row[0]:
                found.append(max(parse_rfc3339(row[0]), worker._resume_at))
        return min(found, default=None)

    async def crawl(self, name: str = "", *, seconds: float = HALF_AN_HOUR) -> None:
        """Ask for a crawl and run it to its end, or for so many seconds of the clock."""
        self.deliver(Command.CRAWL, registry=name)
        await self.settle(seconds=seconds)

    async def index(self) -> None:
        """Bring the search index up to date, and do a rebuild that is wanted."""
        if not self._is_healed:
            await self.indexing.generations.open()
            self._is_healed = True
        worked = True
        while worked:
            worked = await self.indexing.update()
            worked = await self.indexing.rebuilds.go_on() or worked

    async def rebuild(self) -> None:
        """Make the search index again from the store."""
        self.deliver(Command.REBUILD)
        await self.enqueue_refreshes()
        await self.index()

    # What is there

    def truth(self) -> Tags:
        """Return where every tag of every registry points."""
        return {
            (name, repository, tag): digest
            for name, registry in self.registries.items()
            for repository, content in registry.content.repositories.items()
            for tag, digest in content.tags.items()
            if not is_system_tag(tag)
        }

    def visible(self) -> Tags:
        """Return where the store says that every tag points."""
        found: Tags = {}
        for name, row in self.rows.items():
            for repository in self.store.repositories.list_visible(row.id):
                repository_id = self.store.repositories.find(row.id, repository)
                assert repository_id is not None
                for tag, digest in self.store.content.tags(repository_id).items():
                    if not is_system_tag(tag):
                        found[(name, repository, tag)] = digest
        return found

    def hits(self, kind: DocumentType) -> list[Hit]:
        """Return every document of the live generation, as a search answers it."""
        found = self._open_reader().search(Everything(), document_type=kind, limit=10_000)
        return list(found.hits)

    def _open_reader(self) -> IndexReader:
        """Return what searches the live generation, opened once as the service does."""
        live = self.store.search_index.live()
        assert live is not None
        engine = self.find_engine(live)
        if self._reader is None or self._read != (engine, live.generation):
            self._close_reader()
            self._reader = engine.open_reader(live.generation)
            self._read = (engine, live.generation)
        self._reader.refresh()
        return self._reader

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def find_engine(self, live: LiveIndex) -> Engine:
        """Return the engine that made a generation."""
        return next(one for one in (self.engine, *self.others) if one.name == live.engine)

    def results(self, text: str, kind: DocumentType = DocumentType.IMAGE) -> list[dict[str, Any]]:
        """Return what a search in the query language answers."""
        query = parse_query(text, now=self.clock.now())
        document_type = choose_type(query, kind)
        found = self._open_reader().search(query, document_type=document_type, limit=1_000)
        return [dict(hit.result) for hit in found.hits]

    def searchable(self) -> Tags:
        """Return where searches say that every tag points; both types of document must agree."""
        found: Tags = {}
        for hit in self.hits(DocumentType.IMAGE):
            for tag in hit.result["tags"]:
                key = (hit.result["registry"], hit.result["repository"], tag)
                assert key not in found, "one tag in two documents"
                found[key] = hit.result["digest"]
        counts = {
            (hit.result["registry"], hit.result["repository"]): hit.result["tag_count"]
            for hit in self.hits(DocumentType.REPOSITORY)
        }
        assert counts == Counter((registry, repository) for registry, repository, _ in found)
        return found

    def documents(self) -> dict[str, str]:
        """Return the documents of both types, each as exactly what is answered, by id."""
        return {
            f"{kind} {hit.id}": json.dumps([hit.score, hit.result])
            for kind in DocumentType
            for hit in self.hits(kind)
        }

    def freshness(self, name: str = "") -> RegistryFreshness:
        """Return how fresh the copy of a registry is."""
        wanted = name or next(iter(self.registries))
        [found] = [row for row in self.store.registries.freshness() if row.name == wanted]
        return found

    def latest_crawl(self) -> Crawl:
        """Return the newest crawl of the first registry."""
        crawl = self.store.registries.latest_crawl(self.worker._registry.id)
        assert crawl is not None
        return crawl

    def waiting(self) -> int:
        """Return how many refreshes wait or were set aside."""
        return sum(
            row.refreshes_waiting + row.set_aside for row in self.store.registries.freshness()
        )

    def moves(self) -> set[tuple[str, str, str, str]]:
        """Return the history of all tags as (repository, tag, digest, actor)."""
        tags = self.store._database.execute(
            "SELECT DISTINCT repositories.id, name, tag FROM tag_moves"
            " JOIN repositories ON repositories.id = repository_id"
        ).fetchall()
        moves = [
            (repository, tag, move.digest, move.actor)
            for repository_id, repository, tag in tags
            for move in self.store.content.tag_moves(repository_id, tag)
        ]
        assert len(moves) == len(set(moves)), "a move is there twice"
        return set(moves)

    def repository_id(self, repository: str) -> int:
        """Return the number of a repository of the first registry."""
        found = self.store.repositories.find(self.worker._registry.id, RepositoryName(repository))
        assert found is not None
        return found


def pushed(
    repository: str, digest: str, *, tag: str = "", at: datetime | None = None, event_id: str = ""
) -> Event:
    """Return the event of a push."""
    return Event(
        Action.PUSH,
        RepositoryName(repository),
        TagName(tag) if tag else None,
        Digest(digest),
        event_id=event_id,
        occurred_at=at,
        actor="ci",
    )


def deleted(repository: str, *, digest: str = "", tag: str = "", event_id: str = "") -> Event:
    """Return the event of a deleted digest or tag."""
    return Event(
        Action.DELETE,
        RepositoryName(repository),
        TagName(tag) if tag else None,
        Digest(digest) if digest else None,
        event_id=event_id,
    )


def pulled(
    repository: str,
    digest: str,
    *,
    tag: str = "",
    at: datetime | None = None,
    is_blob: bool = False,
    event_id: str = "",
) -> Event:
    """Return the event of a pull through a registry that caches another one."""
    return Event(
        Action.PULL_BLOB if is_blob else Action.PULL,
        RepositoryName(repository),
        TagName(tag) if tag else None,
        Digest(digest),
        event_id=event_id,
        occurred_at=at,
    )
