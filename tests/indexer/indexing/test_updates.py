"""The search index is what the store says: after damage, during a rebuild and after any kill."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.extract import BUILT_IN, EXTRACT_VERSION
from indexer.indexing.updates import PAUSE_MAX_SECONDS
from indexer.model import Content
from indexer.model.document import ASKED_FOR, DocumentType
from indexer.model.event import Command
from indexer.model.names import Digest, RepositoryName, TagName
from indexer.model.query import Everything
from indexer.store import LiveIndex, ReadContent, Store
from tests.builders import BuiltManifest, image, index
from tests.indexer.stepping import KilledError, Stepping, pushed

pytestmark = pytest.mark.anyio

A, B, C = (image(seed=seed, labels={"team": seed}) for seed in "abc")
WEB, API = "team/web", "team/api"
BATCH = 20
MANY = 30
"""Repositories of one image each: a rebuild of them takes two steps."""
SECONDS = 60.0


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A world with a few images in a search index that is complete."""
    async with Stepping(tmp_path) as opened:
        opened.registry.put(WEB, A, tag="1")
        opened.registry.put(WEB, B, tag="2")
        opened.registry.put(API, index([A, C]), tag="1")
        await opened.crawl()
        await opened.index()
        yield opened


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A world whose store has many repositories, put there without a registry, and no index yet."""
    async with Stepping(tmp_path, batch=BATCH) as opened:
        with opened.store.transaction():
            for number in range(MANY):
                put(opened, f"many/r{number:04}", A, "1")
        yield opened


def put(stepping: Stepping, repository: str, built: BuiltManifest, tag: str) -> None:
    """Write to the store that a tag was seen, inside the caller's transaction."""
    content, now = stepping.store.content, stepping.clock.now()
    repository_id = stepping.store.repositories.put(
        stepping.rows["default"].id, RepositoryName(repository), seen_at=now
    )
    read = Content(Digest(built.digest), built.media_type, built.body)
    content.put_content(repository_id, ReadContent((read,)), seen_at=now, kinds=BUILT_IN)
    content.put_tag(repository_id, TagName(tag), Digest(built.digest), seen_at=now)


def live(stepping: Stepping) -> LiveIndex:
    found = stepping.store.search_index.live()
    assert found is not None
    return found


def folder(stepping: Stepping) -> Path:
    return stepping.directory / "search-index" / live(stepping).generation


def set_live(stepping: Stepping, row: LiveIndex) -> None:
    with stepping.store.transaction():
        stepping.store.search_index.set_live(row)


def count(stepping: Stepping, kind: DocumentType = DocumentType.IMAGE) -> int:
    """Return how many documents a search for everything finds now."""
    row = live(stepping)
    reader = stepping.find_engine(row).open_reader(row.generation)
    try:
        return reader.search(Everything(), document_type=kind, limit=1).total
    finally:
        reader.close()


# Damage


def remove(stepping: Stepping) -> None:
    shutil.rmtree(folder(stepping))


def remove_all(stepping: Stepping) -> None:
    shutil.rmtree(folder(stepping).parent)


def tear_contents(stepping: Stepping) -> None:
    [contents] = (folder(stepping) / "image").glob("*.toc")
    contents.write_bytes(contents.read_bytes()[:40])


def lose_segments(stepping: Stepping) -> None:
    for segment in (folder(stepping) / "repository").glob("*.seg"):
        segment.unlink()


def lose_type(stepping: Stepping) -> None:
    (folder(stepping) / "generation.json").unlink()


def make_foreign(stepping: Stepping) -> None:
    about = {"engine": "other", "schema_version": 1}
    (folder(stepping) / "generation.json").write_text(json.dumps(about))


def of_other_engine(stepping: Stepping) -> None:
    set_live(stepping, replace(live(stepping), engine="other"))


def of_old_schema(stepping: Stepping) -> None:
    row = live(stepping)
    set_live(stepping, replace(row, schema_version=row.schema_version - 1))


def not_in_the_store(stepping: Stepping) -> None:
    with stepping.store.transaction():
        stepping.store._database.execute("DELETE FROM search_index")


