"""The killed process: the real store, indexing and engine, with changes all the time.

It goes from step to step until it is killed, and rebuilds now and then. It writes a line for
whatever begins: ``start``, ``commit``, ``merge``, ``rebuild``, ``swap``, and ``rest`` between them.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from indexer.clock import SystemClock
from indexer.engines import EncodedDocument, Engine, IndexReader, IndexWriter, go_on
from indexer.engines.local import GenerationWriter
from indexer.engines.whoosh.writer import SegmentedWriter, segments_to_merge
from indexer.extract import BUILT_IN
from indexer.indexing import Indexing
from indexer.model.document import Document, DocumentType
from indexer.store import RebuildProgress, Store, StoreThread
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.kills.content import BATCH, put_step, step_of_store
from tests.opensearch.cluster import CLUSTER
from tests.torture.victim import watch_databases

START, REST, COMMIT, MERGE, REBUILD, SWAP = "start", "rest", "commit", "merge", "rebuild", "swap"
INDEX_DIRECTORY = "search-index"
LOOK_SECONDS = 0.003
MERGE_SECONDS = 0.1
EXTRACT_SECONDS = 60.0
TANTIVY_MERGES = 8
"""tantivy merges when a commit leaves so many segments."""


def say(phase: str) -> None:
    """Report the start of a step to the parent."""
    os.write(sys.stdout.fileno(), f"{phase}\n".encode())


class Changing:
    """Goes from step to step in the store, from any thread of the process."""

    def __init__(self, store: StoreThread) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()

    async def step(self, *, rebuilding: bool = False) -> None:
        """Take a step, and ask for a rebuild, in one transaction."""

        def take(store: Store) -> None:
            put_step(store, step_of_store(store) + 1, now=SystemClock().now())
            stale = store.search_index.stale_count()
            assert stale <= BATCH, f"{stale} documents do not fit into one commit"
            if rebuilding:
                store.search_index.set_rebuild(RebuildProgress(0, 0))

        await self._store.write(take)

    async def is_idle(self) -> bool:
        """Tell whether all steps are searchable and no rebuild runs."""
        return await self._store.read(
            lambda store: (
                not store.search_index.stale_count() and store.search_index.rebuild() is None
            )
        )

    def step_from_outside(self) -> bool:
        """Take a step while the thread of the indexing waits, unless one is yet to be indexed."""

        async def take() -> bool:
            is_current = await self._store.read(lambda store: not store.search_index.stale_count())
            if is_current:
                await self.step()
            return is_current

        return asyncio.run_coroutine_threadsafe(take(), self._loop).result()


class TellingEngine:
    """An engine that reports its actions, and takes a step in the middle of each rebuild."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.name, self.schema_version = engine.name, engine.schema_version
        self.batch_documents = engine.batch_documents
        self.encode = engine.encode
        self.directory = directory
        self.filling = ""
        """The generation that a rebuild fills, until the first of it is written."""
        self.rebuilding = ""
        self.changing: Changing | None = None
        self._engine = engine

    def create(self, generation: str) -> None:
        say(REBUILD)
        self.filling = self.rebuilding = generation
        self._engine.create(generation)

    def open_writer(self, generation: str) -> "TellingWriter":
        return TellingWriter(self._engine.open_writer(generation), self, generation)

    def open_reader(self, generation: str, *, check: Callable[[], None] = go_on) -> IndexReader:
        return self._engine.open_reader(generation, check=check)

    def generations(self) -> list[str]:
        return self._engine.generations()

    def drop(self, generation: str) -> None:
        say(SWAP)
        self._engine.drop(generation)
        say(REST)

    def size_bytes(self, generation: str) -> int:
        return self._engine.size_bytes(generation)

    def advice(self, documents: int) -> str | None:
        return self._engine.advice(documents)

    def reached(self, step: str) -> None:
        """Take what the databases tell."""
        if step == "swap:before":
            say(SWAP)
        elif step == "swap:after":
            self.rebuilding = ""


