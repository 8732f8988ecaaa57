"""Forgetting in time: in small steps over everything, as long as the settings say."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from indexer.model.names import Digest, RepositoryName, TagName
from indexer.retention import (
    CHANGES_AT_ONCE,
    LOOK_SECONDS,
    PAUSE_SECONDS,
    REPOSITORIES_AT_ONCE,
    forget_in_time,
)
from indexer.settings import Settings
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.indexer.stepping import Stepping, make_settings, pushed

pytestmark = pytest.mark.anyio

A = image(seed="a")
A_DIGEST = Digest(A.digest)
DAY = 86_400.0


class OneRound(ManualClock):
    """A clock whose first hour of waiting never ends."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.is_over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == LOOK_SECONDS:
            self.is_over.set()
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def forget_once(stepping: Stepping, settings: Settings) -> list[float]:
    """Let it look once at everything, and return its pauses."""
    clock = OneRound(stepping.clock.now())
    task = asyncio.create_task(
        forget_in_time(stepping.journal, stepping.thread, settings, clock=clock)
    )
    async with asyncio.timeout(30):
        await clock.is_over.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return clock.sleeps


def repositories(stepping: Stepping) -> int:
    query = "SELECT count(*) FROM repositories"
    return int(stepping.store._database.execute(query).fetchone()[0])


async def test_what_is_gone_is_forgotten_after_a_week_however_much_it_is(tmp_path: Path) -> None:
    gone = 2 * REPOSITORIES_AT_ONCE + 1
    settings = make_settings(tmp_path)
    async with Stepping(tmp_path) as stepping:
        for number in range(gone):
            stepping.registry.put(f"gone/app{number}", A, tag="1")
        stepping.registry.put("team/web", A, tag="1")
        await stepping.crawl()
        for number in range(gone):
            stepping.registry.delete_repository(f"gone/app{number}")
        # Too many at once to be believed before the second look.
        for _ in range(2):
            await stepping.crawl()
            stepping.clock.advance(DAY)
        await stepping.index()
        pauses = await forget_once(stepping, settings)
        assert pauses.count(PAUSE_SECONDS) >= gone / REPOSITORIES_AT_ONCE
        stepping.clock.advance(5 * DAY)
        await forget_once(stepping, settings)
        assert repositories(stepping) == gone + 1
        stepping.clock.advance(2 * DAY)
        await forget_once(stepping, settings)
        stepping.clock.advance(1 * DAY)
        # Once the search has let go of what it had, the repositories go too.
        for _ in range(2):
            await stepping.index()
            await forget_once(stepping, settings)
        assert repositories(stepping) == 1
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth()


async def test_where_everything_is_kept_for_ever_nothing_is_forgotten(tmp_path: Path) -> None:
    settings = make_settings(tmp_path).model_copy(
        update={"journal_retention": None, "hidden_retention": None, "history_retention": None}
    )
    async with Stepping(tmp_path) as stepping:
        for digest in (A.digest, image(seed="b").digest):
            event = pushed("team/web", digest, tag="1", at=stepping.clock.now())
            stepping.deliver(event)
            stepping.clock.advance(1)
        stepping.registry.put("team/web", A, tag="1")
        await stepping.settle()
        stepping.registry.delete_repository("team/web")
        await stepping.crawl()
        moves = stepping.moves()
        stepping.clock.advance(10_000 * DAY)
        await forget_once(stepping, settings)
        assert stepping.moves() == moves
        assert len(stepping.journal.entries_after(0, limit=9)[0]) == 3
        assert len(stepping.store.changes.since(None, limit=9)) == 3


async def test_what_changed_is_kept_as_long_as_the_history(tmp_path: Path) -> None:
    settings = make_settings(tmp_path).model_copy(update={"history_retention": timedelta(days=30)})
    many = CHANGES_AT_ONCE + 1
    async with Stepping(tmp_path) as stepping:
        row = stepping.rows["default"]
        with stepping.store.transaction():
            content, now = stepping.store.content, stepping.clock.now()
            repository_id = stepping.store.repositories.put(
                row.id, RepositoryName("team/web"), seen_at=now
            )
            for number in range(many):
                content.put_tag(repository_id, TagName(f"{number}"), A_DIGEST, seen_at=now)
        stepping.clock.advance(29 * DAY)
        await forget_once(stepping, settings)
        assert len(stepping.store.changes.since(None, limit=2 * many)) == many
        stepping.clock.advance(2 * DAY)
        await forget_once(stepping, settings)
        assert stepping.store.changes.since(None, limit=2 * many) == []


def shown(stepping: Stepping) -> dict[str, str]:
    """Return the documents but for those of what lost its tags, which go with their history."""
    documents = stepping.documents()
    return {key: text for key, text in documents.items() if not key.startswith("untagged ")}


async def test_the_settings_say_how_long_the_history_of_tags_is_kept(tmp_path: Path) -> None:
    settings = make_settings(tmp_path).model_copy(update={"history_retention": timedelta(days=30)})
    async with Stepping(tmp_path) as stepping:
        for seed in "aba":
            built = image(seed=seed)
            stepping.registry.put("team/web", built, tag="1")
            stepping.deliver(pushed("team/web", built.digest, tag="1", at=stepping.clock.now()))
            await stepping.settle()
            stepping.clock.advance(20 * DAY)
        await stepping.index()
        documents = shown(stepping)
        await forget_once(stepping, settings)
        repository_id = stepping.repository_id("team/web")
        assert [m.digest for m in stepping.store.content.tag_moves(repository_id, "1")] == [
            A.digest
        ]
        await stepping.index()
        live = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == live
        assert shown(stepping) == documents
