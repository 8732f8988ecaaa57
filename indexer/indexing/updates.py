"""Store to search index: what changed is made searchable, and rebuilt beside the live generation.

One thread does both, so that they never race: while a rebuild runs, every live update is written to
the new generation too, and the swap is one row in the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import thread_time

import structlog

from indexer.clock import Clock
from indexer.engines import Engine
from indexer.errors import EngineAwayError, EngineError
from indexer.extract import KindTable
from indexer.indexing.batches import EXTRACT_SECONDS, Batch, Made
from indexer.indexing.generations import Generations
from indexer.indexing.processes import IndexingProcesses
from indexer.indexing.rebuilds import AWAY_SECONDS, Rebuilds
from indexer.indexing.rests import RESTS_FROM_IMAGES, Rests
from indexer.store import StaleDocument, Store, StoreThread

log = structlog.get_logger()

BATCH = 500
"""Documents in one commit of live updates, about: more are faster to write, but found later. So
many are written in one step of a rebuild too, as updates come between steps."""
IDLE_SECONDS = 0.5
"""How long to wait for a change before looking for one."""
SLOW_SECONDS = 0.05
"""The same while slow registries pause."""
PAUSE_SHARE = 2.0
"""The pause after a commit, in commits' durations: keeps the thread from starving the reading."""
PAUSE_MAX_SECONDS = 1.0
PAUSE_MAX = timedelta(seconds=PAUSE_MAX_SECONDS)
LOOK = timedelta(minutes=1)
"""The time between two looks whether the search index is still there."""


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
        extract_seconds: float = EXTRACT_SECONDS,
        on_swap: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.changed = asyncio.Event()
        """Set by whoever changed the store, so that the change is searchable soon."""
        self.generations = Generations(
            directory,
            engine=engine,
            others=others,
            store=store,
            clock=clock,
            kinds=kinds,
            extract_seconds=extract_seconds,
            on_swap=on_swap,
        )
        self.rebuilds = Rebuilds(
            self.generations,
            store=store,
            clock=clock,
            kinds=kinds,
            processes=IndexingProcesses(directory, count=processes) if processes else None,
            changed=self.changed,
            step=batch or BATCH,
            commit=batch or engine.batch_documents,
        )
        self._thread = self.generations.thread
        self._store = store
        self._clock = clock
        self._batch_size = batch or BATCH
        self._extract_seconds = extract_seconds
        self._rests = Rests()
        self._slow: set[str] = set()
        self._is_slow_turn = False
        self._is_for_slow = False
        self._slow_from: datetime | None = None
        self._is_open = False
        self._looked_at: datetime | None = None
        self.is_verified = False
        """Whether store and search index were compared since the start."""

    async def run(self) -> None:
        """Work until cancelled; a broken search index is healed at start.

        While the server of a search index is away, what is to be written waits in the store.
        """
        while True:
            self.changed.clear()
            started = self._clock.now()
            try:
                if not self._is_open:
                    await self.generations.open()
                    self._is_open = True
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
        await self.rebuilds.close()
        await self.generations.close()

    async def _work(self) -> bool:
        """Do the next step of what there is to do; True when there was anything."""
        generations = self.generations
        is_leaving = generations.is_leaving
        worked = False
        try:
            # A server that is left need not come back before another engine has everything.
            worked = not (is_leaving and generations.is_live_away) and await self.update()
        except EngineAwayError as error:
            if not is_leaving:
                raise
            generations.is_live_away = True
            generations.note_away(error)
        rebuilt = await self.rebuilds.go_on()
        if rebuilt or (worked and not is_leaving):
            generations.note_back()
        if not (worked or rebuilt):
            await self._look()
        return worked or rebuilt

    async def _wait_for_server(self, error: EngineAwayError) -> None:
        self.generations.note_away(error)
        await self._clock.sleep(AWAY_SECONDS)

    async def _look(self) -> None:
        """See now and then whether somebody removed the search index; then fill a new one."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= LOOK:
            self._looked_at = now
            try:
                await self._thread.run(self.generations.counts)
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
            if self._is_for_slow and self.generations.rebuild is None:
                self._slow_from = now + timedelta(seconds=pause)
            else:
                await self._clock.sleep(pause)

    async def update(self) -> bool:
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
        if self.is_verified or not self.generations.live.complete:
            return
        expected = await self._store.read(lambda store: store.content.count_visible())
        found = await self._thread.run(self.generations.counts)
        self.is_verified = True
        if found != expected and not await self._anything_stale():
            log.warning("search_index_differs", expected=expected, found=found)
            await self.generations.ask_for_rebuild()

    async def _anything_stale(self) -> bool:
        return await self._store.read(lambda store: store.search_index.stale_count()) > 0

    def _apply(self, stale: Sequence[StaleDocument]) -> tuple[Made, Batch]:
        """Write what is stale; return what was made beside it, and what was left."""
        batch = self.generations.maker.make_batch(stale)
        self.generations.write(batch)
        return self.generations.maker.take_made(), batch

    def _apply_own(self, repository_id: int) -> tuple[Made, Batch, float]:
        """Write the own document of a large repository; return the same, and the time it took."""
        start = thread_time()
        own = self.generations.maker.make_large(repository_id)
        self.generations.write(own)
        seconds = thread_time() - start
        if own.own_images >= RESTS_FROM_IMAGES:
            self._rests.begin(repository_id, seconds=seconds, now=self._clock.now())
        return self.generations.maker.take_made(), own, seconds
