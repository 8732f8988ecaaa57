"""Processes that extract, so that all of a store is extracted anew on all cores.

They read the store and hand over what they found; only the indexer writes it. One that is killed
loses nothing: what it was asked for is extracted by the next, or by the indexer itself.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, groupby
from multiprocessing import get_context, parent_process
from operator import itemgetter
from pathlib import Path
from threading import Thread
from typing import TypeVar

import structlog

from indexer.clock import SystemClock
from indexer.extract import KindTable, load_kinds
from indexer.indexing.images import ImageReader
from indexer.model import Digest, TaggedImage
from indexer.store import ExtractedRow, ManifestRows, Store

log = structlog.get_logger()

Item = TypeVar("Item")
Found = TypeVar("Found")

TASK = 50
"""Manifests that a process is asked for at once."""


class ExtractionProcesses:
    """A number of processes that extract what a data directory holds; they start when asked."""

    def __init__(self, directory: Path, *, count: int) -> None:
        self._directory = directory
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    async def read_images(self, images: Sequence[tuple[int, Digest]]) -> list[ExtractedRow]:
        """Return what is to be kept of images of repositories; nothing when a process died."""
        return await self._call(_read_images, images)

    async def read_manifests(self, digests: Sequence[Digest]) -> list[ManifestRows]:
        """Return the rows of manifests; nothing when a process died."""
        return await self._call(_read_manifests, digests)

    def close(self) -> None:
        """Wait for what runs and end the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    async def _call(
        self, function: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item]
    ) -> list[Found]:
        loop = asyncio.get_running_loop()
        pool = self._pool = self._pool or self._new_pool()
        parts = [items[start : start + TASK] for start in range(0, len(items), TASK)]
        try:
            calls = [loop.run_in_executor(pool, function, part) for part in parts]
            return list(chain.from_iterable(await asyncio.gather(*calls)))
        except BrokenProcessPool:
            log.warning("extraction_process_died")
            self.close()
            return []

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            # Forking would copy threads' locks as they happen to be.
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self._directory,),
        )


_opened: list[tuple[Store, ImageReader, KindTable]] = []
"""What this process reads, if it is one that extracts."""


def _begin(directory: Path) -> None:
    # Ctrl-C is for the indexer, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.nice(10)
    store, kinds = Store(directory, read_only=True), load_kinds()
    _opened.append((store, ImageReader(store, clock=SystemClock(), kinds=kinds), kinds))


def _end_with_parent() -> None:
    """End this process when the indexer is gone; left alone it would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _read_images(images: Sequence[tuple[int, Digest]]) -> list[ExtractedRow]:
    _, reader, _ = _opened[0]
    for repository_id, some in groupby(images, key=itemgetter(0)):
        reader.describe(repository_id, [TaggedImage(digest) for _, digest in some])
    return reader.take_extracted()


def _read_manifests(digests: Sequence[Digest]) -> list[ManifestRows]:
    store, _, kinds = _opened[0]
    return store.extraction.read_rows(digests, kinds=kinds)
