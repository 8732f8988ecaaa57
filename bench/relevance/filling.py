"""The catalogue in a data directory: a store as after a crawl and events, and its search index.

The indexer's own code makes and indexes the documents, with the measured engine.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.corpus.fill import BulkStore
from bench.relevance.catalogue import REGISTRY_HOST, Entry
from indexer.clock import rfc3339
from indexer.engines import Engine
from indexer.extract import BUILT_IN, config_descriptor
from indexer.indexing import Indexing
from indexer.model import Content
from indexer.model.names import Digest, RepositoryName, TagName, parse_digest
from indexer.store import PullCount, ReadContent, Store, StoreThread, TagMove
from tests.builders import BuiltManifest
from tests.fakes.clock import ManualClock

REGISTRY = "main"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
"""The day of the catalogue, which decides how recent a push is."""
INDEX_DIRECTORY = "index"


def fill_store(
    directory: Path, entries: Mapping[str, Entry], built: Mapping[str, BuiltManifest]
) -> None:
    """Write the catalogue into a new store, without a search index."""
    store = BulkStore(directory)
    with store.transaction():
        row = store.registries.put(
            REGISTRY, url=f"http://{REGISTRY_HOST}", registry_host=REGISTRY_HOST
        )
        for entry in entries.values():
            _put(store, entry, built[entry.name], registry_id=row.id)
        store.forget_stale()
    store.close()


def _put(store: Store, entry: Entry, built: BuiltManifest, *, registry_id: int) -> None:
    name, digest = RepositoryName(entry.name), parse_digest(built.digest)
    content, at = store.content, entry.pushed
    repository_id = store.repositories.put(registry_id, name, seen_at=at)
    content.put_content(repository_id, _read_content(built), kinds=BUILT_IN, seen_at=at)
    tags = [TagName(tag) for tag in entry.tags]
    for tag in tags:
        content.put_tag(repository_id, tag, digest, seen_at=at)
    content.add_tag_moves(repository_id, [TagMove(tag, digest, at) for tag in tags])
    counted = PullCount(REGISTRY, name, digest, entry.pulls, rfc3339(NOW))
    store.pulls.add(repository_id, counted)


def _read_content(built: BuiltManifest) -> ReadContent:
    manifests: list[Content] = []
    configs: list[tuple[Digest, bytes]] = []
    for one in (*built.children, built):
        manifest = Content(parse_digest(one.digest), one.media_type, one.body)
        manifests.append(manifest)
        config = config_descriptor(manifest.manifest, kinds=BUILT_IN)
        configs += [(config.digest, one.blobs[0].body)] if config else []
    return ReadContent(tuple(manifests), tuple(configs))


async def fill_index(directory: Path, engine: Engine) -> None:
    """Make the search index of a filled store."""
    store = StoreThread(Store(directory))
    indexing = Indexing(
        directory=directory, engine=engine, store=store, clock=ManualClock(NOW), kinds=BUILT_IN
    )
    running = asyncio.create_task(indexing.run())
    try:
        while not await store.read(partial(_is_indexed, engine)):
            if running.done():
                running.result()
            await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await indexing.close()
        store.close()


def _is_indexed(engine: Engine, store: Store) -> bool:
    live = store.search_index.live()
    if live is None or not live.complete or engine.generations() != [live.generation]:
        return False
    return store.search_index.rebuild() is None and store.search_index.stale_count() == 0
