"""Rebuilds: all of the store extracted and indexed anew, step by step, beside the live updates."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from indexer.clock import Clock
from indexer.engines import WRITTEN_IN_ORDER, EncodedDocument
from indexer.errors import EngineAwayError
from indexer.extract import KindTable
from indexer.indexing.batches import Made, Portion
from indexer.indexing.generations import Generations, Rebuild
from indexer.indexing.processes import IndexingProcesses
from indexer.model import Digest, DocumentType
from indexer.store import EXTRACTED_AT_ONCE, ManifestRows, RebuildProgress, Store, StoreThread

BATCHES = 4
"""Batches in one step of a rebuild at most, while nothing changes."""
AWAY_SECONDS = 2.0
"""The time between two attempts to reach the server of a search index that is away."""


@dataclass(frozen=True, slots=True)
class _ReadAhead:
    """Manifests that other processes read again, those after ``reached``."""

    reached: str
    digests: Sequence[Digest]
    rows: asyncio.Task[list[ManifestRows]]


class Rebuilds:
    """Does the next step of what is wanted.

    A step writes about ``step`` images, some of them while ``changed`` is not set. A commit comes
    after about ``commit`` images.
    """

    def __init__(
        self,
        generations: Generations,
        *,
        store: StoreThread,
        clock: Clock,
        kinds: KindTable,
        processes: IndexingProcesses | None,
        changed: asyncio.Event,
        step: int,
        commit: int,
    ) -> None:
        self._generations = generations
        self._thread = generations.thread
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._processes = processes
        self._changed = changed
        self._step_size = step
        self._commit_size = commit
        self._ahead: _ReadAhead | None = None
        self._waits_until: datetime | None = None

    async def go_on(self) -> bool:
        """Do one step of the extraction or rebuild that is wanted; True when there was one."""
        if await self._store.read(lambda store: store.extraction.progress()):
            # The documents come after what they are made from.
            await self._go_on_extracting()
            return True
        wanted = await self._store.read(lambda store: store.search_index.rebuild())
        pause = timedelta(seconds=AWAY_SECONDS)
        now = self._clock.now()
        waits = self._waits_until is not None and timedelta() < self._waits_until - now <= pause
        if wanted is None or waits:
            return False
        try:
            await self._rebuild_some()
        except EngineAwayError as error:
            if not self._generations.is_leaving:
                raise
            # Another engine answers meanwhile, and is kept up to date.
            self._generations.note_away(error)
            self._waits_until = now + pause
            return False
        return True

    async def begin(self) -> Rebuild:
        """Begin a rebuild of all repositories."""
        ids = await self._store.read(lambda store: store.search_index.repository_ids())
        return await self._generations.begin_rebuild(ids)

    async def step(self, rebuild: Rebuild) -> list[Made]:
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

    async def close(self) -> None:
        """Wait for what runs, and end all processes."""
        if self._ahead is not None:
            self._ahead.rows.cancel()
            await asyncio.gather(self._ahead.rows, return_exceptions=True)
        await self._end_processes()

    async def _rebuild_some(self) -> None:
        """Do one step of a rebuild."""
        rebuild = self._generations.rebuild or await self.begin()
        is_first = len(rebuild.waiting) == rebuild.total and not rebuild.is_filled
        made = await self.step(rebuild)
        progress = RebuildProgress(rebuild.total - len(rebuild.waiting), rebuild.total)

        def save(store: Store) -> None:
            if is_first:
                # All is made anew, whatever was kept before.
                store.parts.forget()
            for one in made:
                one.keep(store)
            store.search_index.set_rebuild(progress)

        await self._store.write(save)
        if rebuild.waiting:
            return
        if not rebuild.is_filled:
            rebuild.is_filled = True
            stale = await self._store.read(lambda store: store.search_index.stale_count())
            if stale and self._generations.live.complete:
                # Some of the last documents know of these changes. The others come first, so that
                # nobody sees a part of them; once, or a flood would put off the end for ever.
                return
        await self._end_processes()
        await self._generations.finish_rebuild(rebuild)

    async def _end_processes(self) -> None:
        if self._processes is not None:
            await asyncio.to_thread(self._processes.close)

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

    async def _write_portions(self, rebuild: Rebuild) -> list[Made]:
        portions = await self._thread.run(partial(self._take_portions, rebuild))
        size = _count_images(portions)
        if self._processes is None or size < self._step_size:
            # A process takes longer to start than it would save.
            return [await self._thread.run(partial(self._make_portions, rebuild, portions))]
        kept: list[Made] = []

        async def take_more() -> Sequence[Portion]:
            # The processes would wait for the end of the step.
            nonlocal size
            if self._changed.is_set() or size >= self._step_size * BATCHES:
                return ()
            more = await self._thread.run(partial(self._take_portions, rebuild))
            size += _count_images(more)
            return more

        encode = self._generations.engine.encode
        documents = self._processes.make_documents(portions, encode, more=take_more)
        async with aclosing(documents) as found:
            async for some, made in found:
                if made is None:
                    kept.append(await self._thread.run(partial(self._make_portions, rebuild, some)))
                else:
                    await self._thread.run(partial(self._fill, rebuild, made.documents))
                    kept.append(made.made)
        return kept

    def _take_portions(self, rebuild: Rebuild) -> list[Portion]:
        size, portions = 0, list[Portion]()
        while rebuild.waiting and size < self._step_size:
            more = self._generations.maker.list_portions(rebuild.waiting.pop())
            portions += more
            size += _count_images(more)
        return portions

    def _make_portions(self, rebuild: Rebuild, portions: Sequence[Portion]) -> Made:
        maker = self._generations.maker
        for portion in portions:
            for document in maker.make_portion(portion):
                # One by one: the documents of a batch would take half of the memory.
                kind, encoded = document.key.type, self._generations.engine.encode(document)
                self._fill(rebuild, {kind: [encoded]})
        return maker.take_made()

    def _fill(
        self, rebuild: Rebuild, documents: Mapping[DocumentType, Sequence[EncodedDocument]]
    ) -> None:
        for kind in WRITTEN_IN_ORDER:
            encoded = documents.get(kind, ())
            rebuild.writer.fill(kind, encoded)
            rebuild.uncommitted += 0 if kind is DocumentType.REPOSITORY else len(encoded)
        if rebuild.uncommitted >= self._commit_size:
            rebuild.writer.commit_filled()
            rebuild.uncommitted = 0


def _count_images(portions: Sequence[Portion]) -> int:
    return sum(len(portion.images) for portion in portions)
