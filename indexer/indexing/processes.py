"""Processes that extract and compose, so that all of a store is indexed anew on all cores.

They read the store and hand over what they made; only the indexer writes it. One that is killed
loses nothing: what it was asked for is made by the next, or by the indexer itself.
"""

import asyncio
import os
import signal
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import chain
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import structlog

from indexer.clock import SystemClock
from indexer.engines import EncodedDocument
from indexer.extract import KindTable, load_kinds
from indexer.garbage import collect_seldom
from indexer.indexing.batches import PORTION, DocumentMaker, Made, Portion
from indexer.model import Digest, Document, DocumentType
from indexer.store import ManifestRows, Store

log = structlog.get_logger()

TASK = 50
"""Manifests that a process is asked for at once."""
_AHEAD = 2
"""Tasks of each process that are asked for before the first is taken, as they take memory."""
Encode = Callable[[Document], EncodedDocument]


async def _no_more() -> Sequence[Portion]:
    return ()


class MadePortion(NamedTuple):
    """Documents as their engine writes them, by type, and what was made beside them."""

    documents: Mapping[DocumentType, Sequence[EncodedDocument]]
    made: Made


class IndexingProcesses:
    """A number of processes that read what a data directory holds; they start when asked."""

    def __init__(self, directory: Path, *, count: int) -> None:
        self._directory = directory
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    async def read_manifests(self, digests: Sequence[Digest]) -> list[ManifestRows]:
        """Return the rows of manifests; nothing when a process died."""
        loop = asyncio.get_running_loop()
        pool = self._pool = self._pool or self._new_pool()
        portions = [digests[start : start + TASK] for start in range(0, len(digests), TASK)]
        try:
            calls = [loop.run_in_executor(pool, _read_manifests, portion) for portion in portions]
            return list(chain.from_iterable(await asyncio.gather(*calls)))
        except BrokenProcessPool:
            self._give_up()
            return []

    async def make_documents(
        self,
        portions: Sequence[Portion],
        encode: Encode,
        *,
        more: Callable[[], Awaitable[Sequence[Portion]]] = _no_more,
    ) -> AsyncGenerator[tuple[Sequence[Portion], MadePortion | None]]:
        """Yield all portions, some at a time, with what was made; with None when a process died.

        They come in any order. ``more`` is asked for others whenever all are on their way, until it
        has none. The few that are ahead of what was taken bound the memory.
        """
        loop = asyncio.get_running_loop()
        pool = self._pool = self._pool or self._new_pool()
        waiting = deque(_tasks(portions))
        asked: dict[asyncio.Future[MadePortion], Sequence[Portion]] = {}
        is_over = False
        try:
            while True:
                while len(asked) < _AHEAD * self._count and not is_over:
                    if not waiting:
                        waiting.extend(_tasks(await more()))
                        is_over = not waiting
                        continue
                    # It stays waiting if the pool is known to be broken.
                    call = loop.run_in_executor(pool, partial(_make_documents, waiting[0], encode))
                    asked[call] = waiting.popleft()
                if not asked:
                    return
                ended, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for call in ended:
                    made = await call
                    yield asked.pop(call), made
        except BrokenProcessPool:
            self._give_up()
            # What the others had made is thrown away: this happens seldom.
            await asyncio.gather(*asked, return_exceptions=True)
            for task in (*asked.values(), *waiting):
                yield task, None
        finally:
            for call in asked:
                call.cancel()

    def close(self) -> None:
        """Wait for what runs and end the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _give_up(self) -> None:
        log.warning("extraction_process_died")
        self.close()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            # Forking would copy threads' locks as they happen to be.
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self._directory,),
        )


def _tasks(portions: Sequence[Portion]) -> Iterator[Sequence[Portion]]:
    """Yield portions in order, small ones together."""
    task: list[Portion] = []
    for portion in portions:
        if task and sum(len(one.images) for one in task) + len(portion.images) > PORTION:
            yield task
            task = []
        task.append(portion)
    if task:
        yield task


_opened: list[tuple[Store, DocumentMaker, KindTable]] = []
"""What this process reads, if it is one of these."""


def _begin(directory: Path) -> None:
    # Ctrl-C is for the indexer, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.nice(10)
    store, kinds = Store(directory, read_only=True), load_kinds()
    _opened.append((store, DocumentMaker(store, clock=SystemClock(), kinds=kinds), kinds))
    collect_seldom()


def _end_with_parent() -> None:
    """End this process when the indexer is gone; left alone it would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _make_documents(portions: Sequence[Portion], encode: Encode) -> MadePortion:
    _, maker, _ = _opened[0]
    documents = defaultdict[DocumentType, list[EncodedDocument]](list)
    for portion in portions:
        for document in maker.make_portion(portion):
            documents[document.key.type].append(encode(document))
    return MadePortion(documents, maker.take_made())


def _read_manifests(digests: Sequence[Digest]) -> list[ManifestRows]:
    store, _, kinds = _opened[0]
    return store.extraction.read_rows(digests, kinds=kinds)
