"""Following a request to the indexer: until it is done, fails, or stops moving."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import StoreError
from indexer.extract import BUILT_IN
from indexer.model.names import RepositoryName
from indexer.store import Priority, RebuildProgress, RefreshKind, RefreshTarget, Store
from search_api.cli.jobs import (
    PATIENCE,
    Progress,
    _accept_progress,
    _crawl_progress,
    _follow,
    _opened_store,
    _quarantined,
    _quarantined_before,
    _rebuild_progress,
)
from tests.fakes.clock import ManualClock
from tests.search_api.filling import Pushed, fill, hold_back, put, settings_for
from tests.search_api.sample_content import NGINX

pytestmark = pytest.mark.anyio

CATALOG = RefreshTarget(RefreshKind.CATALOG)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def indexer() -> AsyncIterator["asyncio.Task[None]"]:
    """Give an indexer that runs and does nothing."""
    task = asyncio.create_task(_idle())
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _idle() -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def directory(tmp_path: Path, clock: ManualClock) -> Path:
    await fill(tmp_path, [Pushed("nginx", NGINX)], clock=clock)
    return tmp_path


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    with closing(Store(directory)) as opened:
        yield opened


def find_number(store: Store, name: str) -> int:
    number = store.registries.registry_id(name)
    assert number is not None
    return number


class Steps:
    """What is seen at each look, the last one for ever."""

    def __init__(self, *steps: Progress) -> None:
        self._steps = list(steps)
        self.looks = 0

    def __call__(self, _: Store) -> Progress:
        self.looks += 1
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


async def follow(
    store: Store, indexer: "asyncio.Task[None]", steps: Steps, *, clock: ManualClock
) -> tuple[list[str], list[Progress]]:
    reported: list[Progress] = []
    problems = await _follow(store, indexer, 0, look=steps, report=reported.append, clock=clock)
    return problems, reported


DONE = Progress(9, 9, "x", is_finished=True)


async def test_it_is_followed_to_its_end(
    store: Store, indexer: "asyncio.Task[None]", clock: ManualClock
) -> None:
    steps = [Progress(0, 0, "x"), Progress(3, 9, "x"), DONE]
    problems, reported = await follow(store, indexer, Steps(*steps), clock=clock)
    assert problems == []
    assert reported == steps


async def test_a_problem_at_the_end_is_returned(
    store: Store, indexer: "asyncio.Task[None]", clock: ManualClock
) -> None:
    end = replace(DONE, problem="3 places could not be read")
    problems, _ = await follow(store, indexer, Steps(end), clock=clock)
    assert problems == ["3 places could not be read"]


async def test_a_registry_that_fails_without_any_progress_is_given_up_on(
    store: Store, indexer: "asyncio.Task[None]", clock: ManualClock
) -> None:
    started = clock.now()
    failing = Progress(3, 9, "x", problem="503 at /v2/")
    problems, _ = await follow(store, indexer, Steps(failing), clock=clock)
    assert problems == ["503 at /v2/ (the indexer goes on trying)"]
    assert PATIENCE < clock.now() - started < PATIENCE * 1.1


async def test_patience_begins_anew_with_every_progress(
    store: Store, indexer: "asyncio.Task[None]", clock: ManualClock
) -> None:
    """A registry that fails now and then is not given up on while anything moves."""
    slow = [Progress(done, 99, "x", problem="429") for done in range(5) for _ in range(90)]
    problems, reported = await follow(store, indexer, Steps(*slow, DONE), clock=clock)
    assert problems == []
    assert len(reported) == len(slow) + 1


async def test_work_without_a_problem_may_take_its_time(
    store: Store, indexer: "asyncio.Task[None]", clock: ManualClock
) -> None:
    long = [Progress(0, 0, "x")] * 1_000
    assert await follow(store, indexer, Steps(*long, DONE), clock=clock)


async def test_nothing_is_looked_at_before_the_request_was_taken_in(
    store: Store, indexer: "asyncio.Task[None]"
) -> None:
    """What was finished before the request is not what was asked for."""
    steps, wanted = Steps(DONE), store.journal_position() + 5

    class TakingIn(ManualClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            assert steps.looks == 0
            if len(self.sleeps) == 3:
                with store.transaction():
                    store.set_journal_position(wanted)

    clock = TakingIn()
    found = await _follow(store, indexer, wanted, look=steps, report=lambda _: None, clock=clock)
    assert found == []
    assert (steps.looks, len(clock.sleeps)) == (1, 3)


async def test_an_indexer_that_fails_ends_it_with_its_error(
    store: Store, clock: ManualClock
) -> None:
    async def fail() -> None:
        raise StoreError("the disk is full")

    failing = asyncio.create_task(fail())
    await asyncio.wait([failing])
    with pytest.raises(StoreError, match="the disk is full"):
        await follow(store, failing, Steps(Progress(0, 0, "x")), clock=clock)


# Opening the store


async def test_a_store_that_is_being_made_is_waited_for(
    tmp_path: Path, indexer: "asyncio.Task[None]"
) -> None:
    """Another process may be about to make it, or halfway through."""

    class Making(ManualClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.sleeps) == 2:
                (tmp_path / "store.db").touch()
            if len(self.sleeps) == 4:
                Store(tmp_path).close()

    clock = Making()
    store = await _opened_store(settings_for(tmp_path), indexer, clock=clock)
    assert store.journal_position() == 0
    store.close()
    assert len(clock.sleeps) == 4


async def test_a_store_that_our_indexer_cannot_use_ends_the_wait(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database" * 100)

    async def fail() -> None:
        raise StoreError("store.db: file is not a database")

    failing = asyncio.create_task(fail())
    await asyncio.wait([failing])
    with pytest.raises(StoreError, match="file is not a database"):
        await _opened_store(settings_for(tmp_path), failing, clock=clock)


# How far a crawl is


async def test_a_backfill_is_done_when_its_crawl_is_and_all_is_searchable(
    store: Store, clock: ManualClock
) -> None:
    assert _crawl_progress(store, ["main", "second"]).is_finished
    number = find_number(store, "main")
    with store.transaction():
        store.queue.add(number, [CATALOG], priority=Priority.CRAWL, due_at=clock.now())
    assert not _crawl_progress(store, ["main"]).is_finished, "it waits for its turn"
    assert _crawl_progress(store, ["second"]).is_finished
    with store.transaction():
        crawl = store.registries.start_crawl(number, at=clock.now())
        target = RefreshTarget(RefreshKind.REPOSITORY, RepositoryName("a"))
        store.queue.add(
            number, [target], priority=Priority.CRAWL, due_at=clock.now(), crawl_id=crawl
        )
        store.registries.save_catalog_page(crawl, resume="", repositories=1)
        catalog, repository = store.queue.due(number, clock.now(), limit=9)
        store.queue.finish(catalog)
    running = _crawl_progress(store, ["main"])
    assert (running.done, running.total, running.what) == (0, 1, "1 repositories")
    assert not running.is_finished
    with store.transaction():
        store.queue.finish(repository)
        store.registries.count_crawl_work(crawl, refreshes=1)
        store.registries.finish_crawls(number, at=clock.now())
    done = _crawl_progress(store, ["main"])
    assert (done.done, done.total, done.is_finished, done.problem) == (1, 1, True, "")
    put(store, [Pushed("new", NGINX)], clock=clock)
    assert not _crawl_progress(store, ["main"]).is_finished, "a document is yet to be indexed"


async def test_a_backfill_into_an_index_that_is_being_filled_is_not_done(store: Store) -> None:
    live = store.search_index.live()
    assert live is not None
    with store.transaction():
        store.search_index.set_live(replace(live, complete=False))
    assert not _crawl_progress(store, ["main"]).is_finished


async def test_a_registry_that_was_never_seen_is_not_done(store: Store) -> None:
    assert _crawl_progress(store, ["third"]) == Progress(0, 0, "0 repositories")


async def test_what_could_not_be_read_is_a_problem(store: Store, clock: ManualClock) -> None:
    number = find_number(store, "main")
    target = RefreshTarget(RefreshKind.TAG, RepositoryName("a"), "1")
    with store.transaction():
        crawl = store.registries.start_crawl(number, at=clock.now())
        store.queue.add(
            number, [target], priority=Priority.CRAWL, due_at=clock.now(), crawl_id=crawl
        )
        (refresh,) = store.queue.due(number, clock.now(), limit=9)
        store.queue.set_aside(refresh, reason="too large")
        store.registries.save_catalog_page(crawl, resume="", repositories=1)
        store.registries.finish_crawls(number, at=clock.now())
    progress = _crawl_progress(store, ["main"])
    assert progress.is_finished
    assert progress.problem == "1 refreshes are set aside; `regsearch status` lists them"


async def test_what_a_catalog_left_out_is_a_note_and_no_problem(
    store: Store, clock: ManualClock
) -> None:
    assert _crawl_progress(store, ["main", "second"]).notes == ()
    clock.advance(1)
    number = find_number(store, "main")
    with store.transaction():
        crawl = store.registries.start_crawl(number, at=clock.now())
        store.registries.save_catalog_page(crawl, resume="", repositories=1)
        assert store.registries.count_unlisted(crawl).unlisted == 1
        store.registries.finish_crawls(number, at=clock.now())
    progress = _crawl_progress(store, ["main", "second"])
    assert (progress.is_finished, progress.problem) == (True, "")
    (note,) = progress.notes
    assert note.startswith("registry main: the catalog left out 1 repositories that exist;")


async def test_a_refused_catalog_is_a_problem_with_its_reason(
    store: Store, clock: ManualClock
) -> None:
    number = find_number(store, "main")
    with store.transaction():
        crawl = store.registries.start_crawl(number, at=clock.now())
        store.registries.refuse_catalog(crawl, reason="401 at _catalog", repositories=1)
    assert not _crawl_progress(store, ["main"]).is_finished
    with store.transaction():
        store.registries.finish_crawls(number, at=clock.now())
    progress = _crawl_progress(store, ["main"])
    assert progress.is_finished
    assert progress.problem == "registry main: 401 at _catalog"


async def test_an_error_of_a_registry_counts_until_its_crawl_was_complete(
    store: Store, clock: ManualClock
) -> None:
    for name in ("main", "second"):
        with store.transaction():
            store.registries.set_error(find_number(store, name), "401", at=clock.now())
    assert _crawl_progress(store, ["main"]).problem == "", "the crawl itself was complete"
    with store.transaction():
        store.registries.start_crawl(find_number(store, "main"), at=clock.now())
        store.registries.end_crawl(find_number(store, "main"), at=clock.now())
    progress = _crawl_progress(store, ["main"])
    assert progress.is_finished
    assert progress.problem == "registry main: 401"


async def test_what_is_held_back_is_a_problem_once_all_else_is_done(
    store: Store, clock: ManualClock
) -> None:
    hold_back(store, "main", clock=clock)
    progress = _crawl_progress(store, ["main", "second"])
    assert progress.is_finished
    assert progress.problem == (
        "registry main: 1 repositories disappeared at once and are held back;"
        " `regsearch reconcile` lists them"
    )
    assert _crawl_progress(store, ["second"]).problem == ""
    with store.transaction():
        store.registries.start_crawl(find_number(store, "main"), at=clock.now())
    assert _crawl_progress(store, ["main"]).problem == "", "the crawl may find it again"


async def test_a_backfill_that_holds_something_back_makes_the_rest_searchable_first(
    store: Store, clock: ManualClock
) -> None:
    hold_back(store, "main", clock=clock)
    put(store, [Pushed("new", NGINX)], clock=clock)
    assert not _crawl_progress(store, ["main"]).is_finished


# What an operator accepts


async def test_what_was_held_back_and_is_no_more_was_hidden(
    store: Store, directory: Path, clock: ManualClock
) -> None:
    settings = settings_for(directory)
    hold_back(store, "main", clock=clock)
    assert _quarantined_before(settings, ["second"]) == {}
    before = _quarantined_before(settings, ["main", "second"])
    assert before == {"repositories": 1, "tags": 1}
    number = find_number(store, "main")
    with store.transaction():
        for held in store.absences.list_in(number, quarantined=True):
            store.content.hide_tag(held.repository_id, held.tags[0], seen_at=clock.now())
    hidden = before - _quarantined(store, ["main", "second"])
    progress = _accept_progress(store, hidden)
    assert progress.what == "1 repositories hidden, 1 tags in all"
    assert not progress.is_finished, "its documents are in the search index yet"
    with store.transaction():
        store.search_index.indexed(store.search_index.stale(limit=99))
    assert _accept_progress(store, hidden).is_finished


async def test_nothing_is_held_back_where_there_is_no_store_or_registry(
    store: Store, tmp_path: Path
) -> None:
    assert _quarantined_before(settings_for(tmp_path / "nowhere"), ["main"]) == {}
    assert _quarantined(store, ["third"]) == {}


# How far a rebuild is


async def test_a_rebuild_is_done_when_none_is_wanted_and_the_index_is_whole(store: Store) -> None:
    live = store.search_index.live()
    assert live is not None
    assert _rebuild_progress(store).is_finished
    with store.transaction():
        store.search_index.set_rebuild(RebuildProgress(3, 7))
    assert _rebuild_progress(store) == Progress(3, 7, "repositories")
    with store.transaction():
        store.search_index.set_rebuild(None)
        store.search_index.set_live(replace(live, complete=False))
    assert not _rebuild_progress(store).is_finished


async def test_extracting_again_is_followed_before_the_rebuild(store: Store) -> None:
    with store.transaction():
        store.extraction.ask()
    progress = _rebuild_progress(store)
    assert (progress.what, progress.done, progress.is_finished) == ("manifests", 0, False)
    assert progress.total > 0
    with store.transaction():
        store.extraction.replace([], [], kinds=BUILT_IN, is_last=True)
    assert _rebuild_progress(store) == Progress(0, 0, "repositories")
