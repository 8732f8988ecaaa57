"""The mass-removal guard: if a registry disappears, no result does without confirmation."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from indexer.model.event import Command
from indexer.refresh.removal import SECOND_LOOK_AFTER
from tests.builders import image
from tests.fakes.registry import Fault
from tests.indexer.stepping import KilledError, Stepping, pushed
from tests.series import series

pytestmark = pytest.mark.anyio

A, B, C = (image(seed=seed) for seed in "abc")
NAMES = [f"team/app{number}" for number in range(6)]
CONTENT = r"GET /v2/.+/(manifests|tags)/"
EVERYTHING = r"GET /v2/"
LATER = SECOND_LOOK_AFTER.total_seconds()


def absent(code: str = "NAME_UNKNOWN") -> Response:
    """Answer as a registry does, word for word."""
    error = {"code": code, "message": "repository name not known to registry", "detail": {}}
    return JSONResponse(
        {"errors": [error]}, 404, headers={"Docker-Distribution-Api-Version": "registry/2.0"}
    )


def fill(stepping: Stepping) -> None:
    for name in NAMES:
        stepping.registry.put(name, A, tag="1", notify=False)
        stepping.registry.put(name, B, tag="2", notify=False)


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """Six repositories, crawled and searchable."""
    async with Stepping(tmp_path) as opened:
        fill(opened)
        await opened.crawl()
        await opened.index()
        opened.clock.advance(3_600)
        yield opened


def disappear(stepping: Stepping, match: str = CONTENT, code: str = "NAME_UNKNOWN") -> Fault:
    fault = Fault(match, absent(code))
    stepping.registry.faults.append(fault)
    return fault


async def accept(stepping: Stepping) -> None:
    stepping.deliver(Command.ACCEPT)
    await stepping.enqueue_refreshes()


async def check_nothing_removed(stepping: Stepping) -> None:
    await stepping.index()
    everything = {("default", name, tag) for name in NAMES for tag in "12"}
    assert set(stepping.visible()) == set(stepping.searchable()) == everything


async def check_truth(stepping: Stepping) -> None:
    """Store, search index and registry say the same, nothing is held back, a rebuild agrees."""
    await stepping.index()
    assert stepping.visible() == stepping.searchable() == stepping.truth()
    assert stepping.freshness().quarantined == 0
    assert stepping.store.absences.list_in(stepping.worker._registry.id, quarantined=False) == []
    live = stepping.documents()
    await stepping.rebuild()
    assert stepping.documents() == live


def empty(stepping: Stepping) -> None:
    stepping.registry.content.repositories.clear()


@pytest.mark.parametrize("code", ["NAME_UNKNOWN", "MANIFEST_UNKNOWN"])
async def test_a_proxy_that_speaks_as_the_registry_removes_nothing_and_is_reported(
    stepping: Stepping, code: str
) -> None:
    fault = disappear(stepping, code=code)
    await stepping.crawl()
    await check_nothing_removed(stepping)
    assert stepping.freshness().quarantined == stepping.latest_crawl().quarantined == len(NAMES)
    stepping.registry.faults.remove(fault)
    await stepping.crawl()
    assert stepping.latest_crawl().quarantined == 0
    await check_truth(stepping)


async def test_a_proxy_that_speaks_so_of_the_catalog_too_is_an_error(stepping: Stepping) -> None:
    fault = disappear(stepping, EVERYTHING)
    await stepping.crawl()
    await check_nothing_removed(stepping)
    assert stepping.freshness().error is not None
    stepping.registry.faults.remove(fault)
    await stepping.crawl()
    await check_truth(stepping)


async def test_an_empty_registry_is_believed_at_a_second_look(stepping: Stepping) -> None:
    empty(stepping)
    await stepping.crawl()
    await check_nothing_removed(stepping)
    stepping.clock.advance(LATER)
    await stepping.crawl()
    assert stepping.latest_crawl().quarantined == 0
    await check_truth(stepping)


async def test_a_second_look_is_not_at_once(stepping: Stepping) -> None:
    empty(stepping)
    await stepping.crawl()
    for _ in range(3):
        stepping.clock.advance(LATER / 4)
        await stepping.crawl()
        await check_nothing_removed(stepping)
        assert stepping.latest_crawl().quarantined == len(NAMES)
    stepping.clock.advance(LATER / 4)
    await stepping.crawl()
    await check_truth(stepping)


async def test_a_registry_that_is_yet_disappearing_is_not_believed(stepping: Stepping) -> None:
    for name in NAMES[:5]:
        stepping.registry.delete_repository(name)
    await stepping.crawl()
    stepping.clock.advance(LATER)
    stepping.registry.delete_repository(NAMES[5])
    await stepping.crawl()
    await check_nothing_removed(stepping)
    assert stepping.latest_crawl().quarantined == 6
    stepping.clock.advance(LATER)
    await stepping.crawl()
    await check_truth(stepping)


async def test_what_was_back_in_between_is_looked_at_twice_again(stepping: Stepping) -> None:
    fault = disappear(stepping)
    await stepping.crawl()
    stepping.registry.faults.remove(fault)
    stepping.clock.advance(LATER)
    await stepping.crawl()
    empty(stepping)
    stepping.clock.advance(LATER)
    await stepping.crawl()
    await check_nothing_removed(stepping)
    assert stepping.freshness().quarantined == len(NAMES)


async def test_a_registry_that_is_partly_back_keeps_that_part(stepping: Stepping) -> None:
    """Five of six are gone for good: too many at first, and confirmed at the second look."""
    fault = disappear(stepping)
    await stepping.crawl()
    stepping.registry.faults.remove(fault)
    for name in NAMES[:5]:
        stepping.registry.delete_repository(name)
    stepping.registry.delete_tag(NAMES[5], "1", notify=False)
    await stepping.crawl()
    await check_nothing_removed(stepping)
    assert stepping.latest_crawl().quarantined == 5
    stepping.clock.advance(LATER)
    await stepping.crawl()
    await check_truth(stepping)


async def test_a_registry_that_is_almost_back_loses_what_is_still_gone(stepping: Stepping) -> None:
    fault = disappear(stepping)
    await stepping.crawl()
    stepping.registry.faults.remove(fault)
    stepping.registry.delete_repository(NAMES[0])
    await stepping.crawl()
    await check_truth(stepping)


async def test_a_second_look_that_cannot_see_everything_hides_only_what_it_saw(
    stepping: Stepping,
) -> None:
    empty(stepping)
    await stepping.crawl()
    stepping.clock.advance(LATER)
    denied = JSONResponse({"errors": [{"code": "DENIED", "message": "no"}]}, 403)
    fault = Fault(rf"{NAMES[-1]}/manifests/", denied)
    stepping.registry.faults.append(fault)
    await stepping.crawl()
    assert {name for _, name, _ in stepping.visible()} == {NAMES[-1]}
    assert stepping.freshness().quarantined == stepping.latest_crawl().quarantined == 1
    stepping.registry.faults.remove(fault)
    await stepping.crawl()
    await check_truth(stepping)


async def test_an_operators_word_hides_what_is_held_back_and_nothing_else(
    stepping: Stepping,
) -> None:
    empty(stepping)
    await stepping.crawl()
    stepping.registry.put("team/new", C, tag="1", notify=False)
    stepping.deliver(pushed("team/new", C.digest, tag="1"))
    await stepping.settle()
    requests = len(stepping.registry.requests)
    await accept(stepping)
    assert len(stepping.registry.requests) == requests, "no crawl is needed"
    await check_truth(stepping)
    await accept(stepping)
    await check_truth(stepping)


async def test_an_operators_word_is_not_about_what_comes_later(stepping: Stepping) -> None:
    await accept(stepping)
    disappear(stepping)
    await stepping.crawl()
    await check_nothing_removed(stepping)


async def test_what_is_pushed_again_while_it_is_held_back_stays(stepping: Stepping) -> None:
    empty(stepping)
    await stepping.crawl()
    stepping.registry.put(NAMES[0], A, tag="1", notify=False)
    stepping.registry.put(NAMES[1], C, tag="2", notify=False)
    stepping.registry.put(NAMES[2], C, tag="new", notify=False)
    stepping.deliver(
        pushed(NAMES[0], A.digest, tag="1"),
        pushed(NAMES[1], C.digest, tag="2"),
        pushed(NAMES[2], C.digest, tag="new"),
    )
    await stepping.settle()
    assert stepping.visible()["default", NAMES[1], "2"] == C.digest
    assert stepping.freshness().quarantined == len(NAMES) - 3
    await accept(stepping)
    await check_truth(stepping)


# Kills

every_transaction = pytest.mark.parametrize("every", series((4, 1), short=1))


async def quarantined(folder: Path, *, dies_at: int | None) -> Stepping:
    """Give a world in which a crawl finds nothing any more, killed once if it is to be."""
    folder.mkdir()
    stepping = Stepping(folder)
    await stepping.open()
    fill(stepping)
    await stepping.settle()
    await stepping.index()
    empty(stepping)
    stepping.store.transactions, stepping.store.dies_at = 0, dies_at
    with suppress(KilledError):
        await stepping.crawl()
    return stepping


@every_transaction
async def test_a_kill_between_any_two_transactions_hides_nothing_that_is_held_back(
    tmp_path: Path, every: int
) -> None:
    undisturbed = await quarantined(tmp_path / "undisturbed", dies_at=None)
    transactions = undisturbed.store.transactions
    await undisturbed.close()
    assert transactions > 20
    for number in range(1, transactions + 1, every):
        stepping = await quarantined(tmp_path / str(number), dies_at=number)
        await stepping.reopen()
        await stepping.settle()
        assert stepping.latest_crawl().id == 2
        assert stepping.latest_crawl().finished_at is not None
        await check_nothing_removed(stepping)
        assert stepping.freshness().quarantined == len(NAMES), number
        await stepping.close()


@every_transaction
@pytest.mark.parametrize("how", ["second look", "accept"])
async def test_a_kill_while_it_is_hidden_after_all_leaves_all_of_it_or_nothing(
    tmp_path: Path, how: str, every: int
) -> None:
    async def go_on(stepping: Stepping) -> None:
        if how == "accept":
            await accept(stepping)
        else:
            await stepping.crawl()
        await stepping.index()

    number, killed = 1 - every, True
    while killed:
        number += every
        stepping = await quarantined(tmp_path / str(number), dies_at=None)
        stepping.clock.advance(LATER)
        stepping.store.transactions, stepping.store.dies_at = 0, number
        killed = False
        try:
            await go_on(stepping)
        except KilledError:
            killed = True
        await stepping.reopen()
        assert len(stepping.visible()) in {0, 2 * len(NAMES)}, number
        await stepping.settle()
        await go_on(stepping)
        await check_truth(stepping)
        await stepping.close()
    assert number > 2
