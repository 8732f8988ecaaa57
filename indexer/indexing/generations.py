"""The open generations of the search index: the live one, and one that a rebuild fills beside it.

Whatever reaches their files or their server runs on one thread, so that nothing races.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from indexer.clock import Clock
from indexer.engines import Engine, IndexWriter
from indexer.errors import EngineAwayError, EngineError
from indexer.extract import EXTRACT_VERSION, KindTable
from indexer.indexing.batches import Batch, DocumentMaker
from indexer.model import DocumentType
from indexer.store import LiveIndex, OwnThread, RebuildProgress, Store, StoreThread

log = structlog.get_logger()


@dataclass(slots=True)
class Rebuild:
    """A rebuild on its way: the generation it fills and the repositories it has yet to read."""

    generation: str
    writer: IndexWriter
    waiting: list[int]
    total: int
    uncommitted: int = 0
    """Images that were written since the last commit."""
    is_filled: bool = False
    """All repositories were read; it ends with the next step at the latest."""


class Generations:
    """Opens, swaps and drops generations, and writes to those that are open.

    ``engine`` is the one that the settings name. A whole generation that one of ``others`` made
    goes on answering, and is kept up to date, until ``engine`` has one. ``on_swap`` is called when
    another generation is live, before the one of before is removed.
    """

    def __init__(
        self,
        directory: Path,
        *,
        engine: Engine,
        others: Sequence[Engine],
        store: StoreThread,
        clock: Clock,
        kinds: KindTable,
        extract_seconds: float,
        on_swap: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self.engine = engine
        self.thread = OwnThread("indexing", path=directory)
        self.rebuild: Rebuild | None = None
        self.is_away = False
        """Whether a server that is needed did not answer last time."""
        self.is_live_away = False
        self._directory = directory
        self._engines = {one.name: one for one in (*others, engine)}
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._extract_seconds = extract_seconds
        self._on_swap = on_swap
        self._reading: Store | None = None
        self._maker: DocumentMaker | None = None
        self._live: LiveIndex | None = None
        self._writer: IndexWriter | None = None

    @property
    def live(self) -> LiveIndex:
        """What the store says of the live generation."""
        assert self._live is not None  # noqa: S101 - set by open before anything else
        return self._live

    @property
    def writer(self) -> IndexWriter:
        """What writes to the live generation; for the thread."""
        assert self._writer is not None  # noqa: S101 - set by open before anything else
        return self._writer

    @property
    def reading(self) -> Store:
        """The store as the thread reads it."""
        assert self._reading is not None  # noqa: S101 - set by open before anything else
        return self._reading

    @property
    def maker(self) -> DocumentMaker:
        """What makes documents of the store; for the thread."""
        assert self._maker is not None  # noqa: S101 - set by open before anything else
        return self._maker

    @property
    def is_leaving(self) -> bool:
        """Whether the settings name another engine than that of the live generation."""
        return self.live.engine != self.engine.name

    async def open(self) -> None:
        """Open the live generation; where that cannot be, make an empty one, to be filled.

        A start that a server interrupted begins anew.
        """
        await self.thread.run(self._close_writers)
        self._live = await self._store.read(lambda store: store.search_index.live())
        await self.thread.run(self._open_reading)
        reason = await self.thread.run(self._open_live) if self._live else None
        if reason is not None:
            log.warning("search_index_unusable", generation=self.live.generation, reason=reason)
        if self._writer is None:
            await self._start_over()
        if not await self._store.read(lambda store: store.extraction.is_current()):
            await self._store.write(lambda store: store.extraction.ask())
        live = self.live
        await self.thread.run(partial(self._drop_others, live.generation))
        if not live.complete:
            await self.ask_for_rebuild()
        elif self.is_leaving:
            log.info("engine_changed", before=live.engine, now=self.engine.name)
            await self.ask_for_rebuild()
        elif live.extractor_version != EXTRACT_VERSION:
            log.info("extractor_changed", before=live.extractor_version, now=EXTRACT_VERSION)
            await self.ask_for_rebuild()

    async def ask_for_rebuild(self) -> None:
        """Note that a rebuild is wanted."""
        await self._store.write(lambda store: store.search_index.set_rebuild(RebuildProgress(0, 0)))

    async def begin_rebuild(self, repository_ids: Sequence[int]) -> Rebuild:
        """Begin to fill a generation: the live one if that is not whole, else a new one."""
        live = self.live
        if live.complete:
            # One may be left that could not be filled.
            await self.thread.run(partial(self._drop_others, live.generation))
            generation, writer = await self._make_new()
        else:
            generation, writer = live.generation, self.writer
        total = len(repository_ids)
        self.rebuild = Rebuild(generation, writer, waiting=[*repository_ids[::-1]], total=total)
        log.info("rebuild_started", generation=generation, repositories=total)
        return self.rebuild

    async def finish_rebuild(self, rebuild: Rebuild) -> None:
        """Make the generation that was filled the live one, and drop that of before."""
        before, old_writer = self.live, self.writer
        await self.thread.run(rebuild.writer.optimize)
        await self._set_live(rebuild.generation, complete=True, rebuilt=True)
        self.rebuild, self._writer = None, rebuild.writer
        if before.generation != rebuild.generation:
            if self._on_swap is not None:
                await self._on_swap()
            await self.thread.run(old_writer.close)
            # The engine that made it, as another one may keep its generations elsewhere.
            maker = self._engines.get(before.engine, self.engine)
            try:
                await self.thread.run(partial(maker.drop, before.generation))
            except EngineAwayError as error:
                # It is dropped at the next start or rebuild.
                log.warning("search_index_left", before=before.generation, reason=str(error))
        log.info("rebuild_finished", generation=rebuild.generation, repositories=rebuild.total)

    def write(self, batch: Batch) -> None:
        """Write a batch to the live generation, and to one that a rebuild fills; on the thread."""
        batch.apply(self.writer)
        if self.rebuild is not None and self.rebuild.writer is not self._writer:
            try:
                batch.apply(self.rebuild.writer)
            except EngineAwayError as error:
                if not self.is_leaving:
                    raise
                # What answers now need not wait for it. Everything is written to it later.
                self.note_away(error)
                self.rebuild.writer.close()
                self.rebuild = None

    def counts(self) -> tuple[int, int]:
        """Return how many repositories and images the live generation has; on the thread."""
        return self.writer.count(DocumentType.REPOSITORY), self.writer.count(DocumentType.IMAGE)

    def _drop_others(self, live: str) -> None:
        """Drop every generation but one; on the thread."""
        for engine in self._engines.values():
            try:
                for generation in engine.generations():
                    if generation != live:
                        engine.drop(generation)
            except EngineAwayError as error:
                if engine is self.engine:
                    raise
                log.warning("search_index_left", engine=engine.name, reason=str(error))

    def note_away(self, error: EngineAwayError) -> None:
        """Note that a server does not answer; the first time is logged."""
        if not self.is_away:
            log.warning("search_index_away", reason=str(error))
        self.is_away = True

    def note_back(self) -> None:
        """Note that all servers that are needed answer."""
        if self.is_away and not self.is_live_away:
            self.is_away = False
            log.info("search_index_back")

    async def close(self) -> None:
        """Wait for what runs, then let go of all files."""
        await self.thread.run(self._close)
        self.thread.close()

    async def _start_over(self) -> None:
        """Make an empty generation the live one; it is incomplete until it is filled."""
        generation, self._writer = await self._make_new()
        _, images = await self._store.read(lambda store: store.content.count_visible())
        await self._set_live(generation, complete=images == 0)

    async def _make_new(self) -> tuple[str, IndexWriter]:
        generation = f"{self._clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        await self.thread.run(partial(self.engine.create, generation))
        return generation, await self.thread.run(partial(self.engine.open_writer, generation))

    async def _set_live(self, generation: str, *, complete: bool, rebuilt: bool = False) -> None:
        """Make a generation the live one; ``rebuilt`` says that no rebuild is wanted any more."""
        live = LiveIndex(
            generation=generation,
            engine=self.engine.name,
            schema_version=self.engine.schema_version,
            extractor_version=EXTRACT_VERSION,
            complete=complete,
        )

        def save(store: Store) -> None:
            store.search_index.set_live(live)
            if rebuilt:
                # In one transaction, or a kill in between would rebuild once more.
                store.search_index.set_rebuild(None)

        await self._store.write(save)
        self._live, self.is_live_away = live, False

    def _open_live(self) -> str | None:
        """Open the writer of the live generation; return why that cannot be."""
        live = self.live
        engine = self._engines.get(live.engine)
        is_known = engine is not None and engine.schema_version == live.schema_version
        if engine is None or not is_known:
            return f"made by {live.engine} with schema {live.schema_version}"
        if engine is not self.engine and not live.complete:
            return f"never finished, and made by {live.engine}"
        try:
            self._writer = engine.open_writer(live.generation)
        except EngineAwayError as error:
            if engine is self.engine:
                raise
            # The settings say another engine, perhaps because this one is gone for ever.
            return str(error)
        except EngineError as error:
            return str(error)
        return None

    def _open_reading(self) -> None:
        if self._reading is not None:
            # This start is repeated, because a server was away.
            return
        self._reading = Store(self._directory, read_only=True)
        self._maker = DocumentMaker(
            self._reading,
            clock=self._clock,
            kinds=self._kinds,
            extract_seconds=self._extract_seconds,
        )

    def _close_writers(self) -> None:
        if self.rebuild is not None and self.rebuild.writer is not self._writer:
            self.rebuild.writer.close()
        if self._writer is not None:
            self._writer.close()
        self.rebuild, self._writer = None, None

    def _close(self) -> None:
        self._close_writers()
        if self._reading is not None:
            self._reading.close()