DAMAGES: list[Callable[[Stepping], None]] = [
    remove,
    remove_all,
    tear_contents,
    lose_segments,
    lose_type,
    make_foreign,
    of_other_engine,
    of_old_schema,
    not_in_the_store,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_search_index_that_cannot_be_used_is_filled_anew(
    stepping: Stepping, damage: Callable[[Stepping], None]
) -> None:
    documents, before = stepping.documents(), live(stepping)
    damage(stepping)
    await stepping.reopen()
    await stepping.indexing.generations.open()
    stepping._is_healed = True
    healed = live(stepping)
    assert healed.generation != before.generation
    assert not healed.complete, "what is yet to be filled is not served as if whole"
    assert count(stepping) == 0, "searches are answered meanwhile"
    await stepping.index()
    assert live(stepping) == replace(healed, complete=True)
    assert stepping.documents() == documents
    assert stepping.engine.generations() == [healed.generation]


async def test_a_start_of_a_sound_search_index_changes_nothing(stepping: Stepping) -> None:
    before, documents = live(stepping), stepping.documents()
    await stepping.reopen()
    await stepping.index()
    assert live(stepping) == before
    assert stepping.documents() == documents


async def test_the_first_search_index_of_an_empty_store_is_complete(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        await stepping.index()
        assert live(stepping).complete
        assert stepping.documents() == {}


async def test_generations_that_nobody_needs_are_dropped_at_start(stepping: Stepping) -> None:
    stepping.engine.create("left-behind")
    (stepping.directory / "search-index" / "half-made").mkdir()
    await stepping.reopen()
    await stepping.index()
    assert stepping.engine.generations() == [live(stepping).generation]


async def test_a_hidden_folder_beside_the_generations_is_nobodys_business(
    stepping: Stepping,
) -> None:
    """It cannot be dropped as a generation, which must not end every start with an error."""
    hidden = stepping.directory / "search-index" / ".snapshot"
    hidden.mkdir()
    await stepping.reopen()
    await stepping.index()
    assert stepping.engine.generations() == [live(stepping).generation]
    assert hidden.is_dir()


async def test_closing_before_anything_was_opened_is_no_error(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        await stepping.reopen()


# Live updates


async def test_changes_are_searchable_and_then_forgotten(stepping: Stepping) -> None:
    stepping.registry.delete_tag(WEB, "1", notify=False)
    stepping.registry.put(WEB, C, tag="2")
    stepping.registry.delete_repository(API)
    stepping.registry.put("team/new", A, tag="1")
    await stepping.crawl()
    assert stepping.store.search_index.stale_count() > 0
    await stepping.index()
    assert stepping.searchable() == stepping.truth()
    assert stepping.store.search_index.stale_count() == 0
    assert {hit.result["repository"] for hit in stepping.hits(DocumentType.REPOSITORY)} == {
        WEB,
        "team/new",
    }


async def test_a_repository_of_system_tags_alone_is_no_result(stepping: Stepping) -> None:
    """The store counts it among none of the documents either, or each start would rebuild."""
    signature = A.digest.replace(":", "-") + ".sig"
    stepping.registry.put("team/signatures", B, tag=signature)
    await stepping.crawl()
    await stepping.index()
    assert "team/signatures" not in {place[1] for place in stepping.searchable()}
    before = live(stepping)
    await stepping.reopen()
    await stepping.index()
    assert live(stepping) == before


async def test_what_changes_while_it_is_indexed_is_indexed_again(stepping: Stepping) -> None:
    stepping.registry.put(WEB, C, tag="3")
    await stepping.crawl()
    batch = stepping.store.search_index.stale(limit=BATCH)
    await stepping.indexing.generations.thread.run(lambda: stepping.indexing._apply(batch))
    stepping.registry.put(WEB, A, tag="3")
    await stepping.crawl()
    await stepping.thread.write(lambda store: store.search_index.indexed(batch))
    await stepping.index()
    assert stepping.searchable() == stepping.truth()


async def test_a_tag_whose_manifest_is_gone_is_not_found_until_it_is_read_again(
    stepping: Stepping,
) -> None:
    """Between the look at a deleted digest and the looks at its tags."""
    with stepping.store.transaction():
        stepping.store.content.unlink_manifest(stepping.repository_id(WEB), Digest(A.digest))
    await stepping.index()
    assert ("default", WEB, "1") not in {
        (hit.result["registry"], hit.result["repository"], tag)
        for hit in stepping.hits(DocumentType.IMAGE)
        for tag in hit.result["tags"]
    }
    before = live(stepping)
    await stepping.reopen()
    await stepping.index()
    assert live(stepping) == before, "this is no damage of the search index"
    await stepping.crawl()
    await stepping.index()
    assert stepping.searchable() == stepping.truth()


# Rebuilds


async def test_a_reread_build_nothing_ends(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        await stepping.index()
        before = live(stepping)
        await stepping.rebuild()
        assert live(stepping).generation != before.generation
        assert stepping.documents() == {}


async def test_a_rebuild_beside_the_live_one_answers_all_the_time(filled: Stepping) -> None:
    await filled.index()
    documents, before = filled.documents(), live(filled)
    filled.deliver(Command.REBUILD)
    await filled.enqueue_refreshes()
    assert await filled.indexing.rebuilds.go_on()
    progress = filled.store.search_index.rebuild()
    assert progress is not None
    assert (progress.done, progress.total) == (BATCH, MANY)
    assert live(filled) == before
    assert filled.documents() == documents
    await filled.index()
    assert live(filled).generation != before.generation
    assert filled.documents() == documents
    assert filled.store.search_index.rebuild() is None
    assert filled.engine.generations() == [live(filled).generation]


async def test_a_large_repository_is_rebuilt_bit_by_bit_in_one_step(tmp_path: Path) -> None:
    """Bit by bit for the memory, in one step as a change of it must come before or behind."""
    async with Stepping(tmp_path, batch=2) as large:
        with large.store.transaction():
            for number in range(11):
                put(large, "large/one", image(seed=f"{number}"), f"{number}")
            put(large, "small/one", A, "1")
        await large.index()
        assert len(large.visible()) == 12
        documents = large.documents()
        large.deliver(Command.REBUILD)
        await large.enqueue_refreshes()
        assert await large.indexing.rebuilds.go_on()
        [new] = set(large.engine.generations()) - {live(large).generation}
        with closing(large.engine.open_reader(new)) as reader:
            assert reader.count(DocumentType.IMAGE) == 10, "the last one waits for a commit"
        # Each commit of Whoosh's has a number.
        [contents] = (tmp_path / "search-index" / new / "image").glob("*.toc")
        assert int(contents.stem.rpartition("_")[2]) == 5, "two images each"
        await large.index()
        assert large.documents() == documents
        [_] = (tmp_path / "search-index" / new / "image").glob("*.seg")


async def test_a_rebuild_commits_as_much_at_once_as_its_engine_names(tmp_path: Path) -> None:
    async with Stepping(tmp_path) as stepping:
        stepping.engine.batch_documents = 3
        stepping.open_indexing()
        with stepping.store.transaction():
            for name in "abcdefgh":
                put(stepping, f"many/{name}", A, "1")
        await stepping.index()
        stepping.deliver(Command.REBUILD)
        await stepping.enqueue_refreshes()
        indexing = stepping.indexing
        await indexing.rebuilds.begin()
        rebuild = indexing.generations.rebuild
        assert rebuild is not None
        await indexing.rebuilds.step(rebuild)
        [new] = set(stepping.engine.generations()) - {live(stepping).generation}
        with closing(stepping.engine.open_reader(new)) as reader:
            assert reader.count(DocumentType.IMAGE) == 6, "the last two wait for a commit"
        # Each commit of Whoosh's has a number.
        [contents] = (tmp_path / "search-index" / new / "image").glob("*.toc")
        assert int(contents.stem.rpartition("_")[2]) == 2
        await stepping.index()
        assert len(stepping.visible()) == 8
        assert stepping.searchable() == stepping.visible()


async def test_changes_during_a_rebuild_are_in_both_generations(filled: Stepping) -> None:
    await filled.index()
    filled.deliver(Command.REBUILD)
    await filled.enqueue_refreshes()
    assert await filled.indexing.rebuilds.go_on()
    first, last = "many/r0000", f"many/r{MANY - 1:04}"
    with filled.store.transaction():
        for repository in (first, last):
            put(filled, repository, B, "2")
        put(filled, "a/new", C, "1")
        for number in (1, MANY - 2):
            filled.store.content.hide_tag(
                filled.repository_id(f"many/r{number:04}"),
                TagName("1"),
                seen_at=filled.clock.now(),
            )
    assert await filled.indexing.update()
    assert filled.searchable() == filled.visible(), "at once in the live generation"
    during = filled.documents()
    await filled.index()
    assert filled.searchable() == filled.visible()
    assert filled.documents() == during, "and in the new one"
    assert ("default", first, "2") in filled.visible()


async def test_changes_during_the_end_of_a_rebuild_are_written_before_it_is_seen(
    filled: Stepping,
) -> None:
    """The last documents of a rebuild may know of a change of which others do not."""
    await filled.index()
    before = live(filled)
    filled.deliver(Command.REBUILD)
    await filled.enqueue_refreshes()
    assert await filled.indexing.rebuilds.go_on()
    rebuild = filled.indexing.generations.rebuild
    assert rebuild is not None
    while len(rebuild.waiting) > BATCH:
        assert await filled.indexing.rebuilds.go_on()
    with filled.store.transaction():
        for number in (0, MANY - 1):
            put(filled, f"many/r{number:04}", B, "2")
    assert await filled.indexing.rebuilds.go_on()
    assert rebuild.waiting == []
    assert live(filled) == before
    assert await filled.indexing.update()
    assert await filled.indexing.rebuilds.go_on()
    assert live(filled).generation == rebuild.generation
    assert filled.searchable() == filled.visible()


async def test_a_rebuild_that_is_killed_begins_again(filled: Stepping) -> None:
    await filled.index()
    documents, before = filled.documents(), live(filled)
    filled.deliver(Command.REBUILD)
    await filled.enqueue_refreshes()
    await filled.indexing.rebuilds.go_on()
    assert len(filled.engine.generations()) == 2
    await filled.reopen()
    await filled.indexing.generations.open()
    filled._is_healed = True
    assert filled.engine.generations() == [before.generation]
    assert filled.documents() == documents
    await filled.index()
    assert live(filled).generation != before.generation
    assert filled.documents() == documents


async def test_filling_a_first_generation_goes_on_after_a_kill(filled: Stepping) -> None:
    await filled.indexing.generations.open()
    await filled.indexing.rebuilds.go_on()
    assert 0 < count(filled) < MANY
    generation = live(filled).generation
    assert not live(filled).complete
    await filled.reopen()
    await filled.index()
    assert live(filled).generation == generation
    assert live(filled).complete
    assert filled.searchable() == filled.visible()
    assert len(filled.visible()) == MANY


@pytest.mark.parametrize("number", range(1, 5))
async def test_a_kill_at_any_step_of_a_rebuild_loses_nothing(
    stepping: Stepping, number: int
) -> None:
    documents = stepping.documents()
    stepping.deliver(Command.REBUILD)
    await stepping.enqueue_refreshes()
    await stepping.reopen(dies_at=number)
    try:
        await stepping.index()
        killed = False
    except KilledError:
        killed = True
    assert killed == (number < 3), "a rebuild takes two transactions: its progress and its end"
    assert stepping.documents() == documents
    await stepping.reopen()
    await stepping.index()
    assert stepping.documents() == documents
    assert stepping.store.search_index.rebuild() is None
    assert stepping.engine.generations() == [live(stepping).generation]


async def test_another_extractor_makes_all_documents_again(stepping: Stepping) -> None:
    documents = stepping.documents()
    set_live(stepping, replace(live(stepping), extractor_version=EXTRACT_VERSION - 1))
    before = live(stepping)
    await stepping.reopen()
    await stepping.indexing.generations.open()
    stepping._is_healed = True
    assert live(stepping) == before, "the old documents are served meanwhile"
    await stepping.index()
    assert live(stepping).extractor_version == EXTRACT_VERSION
    assert live(stepping).generation != before.generation
    assert stepping.documents() == documents


@pytest.mark.parametrize("kind", ASKED_FOR)
async def test_documents_that_got_lost_are_noticed_at_the_next_start(
    stepping: Stepping, kind: DocumentType
) -> None:
    documents = stepping.documents()
    await stepping.indexing.close()
    lost = stepping.hits(kind)[0].id
    writer = stepping.engine.open_writer(live(stepping).generation)
    writer.apply(kind, [], [lost])
    writer.close()
    stepping.open_indexing()
    await stepping.index()
    assert stepping.documents() == documents


async def test_documents_that_are_to_be_made_are_not_missed(stepping: Stepping) -> None:
    """Counting them must not lead to a rebuild when they are only late."""
    stepping.registry.put(WEB, C, tag="3")
    before = live(stepping)
    await stepping.reopen()
    await stepping.indexing.generations.open()
    stepping._is_healed = True
    await stepping.crawl()
    stepping.indexing.is_verified = False
    await stepping.indexing._verify()
    assert stepping.store.search_index.rebuild() is None
    await stepping.index()
    assert live(stepping) == before


# The loop


async def test_run_makes_changes_searchable_until_it_is_cancelled(stepping: Stepping) -> None:
    await stepping.reopen()
    task = asyncio.create_task(stepping.indexing.run())
    for number in range(3):
        stepping.registry.put(WEB, C, tag=f"v{number}")
        stepping.deliver(pushed(WEB, C.digest, tag=f"v{number}"))
        await stepping.settle()
        await searchable_soon(stepping)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_change_that_nobody_told_of_is_found(stepping: Stepping) -> None:
    await stepping.reopen()
    task = asyncio.create_task(stepping.indexing.run())
    while not stepping.indexing.changed._waiters:
        await asyncio.sleep(0)
    with stepping.store.transaction():
        put(stepping, WEB, C, "quiet")
    await searchable_soon(stepping)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_pause_after_a_commit_is_bounded(stepping: Stepping) -> None:
    """Reading shares the processor with indexing, so indexing rests; but never for long."""
    await stepping.reopen()
    stepping.deliver(pushed(WEB, C.digest, tag="waiting"))
    await stepping.enqueue_refreshes()
    stepping.clock.sleeps.clear()
    slow = stepping.clock
    task = asyncio.create_task(stepping.indexing.run())
    with stepping.store.transaction():
        put(stepping, WEB, C, "slow")
    stepping.indexing.changed.set()
    while not slow.sleeps:
        slow.advance(10)
        await asyncio.sleep(0)
    assert slow.sleeps[0] == PAUSE_MAX_SECONDS
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_where_nothing_is_to_be_read_indexing_does_not_rest(stepping: Stepping) -> None:
    await stepping.reopen()
    stepping.clock.sleeps.clear()
    task = asyncio.create_task(stepping.indexing.run())
    for number in range(3):
        with stepping.store.transaction():
            put(stepping, WEB, C, f"quiet{number}")
        stepping.indexing.changed.set()
        await searchable_soon(stepping)
    assert stepping.clock.sleeps == []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def searchable_soon(stepping: Stepping) -> None:
    async with asyncio.timeout(SECONDS):
        while await stepping.thread.read(_stale):
            await asyncio.sleep(0.005)
    assert stepping.searchable() == stepping.visible()


def _stale(store: Store) -> int:
    return store.search_index.stale_count()


async def test_a_registry_whose_images_take_long_takes_turns_with_the_others(
    tmp_path: Path,
) -> None:
    async with Stepping(tmp_path, "slow", "quick") as stepping:
        for number in range(6):
            stepping.registries["slow"].put("team/slow", image(seed=f"{number}"), tag=f"v{number}")
        await stepping.settle()
        await stepping.indexing.close()
        stepping.open_indexing(extract_seconds=0.0)
        await stepping.indexing.generations.open()
        stepping._is_healed = True
        await stepping.indexing.update()
        stepping.registries["quick"].put("team/quick", image(seed="quick"), tag="1")
        await stepping.crawl("quick")
        for _ in range(2):
            await stepping.indexing.update()
        assert ("quick", "team/quick", "1") in stepping.searchable()
        assert ("slow", "team/slow", "v0") not in stepping.searchable()
        await stepping.index()
        assert stepping.searchable() == stepping.truth()


async def test_after_work_for_a_slow_registry_nobody_else_pauses(tmp_path: Path) -> None:
    async with Stepping(tmp_path, "slow", "quick") as stepping:
        for number in range(3):
            stepping.registries["slow"].put("team/slow", image(seed=f"{number}"), tag=f"v{number}")
        await stepping.settle()
        await stepping.reopen()
        with stepping.store.transaction():
            stepping.store.stale.mark_registry("slow")
        stepping.deliver(pushed(WEB, C.digest, tag="waiting"))
        await stepping.enqueue_refreshes()
        stepping.clock.sleeps.clear()
        await stepping.indexing.close()
        stepping.open_indexing(extract_seconds=-1.0)
        task = asyncio.create_task(stepping.indexing.run())
        async with asyncio.timeout(30):
            while not stepping.indexing._slow:
                stepping.clock.advance(0.01)
                await asyncio.sleep(0.001)
            stepping.registries["quick"].put("team/quick", image(seed="quick"), tag="1")
            await stepping.crawl("quick")
            while await stepping.thread.read(_is_quick_stale):
                await asyncio.sleep(0.001)
            while await stepping.thread.read(_stale):
                stepping.clock.advance(0.01)
                await asyncio.sleep(0.001)
        assert stepping.clock.sleeps == []
        assert stepping.searchable() == stepping.visible()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def _is_quick_stale(store: Store) -> bool:
    return bool(store.search_index.stale(limit=1, only="quick"))
