"""What an image is made of is read once: no rebuild and no push reads it again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer.engines.whoosh import WhooshEngine
from indexer.extract import BUILT_IN, EXTRACT_VERSION
from indexer.indexing.batches import PORTION, DocumentMaker, Portion
from indexer.indexing.processes import IndexingProcesses
from indexer.indexing.rebuilds import BATCHES
from indexer.model import Digest, Document, recent_bodies
from indexer.model.event import Command
from indexer.store import EXTRACTED_AT_ONCE, ExtractedRow
from tests.builders import image, index
from tests.indexer.stepping import Stepping
from tests.indexer.store.stored import push, put_repository

pytestmark = pytest.mark.anyio

BASE = image(seed="base", labels={"vendor": "Base"})
APP = image(seed="app", base=BASE, labels={"vendor": "Base", "team": "a"})
ARM = image(seed="arm", architecture="arm64")
MULTI = index([APP, ARM])
WEB, API = "team/web", "team/api"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        yield opened


def make(stepping: Stepping) -> tuple[dict[str, Document], list[ExtractedRow]]:
    """Return all documents by their ids, and what had to be extracted for them."""
    maker = DocumentMaker(stepping.store, clock=stepping.clock, kinds=BUILT_IN)
    ids = stepping.store.search_index.repository_ids()
    made = {one.key.id: one for each in ids for one in maker.all_documents(each)}
    return made, list(maker.take_made().extracted)


def forget_kept(stepping: Stepping) -> None:
    with stepping.store.transaction():
        stepping.store._database.execute("DELETE FROM extracted")


async def test_a_pushed_image_is_parsed_three_times_at_most(stepping: Stepping) -> None:
    stepping.registry.put(WEB, image(seed="never seen before"), tag="1")
    before = recent_bodies.cache_info().misses
    await stepping.crawl()
    await stepping.index()
    assert len(make(stepping)[0]) == 2
    assert 2 <= recent_bodies.cache_info().misses - before <= 3


async def test_what_was_extracted_once_is_not_extracted_again(stepping: Stepping) -> None:
    stepping.registry.put(WEB, MULTI, tag="1")
    stepping.registry.put(API, APP, tag="1")
    await stepping.crawl()
    await stepping.index()
    kept, again = make(stepping)
    assert again == []
    forget_kept(stepping)
    anew, extracted = make(stepping)
    assert kept == anew
    assert {row.digest for row in extracted} == {MULTI.digest, APP.digest}


async def test_labels_that_a_late_base_has_too_are_inherited_from_then_on(
    stepping: Stepping,
) -> None:
    stepping.registry.put(WEB, APP, tag="1")
    await stepping.crawl()
    await stepping.index()
    stepping.registry.put("base", BASE, tag="1")
    await stepping.crawl()
    await stepping.index()
    kept, again = make(stepping)
    assert again == []
    (app,) = (one for one in kept.values() if one.key.digest == APP.digest)
    assert app.result["inherited_labels"] == ["vendor"]
    forget_kept(stepping)
    assert make(stepping)[0] == kept


async def test_an_index_is_another_thing_where_one_of_its_children_is_missing(
    stepping: Stepping,
) -> None:
    stepping.registry.put(WEB, MULTI, tag="1")
    await stepping.crawl()
    repository_id = stepping.store.search_index.repository_ids()[0]
    await stepping.index()
    documents, extracted = make(stepping)
    assert extracted == []
    with_all = next(one.result for one in documents.values() if one.key.digest == MULTI.digest)
    with stepping.store.transaction():
        stepping.store.content.unlink_manifest(repository_id, Digest(ARM.digest))
    found = stepping.store.extraction.kept_images(repository_id, [Digest(MULTI.digest)])
    assert found == {}
    documents, extracted = make(stepping)
    assert extracted == []
    (multi,) = (one for one in documents.values() if one.key.digest == MULTI.digest)
    assert multi.result["size_bytes"] < with_all["size_bytes"]


async def test_what_another_version_extracted_is_extracted_again(stepping: Stepping) -> None:
    stepping.registry.put(WEB, APP, tag="1")
    await stepping.crawl()
    await stepping.index()
    with stepping.store.transaction():
        stepping.store._database.execute(
            "UPDATE extracted SET version = ?, found = x'00'", [EXTRACT_VERSION - 1]
        )
    assert [row.digest for row in make(stepping)[1]] == [APP.digest]


async def test_a_forgotten_manifest_leaves_nothing_that_was_extracted(stepping: Stepping) -> None:
    stepping.registry.put(WEB, APP, tag="1")
    await stepping.crawl()
    await stepping.index()
    repository_id = stepping.store.search_index.repository_ids()[0]
    with stepping.store.transaction():
        stepping.store.content.unlink_manifest(repository_id, Digest(APP.digest))
        row = ExtractedRow(Digest(APP.digest), "image", b"late")
        stepping.store.extraction.keep([row])
    (count,) = stepping.store._database.execute("SELECT count(*) FROM extracted").fetchone()
    assert count == 0


async def test_a_version_that_only_tags_tell_is_not_kept(stepping: Stepping) -> None:
    plain = image(seed="plain")
    stepping.registry.put(WEB, plain, tag="1.2.3")
    await stepping.crawl()
    await stepping.index()
    stepping.registry.put(WEB, plain, tag="1.2.4-rc1")
    await stepping.crawl()
    await stepping.index()
    made, again = make(stepping)
    assert again == []
    versions = {one.result["version"] for one in made.values() if one.key.digest}
    assert versions == {"1.2.3"}


async def test_processes_make_the_same(stepping: Stepping) -> None:
    stepping.registry.put(WEB, MULTI, tag="1")
    stepping.registry.put(API, APP, tag="1")
    for number in range(PORTION):
        stepping.registry.put("team/large", image(seed=f"{number}"), tag=f"v{number}")
    stepping.registry.put("team/large", APP, tag="gone")
    await stepping.crawl()
    stepping.registry.delete_tag("team/large", "gone")
    await stepping.crawl()
    maker = DocumentMaker(stepping.store, clock=stepping.clock, kinds=BUILT_IN)
    # In the order of names: which one the crawl sees first is up to the registry.
    named = stepping.store.repositories.list_by_id(stepping.store.search_index.repository_ids())
    ids = sorted(named, key=lambda one: named[one].name)
    portions = [portion for each in ids for portion in maker.list_portions(each)]
    assert [len(portion.images) for portion in portions] == [1, 0, PORTION, 1, 1]
    digests = [digest for portion in portions for digest in portion.images]
    processes = IndexingProcesses(stepping.directory, count=2)
    try:
        first, *others = portions
        waiting = [others, []]

        async def more() -> list[Portion]:
            return waiting.pop(0)

        documents = processes.make_documents([first], WhooshEngine.encode, more=more)
        found = [one async for one in documents]
        rows = await processes.read_manifests(digests)
    finally:
        processes.close()
    taken = [portion for some, _ in found for portion in some]
    assert sorted(taken, key=portions.index) == portions
    made = [one for _, one in found if one is not None]
    encoded = [one for each in made for some in each.documents.values() for one in some]
    expected, extracted = make(stepping)
    assert {one.key.id: one for one in encoded} == {
        key: WhooshEngine.encode(one) for key, one in expected.items()
    }
    assert len(encoded) == len(expected) == len(digests) + len(ids)
    kept = {row.digest: row for one in made for row in one.made.extracted}
    assert kept == {row.digest: row for row in extracted}
    assert rows == stepping.store.extraction.read_rows(digests, kinds=BUILT_IN)


async def test_a_process_that_dies_is_started_anew(stepping: Stepping) -> None:
    stepping.registry.put(WEB, APP, tag="1")
    await stepping.crawl()
    digests = [Digest(APP.digest)]
    processes = IndexingProcesses(stepping.directory / "nowhere", count=1)
    assert await processes.read_manifests(digests) == []
    maker = DocumentMaker(stepping.store, clock=stepping.clock, kinds=BUILT_IN)
    portions = maker.list_portions(stepping.store.search_index.repository_ids()[0])
    found = [one async for one in processes.make_documents(portions, WhooshEngine.encode)]
    assert found == [(portions, None)]
    processes.close()


@pytest.mark.parametrize("is_noticed", [False, True])
async def test_a_rebuild_goes_on_when_its_processes_are_killed(
    tmp_path: Path, *, is_noticed: bool
) -> None:
    """Before the next documents are asked for, or only then."""
    async with Stepping(tmp_path, batch=5) as stepping:
        for number in range(5 * BATCHES + 12):
            stepping.registry.put(f"team/{number:02}", APP, tag="1")
        await stepping.crawl()
        await stepping.index()
        documents, before = stepping.documents(), stepping.engine.generations()
        await stepping.indexing.close()
        stepping.open_indexing(processes=2)
        await stepping.index()
        stepping.deliver(Command.REBUILD)
        await stepping.enqueue_refreshes()
        assert await stepping.indexing.rebuilds.go_on()
        known = stepping.indexing.rebuilds._processes
        assert known is not None
        assert known._pool is not None
        pids = list(known._pool._processes)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        while is_noticed and not known._pool._broken:
            await asyncio.sleep(0.01)
        await stepping.index()
        assert stepping.documents() == documents
        assert stepping.engine.generations() != before
        assert known._pool is None, "no process stays when a rebuild has ended"


@pytest.mark.parametrize("is_changed", [False, True])
async def test_a_rebuild_takes_some_batches_at_once_while_nothing_changes(
    tmp_path: Path, *, is_changed: bool
) -> None:
    async with Stepping(tmp_path, batch=2) as stepping:
        for number in range(2 * BATCHES + 3):
            stepping.registry.put(f"team/{number:02}", APP, tag="1")
        await stepping.crawl()
        await stepping.index()
        await stepping.indexing.close()
        stepping.open_indexing(processes=1)
        await stepping.index()
        stepping.deliver(Command.REBUILD)
        await stepping.enqueue_refreshes()
        stepping.indexing.changed.clear()
        if is_changed:
            stepping.indexing.changed.set()
        assert await stepping.indexing.rebuilds.go_on()
        progress = stepping.store.search_index.rebuild()
        assert progress is not None
        assert progress.done == (2 if is_changed else 2 * BATCHES)
        await stepping.index()


async def test_all_is_extracted_anew_in_processes_beside_the_indexer(stepping: Stepping) -> None:
    stepping.registry.put(WEB, MULTI, tag="1")
    stepping.registry.put(API, APP, tag="1")
    await stepping.crawl()
    await stepping.index()
    before, _ = make(stepping)
    with stepping.store.transaction():
        stepping.store.extraction.ask()
        stepping.store._database.execute("UPDATE extracted SET found = x'00'")
    await stepping.indexing.close()
    stepping.open_indexing(processes=1)
    await stepping.index()
    after, again = make(stepping)
    assert (after, again) == (before, [])
    assert stepping.store.extraction.progress() is None


def ask(stepping: Stepping) -> None:
    with stepping.store.transaction():
        stepping.store.extraction.ask()


async def test_asking_again_meanwhile_reads_all_of_it_again(stepping: Stepping) -> None:
    """The manifests that are read ahead then are not the next ones."""
    repository_id = put_repository(stepping.store)
    for number in range(EXTRACTED_AT_ONCE + 1):
        push(stepping.store, repository_id, f"{number}", image(seed=f"{number}"), when=number)
    configs = "SELECT count(config_digest) FROM manifests"
    execute = stepping.store._database.execute
    before = execute(configs).fetchone()
    ask(stepping)
    assert await stepping.indexing.rebuilds.go_on()
    with stepping.store.transaction():
        execute("UPDATE manifests SET config_digest = NULL")
    ask(stepping)
    await stepping.index()
    assert execute(configs).fetchone() == before
    assert stepping.store.extraction.progress() is None


async def test_images_that_take_long_are_left_to_later_batches_one_at_a_time(
    stepping: Stepping,
) -> None:
    """Whatever a registry holds, the documents of another one are made in the next batch."""
    for number in range(5):
        stepping.registry.put(WEB, image(seed=f"{number}"), tag=f"v{number}")
    await stepping.crawl()
    store = stepping.store
    maker = DocumentMaker(store, clock=stepping.clock, kinds=BUILT_IN, extract_seconds=0.0)
    web, left_after = stepping.repository_id(WEB), []
    for _ in range(9):
        batch = maker.make_batch(store.search_index.stale(limit=100))
        with store.transaction():
            maker.take_made().keep(store)
        left_after.append(web in batch.left)
        assert batch.slow == {"default"}
    assert left_after == [*[True] * 4, *[False] * 5]


async def test_images_that_are_not_kept_come_further_too(stepping: Stepping) -> None:
    for number in range(3):
        stepping.registry.put(WEB, image(seed=f"{number}"), tag=f"v{number}")
    stepping.registry.content.get(WEB).blobs.clear()
    await stepping.crawl()
    store = stepping.store
    maker = DocumentMaker(store, clock=stepping.clock, kinds=BUILT_IN, extract_seconds=0.0)
    lefts = [bool(maker.make_batch(store.search_index.stale(limit=100)).left) for _ in range(5)]
    assert lefts[:3] == [True, True, False]


async def test_stale_documents_of_registries_apart(tmp_path: Path) -> None:
    async with Stepping(tmp_path, "one", "two") as stepping:
        for name in ("one", "two"):
            stepping.registries[name].put(WEB, APP, tag="1")
        await stepping.settle()
        index = stepping.store.search_index
        everything = index.stale(limit=100)
        one = index.stale(limit=100, only="one")
        assert one
        rest = index.stale(limit=100, without=["one", "nobody"])
        assert sorted([*one, *rest], key=lambda row: row.sequence) == everything
        assert {row.repository_id for row in one}.isdisjoint(row.repository_id for row in rest)
