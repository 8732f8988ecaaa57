"""Another engine in the settings is filled beside the one that answers, which stays right."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.engines import Engine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.store import LiveIndex
from tests.builders import image
from tests.indexer.stepping import Stepping, pushed

pytestmark = pytest.mark.anyio

IMAGES = [image(seed=str(number)) for number in range(6)]
NEW = image(seed="new")


class OtherEngine(WhooshEngine):
    """An engine with another name; only it can read its generations."""

    name = "other"


@pytest.fixture
async def changed(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A complete search index, and the settings say another engine since."""
    async with Stepping(tmp_path, batch=2) as stepping:
        for number, built in enumerate(IMAGES):
            stepping.registry.put(f"team/web{number}", built, tag="1")
        await stepping.crawl()
        await stepping.index()
        await restarted(stepping, OtherEngine(tmp_path / "search-index"), stepping.engine)
        yield stepping


async def restarted(stepping: Stepping, engine: Engine, *others: Engine) -> None:
    stepping.engine, stepping.others = engine, others
    await stepping.reopen()
    await stepping.indexing.generations.open()
    stepping._is_healed = True


def live(stepping: Stepping) -> LiveIndex:
    found = stepping.store.search_index.live()
    assert found is not None
    return found


async def test_the_old_one_answers_until_the_new_one_is_whole(changed: Stepping) -> None:
    before = live(changed)
    assert (before.engine, before.complete) == ("whoosh", True)
    while changed.store.search_index.rebuild() is not None:
        assert changed.searchable() == changed.truth()
        assert live(changed) == before
        await changed.indexing.rebuilds.go_on()
    after = live(changed)
    assert (after.engine, after.complete) == ("other", True)
    assert changed.searchable() == changed.truth()
    assert changed.engine.generations() == [after.generation]


async def test_what_changes_meanwhile_is_in_both(changed: Stepping) -> None:
    await changed.indexing.rebuilds.go_on()
    for repository in ("team/web0", "team/web9"):
        changed.registry.put(repository, NEW, tag="2")
        changed.deliver(pushed(repository, NEW.digest, tag="2"))
    changed.registry.delete_repository("team/web1")
    await changed.crawl()
    await changed.indexing.update()
    while await changed.indexing.update():
        pass
    assert live(changed).engine == "whoosh"
    assert changed.searchable() == changed.truth()
    await changed.index()
    assert live(changed).engine == "other"
    assert changed.searchable() == changed.truth()


async def test_a_restart_meanwhile_begins_anew_and_leaves_nothing_behind(
    changed: Stepping,
) -> None:
    await changed.indexing.rebuilds.go_on()
    await restarted(changed, changed.engine, *changed.others)
    assert live(changed).engine == "whoosh"
    assert changed.searchable() == changed.truth()
    await changed.index()
    assert live(changed).engine == "other"
    assert changed.engine.generations() == [live(changed).generation]


async def test_changed_back_before_the_end_nothing_is_made_again(changed: Stepping) -> None:
    before = live(changed)
    await changed.indexing.rebuilds.go_on()
    (whoosh,) = changed.others
    await restarted(changed, whoosh, changed.engine)
    assert live(changed) == before
    assert changed.searchable() == changed.truth()


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_cannot_be_opened_is_filled_anew_at_once(
    changed: Stepping, *, is_known: bool
) -> None:
    """One of an engine that is not installed any more, or an unfinished one of another engine."""
    row = replace(live(changed), complete=False) if is_known else live(changed)
    with changed.store.transaction():
        changed.store.search_index.set_live(row)
    await restarted(changed, changed.engine, *(changed.others if is_known else ()))
    assert (live(changed).engine, live(changed).complete) == ("other", False)
    await changed.index()
    assert changed.searchable() == changed.truth()


async def test_what_an_engine_keeps_elsewhere_it_drops_itself(
    changed: Stepping, tmp_path: Path
) -> None:
    """As one does whose generations are on a server."""
    (whoosh,) = changed.others
    whoosh.create("left-behind")
    await restarted(changed, OtherEngine(tmp_path / "elsewhere"), whoosh)
    assert whoosh.generations() == [live(changed).generation]
    await changed.index()
    assert (live(changed).engine, whoosh.generations()) == ("other", [])
    assert changed.searchable() == changed.truth()