class TellingWriter:
    """A writer that reports its actions."""

    def __init__(self, writer: IndexWriter, engine: TellingEngine, generation: str) -> None:
        self._writer = writer
        self._engine = engine
        self._generation = generation
        self._merges = 0

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        is_rebuild = self._engine.rebuilding == self._generation
        is_merge = self._merges_in_commit(document_type, len(documents))
        say(MERGE if is_merge else REBUILD if is_rebuild else COMMIT)
        self._writer.apply(document_type, documents, removed)
        if self._is_merging(document_type):
            say(MERGE)
            self._merges += 1
            # Else what follows is written beside it.
            if self._merges % 2:
                self._wait_for_merge(document_type)
        say(REBUILD if is_rebuild else REST)

    def fill(self, document_type: DocumentType, documents: Iterable[EncodedDocument]) -> None:
        self._writer.fill(document_type, documents)
        changing = self._engine.changing
        if self._engine.filling == self._generation and changing and changing.step_from_outside():
            self._engine.filling = ""

    def commit_filled(self) -> None:
        say(REBUILD)
        self._writer.commit_filled()

    def optimize(self) -> None:
        say(MERGE)
        self._writer.optimize()
        say(REBUILD)

    def count(self, document_type: DocumentType) -> int:
        return self._writer.count(document_type)

    def close(self) -> None:
        self._writer.close()

    def _merges_in_commit(self, document_type: DocumentType, added: int) -> bool:
        """Tell whether the commit to come merges, as those of Whoosh may."""
        if not isinstance(self._writer, GenerationWriter):
            return False
        writer = self._writer._indexes[document_type]
        if not isinstance(writer, SegmentedWriter):
            return False
        sizes = {segment.id: segment.alive.bit_count() for segment in writer.parts}
        return bool(segments_to_merge(sizes, added=added))

    def _is_merging(self, document_type: DocumentType) -> bool:
        """Tell whether a merge runs after a commit, as those of tantivy do."""
        meta = self._engine.directory / self._generation / document_type / "meta.json"
        return meta.exists() and len(json.loads(meta.read_bytes())["segments"]) >= TANTIVY_MERGES

    def _wait_for_merge(self, document_type: DocumentType) -> None:
        """Pause a while, so that a kill can come during a merge."""
        give_up_at = time.monotonic() + MERGE_SECONDS
        while time.monotonic() < give_up_at and self._is_merging(document_type):
            time.sleep(LOOK_SECONDS)


async def run(directory: Path, engine_name: str, *, rebuild_every: int) -> None:
    """Change everything until killed."""
    folder = directory / INDEX_DIRECTORY
    engine = TellingEngine(ALL_ENGINES[engine_name](folder), folder)
    watch_databases(engine.reached)
    store = StoreThread(Store(directory))
    engine.changing = changing = Changing(store)
    indexing = Indexing(
        directory=directory,
        engine=engine,
        store=store,
        clock=SystemClock(),
        batch=BATCH,
        kinds=BUILT_IN,
        # On a busy machine a batch would be over before all of its step is made.
        extract_seconds=EXTRACT_SECONDS,
    )
    running = asyncio.create_task(indexing.run())
    steps = 0
    while not running.done():
        if await changing.is_idle():
            steps += 1
            await changing.step(rebuilding=steps % rebuild_every == 0)
            indexing.changed.set()
        await asyncio.sleep(LOOK_SECONDS)
    await running


def main(
    directory: Path, engine: str, *, rebuild_every: int, told: Connection, log: Path, cluster: str
) -> None:
    """Be the process: tell ``told`` what begins, and write the log to its file."""
    os.environ[CLUSTER] = cluster
    os.dup2(told.fileno(), sys.stdout.fileno())
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    say(START)
    asyncio.run(run(directory, engine, rebuild_every=rebuild_every))
