"""Store to search index: live updates, and rebuilds beside the live generation.

One thread does both, so that they never race: while a rebuild runs, every live update is written to
the new generation too, and the swap is one row in the store.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import thread_time
from typing import TypeVar

import structlog

from indexer.clock import Clock
from indexer.engines import WRITTEN_IN_ORDER, EncodedDocument, Engine, IndexWriter
from indexer.errors import EngineAwayError, EngineError
from indexer.extract import EXTRACT_VERSION, KindTable
from indexer.indexing.batches import EXTRACT_SECONDS, Batch, DocumentMaker, Made, Portion
from indexer.indexing.processes import IndexingProcesses
from indexer.indexing.rests import RESTS_FROM_IMAGES, Rests
from indexer.model import Digest, DocumentType
from indexer.store import (
    EXTRACTED_AT_ONCE,
    LiveIndex,
    ManifestRows,
    OwnThread,
    RebuildProgress,
    StaleDocument,
    Store,
    StoreThread,
)

log = structlog.get_logger()

Result = TypeVar("Result")

BATCH = 500
"""Documents in one commit of live updates, about: more are faster to write, but found later. So
many are written in one step of a rebuild too, as updates come between steps."""
BATCHES = 4
"""Batches in one step of a rebuild at most, while nothing changes."""
IDLE_SECONDS = 0.5
"""How long to wait for a change before looking for one."""
SLOW_SECONDS = 0.05
"""The same while slow registries pause."""
PAUSE_SHARE = 2.0
"""The pause after a commit, in commits' durations: keeps the thread from starving the reading."""
PAUSE_MAX_SECONDS = 1.0
PAUSE_MAX = timedelta(seconds=PAUSE_MAX_SECONDS)
AWAY_SECONDS = 2.0
"""The time between two attempts to reach the server of a search index that is away."""
LOOK = timedelta(minutes=1)
"""The time between two looks whether the search index is still there."""


@dataclass(slots=True)
class _Rebuild:
    """A rebuild on its way: the generation it fills and the repositories it has yet to read."""

    generation: str
    writer: IndexWriter
    waiting: list[int]
    total: int
    uncommitted: int = 0
    """Images that were written since the last commit."""


@dataclass(frozen=True, slots=True)
class _ReadAhead:
    """Manifests that other processes read again, those after ``reached``."""

    reached: str
    digests: Sequence[Digest]
    rows: asyncio.Task[list[ManifestRows]]


class Indexing:
    """Keeps the search index the same as the store says it should be.

    ``engine`` is the one that the settings name. A whole generation that one of ``others`` made
    goes on answering, and is kept up to date, until ``engine`` has one. ``kinds`` are those that
    are recognised. ``batch`` is about the number of documents in one commit; by default ``BATCH``
    for live updates, and for rebuilds the number that the engine names, some steps together.
    ``on_swap`` is called when another generation is live, before the one of before is removed.
    """

    def __init__(
        self,
        *,
        directory: Path,
        engine: Engine,
        store: StoreThread,
        clock: Clock,
        kinds: KindTable,
        others: Sequence[Engine] = (),
        batch: int | None = None,
        processes: int = 0,
        on_swap: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._on_swap = on_swap
        self._directory = directory
        self._engine = engine
        self._engines = {one.name: one for one in (*others, engine)}
        self._store = store
        self._clock = clock
        self._batch_size = batch or BATCH
        self._rebuild_size = batch or engine.batch_documents
        self._kinds = kinds
        self._processes = IndexingProcesses(directory, count=processes) if processes else None
        self._thread = OwnThread("indexing", path=directory)
        self._reading: Store | None = None
        self._maker: DocumentMaker | None = None
        self._live: LiveIndex | None = None
        self._writer: IndexWriter | None = None
        self._rebuild: _Rebuild | None = None
        self._ahead: _ReadAhead | None = None
        self._verified = False
        self._extract_seconds = EXTRACT_SECONDS
        self._slow: set[str] = set()
        self._rests = Rests()
        self._is_slow_turn = False
        self._is_for_slow = False
        self._slow_from: datetime | None = None
        self._is_open = False
        self._is_away = False
        self._is_live_away = False
        self._rebuild_from: datetime | None = None
        self._looked_at: datetime | None = None
        self.changed = asyncio.Event()
        """Set by whoever changed the store, so that the change is searchable soon."""

    async def run(self) -> None:
        """Work until cancelled; a broken search index is healed at start.

        While the server of a search index is away, what is to be written waits in the store.
        """
        while True:
            self.changed.clear()
            started = self._clock.now()
            try:
                await self._open_once()
                worked = await self._work()
            except EngineAwayError as error:
                await self._wait_for_server(error)
                continue
            if worked:
                await self._give_way(started)
                continue
            try:
                async with asyncio.timeout(SLOW_SECONDS if self._slow else IDLE_SECONDS):
                    await self.changed.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Wait for what runs, then let go of all files."""
        if self._ahead is not None:
            self._ahead.rows.cancel()
            await asyncio.gather(self._ahead.rows, return_exceptions=True)
        if self._processes is not None:
            await asyncio.to_thread(self._processes.close)
        await self._thread.run(self._close)
        self._thread.close()

    async def _open_once(self) -> None:
        if not self._is_open:
            # A start that a server interrupted begins anew.
            await self._thread.run(self._close_writers)
            await self.open_or_rebuild()
            self._is_open = True

    async def _work(self) -> bool:
        """Do the next step of what there is to do; True when there was anything."""
        is_leaving = self._known_live().engine != self._engine.name
        worked = False
        try:
            # A server that is left need not come back before another engine has everything.
            worked = not (is_leaving and self._is_live_away) and await self._update()
        except EngineAwayError as error:
            if not is_leaving:
                raise
            self._is_live_away = True
            self._note_away(error)
        rebuilt = await self._go_on_rebuilding()
        is_back = rebuilt or (worked and not is_leaving)
        if self._is_away and is_back and not self._is_live_away:
            self._is_away = False
            log.info("search_index_back")
        if not (worked or rebuilt):
            await self._look()
        return worked or rebuilt

    async def _wait_for_server(self, error: EngineAwayError) -> None:
        self._note_away(error)
        await self._clock.sleep(AWAY_SECONDS)

    def _note_away(self, error: EngineAwayError) -> None:
        if not self._is_away:
            log.warning("search_index_away", reason=str(error))
        self._is_away = True

    async def _look(self) -> None:
        """See now and then whether somebody removed the search index; then fill a new one."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= LOOK:
            self._looked_at = now
            try:
                await self._thread.run(self._counts)
            except EngineAwayError:
                raise
            except EngineError as error:
                log.warning("search_index_lost", reason=str(error))
                self._is_open = False

    async def _give_way(self, started: datetime) -> None:
        """Pause after work that began at ``started``, if there is anything to be read meanwhile.

        After work for slow registries only they pause: others may have changed meanwhile.
        """
        now = self._clock.now()
        if await self._store.read(lambda store: store.queue.is_waiting(now=now)):
            spent = (now - started).total_seconds()
            pause = min(PAUSE_MAX_SECONDS, spent * PAUSE_SHARE)
            if self._is_for_slow and self._rebuild is None:
                self._slow_from = now + timedelta(seconds=pause)
            else:
                await self._clock.sleep(pause)

    # The live generation

    async def open_or_rebuild(self) -> None:
        """Open the live generation; where that cannot be, fill a new one from the store."""
        self._live = await self._store.read(lambda store: store.search_index.live())
        await self._thread.run(self._open_reading)
        reason = await self._thread.run(self._open_live) if self._live else None
        if reason is not None:
            generation = self._known_live().generation
            log.warning("search_index_unusable", generation=generation, reason=reason)
        if self._writer is None:
            await self._start_over()
        if not await self._store.read(lambda store: store.extraction.is_current()):
            await self._store.write(lambda store: store.extraction.ask())
        live = self._known_live()
        await self._thread.run(partial(self._drop_others, live.generation))
        if not live.complete:
            await self._ask_for_rebuild()
        elif live.engine != self._engine.name:
            log.info("engine_changed", before=live.engine, now=self._engine.name)
            await self._ask_for_rebuild()
        elif live.extractor_version != EXTRACT_VERSION:
            log.info("extractor_changed", before=live.extractor_version, now=EXTRACT_VERSION)
            await self._ask_for_rebuild()

    def _open_live(self) -> str | None:
        """Open the writer of the live generation; return why that cannot be."""
        live = self._known_live()
        engine = self._engines.get(live.engine)
        is_known = engine is not None and engine.schema_version == live.schema_version
        if engine is None or not is_known:
            return f"made by {live.engine} with schema {live.schema_version}"
        if engine is not self._engine and not live.complete:
            return f"never finished, and made by {live.engine}"
        try:
            self._writer = engine.open_writer(live.generation)
        except EngineAwayError as error:
            if engine is self._engine:
                raise
            # The settings say another engine, perhaps because this one is gone for ever.
            return str(error)
        except EngineError as error:
            return str(error)
        return None

    async def _start_over(self) -> None:
        """Make an empty generation the live one; it is incomplete until it is filled."""
        generation = self._new_name()
        await self._thread.run(partial(self._engine.create, generation))
        self._writer = await self._thread.run(partial(self._engine.open_writer, generation))
        _, images = await self._store.read(lambda store: store.content.count_visible())
        await self._set_live(generation, complete=images == 0)

    async def _update(self) -> bool:
        """Make stale documents searchable; True when there were any."""
        stale = await self._store.read(self._next_stale)
        if not stale and self._slow:
            # They pause.
            return False
        if not stale:
            if await self._mark_some():
                return True
            await self._verify()
            return False
        made, batch = await self._thread.run(partial(self._apply, stale))
        await self._save(made, [one for one in stale if batch.has_made(one)])
        # What was extracted for the images is kept by now.
        spent = 0.0
        for repository_id in batch.large:
            if spent > self._extract_seconds:
                # The others stay stale: images that were pushed meanwhile come first.
                break
            made, own, seconds = await self._thread.run(partial(self._apply_own, repository_id))
            is_made = repository_id not in own.left
            await self._save(made, [one for one in stale if is_made and one.is_of(repository_id)])
            batch.slow |= own.slow
            spent += seconds
        self._slow = batch.slow if self._is_slow_turn else self._slow | batch.slow
        self._is_for_slow = self._is_slow_turn or bool(batch.slow)
        return True

    async def _save(self, made: Made, done: Sequence[StaleDocument]) -> None:
        """Keep what was made beside documents, and note these as searchable."""

        def save(store: Store) -> None:
            made.keep(store)
            store.search_index.indexed(done)
            store.measures.note_searchable(at=self._clock.now())

        await self._store.write(save)
        log.debug("documents_indexed", documents=len(done))

    def _next_stale(self, store: Store) -> list[StaleDocument]:
        """Return what to make next: by turns that of the slow registries, and of all others."""
        now = self._clock.now()
        resting = self._rests.resting(now=now)
        others = store.search_index.stale(
            limit=self._batch_size, without=self._slow, resting=resting
        )
        # Not for longer than a pause, be it that somebody set the clock back.
        pauses = self._slow_from is not None and timedelta() < self._slow_from - now <= PAUSE_MAX
        may_be_slow = bool(self._slow) and not pauses
        self._is_slow_turn = may_be_slow and not (others and self._is_slow_turn)
        if self._is_slow_turn:
            found: list[StaleDocument] = []
            for registry in sorted(self._slow):
                found += store.search_index.stale(
                    limit=self._batch_size, only=registry, resting=resting
                )
            if found:
                return found
            self._slow, self._is_slow_turn = set(), False
        return others

    async def _mark_some(self) -> bool:
        """Mark more documents of images whose base changed; True when there were any."""
        if not await self._store.read(lambda store: store.chains.has_changed_bases()):
            return False
        await self._store.write(lambda store: store.chains.mark_some())
        return True

    async def _verify(self) -> None:
        """Once after the start: compare the counts of store and search index."""
        if self._verified or not self._known_live().complete:
            return
        expected = await self._store.read(lambda store: store.content.count_visible())
        found = await self._thread.run(self._counts)
        self._verified = True
        if found != expected and not await self._anything_stale():
            log.warning("search_index_differs", expected=expected, found=found)
            await self._ask_for_rebuild()

    async def _anything_stale(self) -> bool:
        return await self._store.read(lambda store: store.search_index.stale_count()) > 0

    def _counts(self) -> tuple[int, int]:
        writer = self._known_writer()
        return writer.count(DocumentType.REPOSITORY), writer.count(DocumentType.IMAGE)

    def _apply(self, stale: Sequence[StaleDocument]) -> tuple[Made, Batch]:
        """Write what is stale; return what was made beside it, and what was left."""
        batch = self._known_maker().make_batch(stale)
        self._write(batch)
        return self._known_maker().take_made(), batch

    def _apply_own(self, repository_id: int) -> tuple[Made, Batch, float]:
        """Write the own document of a large repository; return the same, and the time it took."""
        start = thread_time()
        own = self._known_maker().make_large(repository_id)
        self._write(own)
        seconds = thread_time() - start
        if own.own_images >= RESTS_FROM_IMAGES:
            self._rests.begin(repository_id, seconds=seconds, now=self._clock.now())
        return self._known_maker().take_made(), own, seconds

    def _write(self, batch: Batch) -> None:
        batch.apply(self._known_writer())
        if self._rebuild is not None and self._rebuild.writer is not self._writer:
            try:
                batch.apply(self._rebuild.writer)
            except EngineAwayError as error:
                if self._known_live().engine == self._engine.name:
                    raise
                # What answers now need not wait for it. Everything is written to it later.
                self._note_away(error)
                self._rebuild.writer.close()
                self._rebuild = None

    # Rebuilding

    async def _ask_for_rebuild(self) -> None:
        await self._store.write(lambda store: store.search_index.set_rebuild(RebuildProgress(0, 0)))

    async def _go_on_rebuilding(self) -> bool:
        """Do one step of the rebuild that is wanted; True when there was one."""
        if await self._store.read(lambda store: store.extraction.progress()):
            # The documents come after what they are made from.
            await self._go_on_extracting()
            return True
        wanted = await self._store.read(lambda store: store.search_index.rebuild())
        pause = timedelta(seconds=AWAY_SECONDS)
        now = self._clock.now()
        waits = self._rebuild_from is not None and timedelta() < self._rebuild_from - now <= pause
        if wanted is None or waits:
            return False
        try:
            await self._rebuild_some()
        except EngineAwayError as error:
            if self._known_live().engine == self._engine.name:
                raise
            # Another engine answers meanwhile, and is kept up to date.
            self._note_away(error)
            self._rebuild_from = now + pause
            return False
        return True

    async def _rebuild_some(self) -> None:
        """Do one step of a rebuild."""
        if self._rebuild is None:
            await self._start_rebuild()
        rebuild = self._rebuild
        assert rebuild is not None  # noqa: S101 - just started
        is_first = len(rebuild.waiting) == rebuild.total
        made = await self._rebuild_step(rebuild)
        progress = RebuildProgress(rebuild.total - len(rebuild.waiting), rebuild.total)

        def save(store: Store) -> None:
            if is_first:
                # All is made anew, whatever was kept before.
                store.parts.forget()
            for one in made:
                one.keep(store)
            store.search_index.set_rebuild(progress)

        await self._store.write(save)
        if not rebuild.waiting:
            await self._finish_rebuild(rebuild)

    async def _go_on_extracting(self) -> None:
        """Read the next manifests again, in other processes if there are any.

        Those read ahead while this one writes: each takes about half of the time.
        """
        kinds = self._kinds
        reached = await self._store.read(lambda store: store.extraction.reached())
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.reached != reached:
            # Somebody asked for all of it once more.
            ahead.rows.cancel()
            ahead = None
        ahead = ahead or await self._read_ahead(reached)
        digests, read = ahead.digests, await ahead.rows
        is_last = len(digests) < EXTRACTED_AT_ONCE
        if not is_last:
            self._ahead = await self._read_ahead(digests[-1])
        await self._store.write(
            lambda store: store.extraction.replace(digests, read, kinds=kinds, is_last=is_last)
        )

    async def _read_ahead(self, reached: str) -> _ReadAhead:
        digests = await self._store.read(lambda store: store.extraction.next_digests(reached))
        return _ReadAhead(reached, digests, asyncio.create_task(self._read_manifests(digests)))

    async def _read_manifests(self, digests: Sequence[Digest]) -> list[ManifestRows]:
        return await self._processes.read_manifests(digests) if self._processes else []

    async def _start_rebuild(self) -> None:
        ids = await self._store.read(lambda store: store.search_index.repository_ids())
        live = self._known_live()
        if live.complete:
            # One may be left that could not be filled.
            await self._thread.run(partial(self._drop_others, live.generation))
            generation = self._new_name()
            await self._thread.run(partial(self._engine.create, generation))
            writer = await self._thread.run(partial(self._engine.open_writer, generation))
        else:
            generation, writer = live.generation, self._known_writer()
        self._rebuild = _Rebuild(generation, writer, waiting=ids[::-1], total=len(ids))
        log.info("rebuild_started", generation=generation, repositories=len(ids))

    async def _rebuild_step(self, rebuild: _Rebuild) -> list[Made]:
        """Write the documents of the next repositories, about a batch of them, or some batches.

        Return what was made beside them. What is made here reads the store after all updates so
        far, and is written before the next one. So no older document comes after a newer one.
        """
        waiting = list(rebuild.waiting)
        try:
            return await self._write_portions(rebuild)
        except EngineAwayError:
            # What was written is there, and may be written once more.
            rebuild.waiting = waiting
            raise

    async def _write_portions(self, rebuild: _Rebuild) -> list[Made]:
        portions = await self._thread.run(partial(self._take_portions, rebuild))
        size = _count_images(portions)
        if self._processes is None or size < self._batch_size:
            # A process takes longer to start than it would save.
            return [await self._thread.run(partial(self._make_portions, rebuild, portions))]
        kept: list[Made] = []

        async def take_more() -> Sequence[Portion]:
            # The processes would wait for the end of the step.
            nonlocal size
            if self.changed.is_set() or size >= self._batch_size * BATCHES:
                return ()
            more = await self._thread.run(partial(self._take_portions, rebuild))
            size += _count_images(more)
            return more

        documents = self._processes.make_documents(portions, self._engine.encode, more=take_more)
        async with aclosing(documents) as found:
            async for some, made in found:
                if made is None:
                    kept.append(await self._thread.run(partial(self._make_portions, rebuild, some)))
                else:
                    await self._thread.run(partial(self._fill, rebuild, made.documents))
                    kept.append(made.made)
        return kept

    def _take_portions(self, rebuild: _Rebuild) -> list[Portion]:
        size, portions = 0, list[Portion]()
        while rebuild.waiting and size < self._batch_size:
            more = self._known_maker().list_portions(rebuild.waiting.pop())
            portions += more
            size += _count_images(more)
        return portions

    def _make_portions(self, rebuild: _Rebuild, portions: Sequence[Portion]) -> Made:
        for portion in portions:
            for document in self._known_maker().make_portion(portion):
                # One by one: the documents of a batch would take half of the memory.
                kind, encoded = document.key.type, self._engine.encode(document)
                self._fill(rebuild, {kind: [encoded]})
        return self._known_maker().take_made()

    def _fill(
        self, rebuild: _Rebuild, documents: Mapping[DocumentType, Sequence[EncodedDocument]]
    ) -> None:
        for kind in WRITTEN_IN_ORDER:
            encoded = documents.get(kind, ())
            rebuild.writer.fill(kind, encoded)
            rebuild.uncommitted += 0 if kind is DocumentType.REPOSITORY else len(encoded)
        if rebuild.uncommitted >= self._rebuild_size:
            rebuild.writer.commit_filled()
            rebuild.uncommitted = 0

    async def _finish_rebuild(self, rebuild: _Rebuild) -> None:
        before, old_writer = self._known_live(), self._known_writer()
        if self._processes is not None:
            await asyncio.to_thread(self._processes.close)
        await self._thread.run(rebuild.writer.optimize)
        await self._set_live(rebuild.generation, complete=True, rebuilt=True)
        self._rebuild, self._writer = None, rebuild.writer
        if before.generation != rebuild.generation:
            if self._on_swap is not None:
                await self._on_swap()
            await self._thread.run(old_writer.close)
            # The engine that made it, as another one may keep its generations elsewhere.
            maker = self._engines.get(before.engine, self._engine)
            try:
                await self._thread.run(partial(maker.drop, before.generation))
            except EngineAwayError as error:
                # It is dropped at the next start or rebuild.
                log.warning("search_index_left", before=before.generation, reason=str(error))
        log.info("rebuild_finished", generation=rebuild.generation, repositories=rebuild.total)

    async def _set_live(self, generation: str, *, complete: bool, rebuilt: bool = False) -> None:
        """Make a generation the live one; ``rebuilt`` says that no rebuild is wanted any more."""
        live = LiveIndex(
            generation=generation,
            engine=self._engine.name,
            schema_version=self._engine.schema_version,
            extractor_version=EXTRACT_VERSION,
            complete=complete,
        )

        def save(store: Store) -> None:
            store.search_index.set_live(live)
            if rebuilt:
                # In one transaction, or a kill in between would rebuild once more.
                store.search_index.set_rebuild(None)

        await self._store.write(save)
        self._live, self._is_live_away = live, False

    # Files

    def _new_name(self) -> str:
        return f"{self._clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"

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

    def _drop_others(self, live: str) -> None:
        for engine in self._engines.values():
            try:
                for generation in engine.generations():
                    if generation != live:
                        engine.drop(generation)
            except EngineAwayError as error:
                if engine is self._engine:
                    raise
                log.warning("search_index_left", engine=engine.name, reason=str(error))

    def _close_writers(self) -> None:
        if self._rebuild is not None and self._rebuild.writer is not self._writer:
            self._rebuild.writer.close()
        if self._writer is not None:
            self._writer.close()
        self._rebuild, self._writer = None, None

    def _close(self) -> None:
        self._close_writers()
        if self._reading is not None:
            self._reading.close()

    def _known_live(self) -> LiveIndex:
        assert self._live is not None  # noqa: S101 - set by open_or_rebuild before anything else
        return self._live

    def _known_writer(self) -> IndexWriter:
        assert self._writer is not None  # noqa: S101 - set by open_or_rebuild before anything else
        return self._writer

    def _known_maker(self) -> DocumentMaker:
        assert self._maker is not None  # noqa: S101 - set by open_or_rebuild before anything else
        return self._maker


def _count_images(portions: Sequence[Portion]) -> int:
    return sum(len(portion.images) for portion in portions)
