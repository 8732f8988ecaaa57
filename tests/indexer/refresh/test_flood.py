"""The real ones among too many events are found by the lists of the registry; none is lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response

from indexer.refresh.flood import HASTENED_AT_ONCE
from indexer.refresh.pace import AT_ONCE, CATALOG_AFTER, LISTED_AFTER
from tests.builders import image
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping, pushed

pytestmark = pytest.mark.anyio

WEB = "team/web"
A = image(seed="a")
FORGED = "sha256:" + "f" * 64


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as made:
        made.registry.put(WEB, A, tag="known")
        await made.settle()
        made.registry.requests.clear()
        yield made


def deliver_forged(stepping: Stepping, number: int, *, repository: str = WEB) -> None:
    now = stepping.clock.now()
    stepping.deliver(*(pushed(repository, FORGED, tag=f"no{n}", at=now) for n in range(number)))


def tags_seen(stepping: Stepping) -> set[str]:
    return {tag for _, _, tag in stepping.visible()}


async def test_a_real_push_among_forged_ones_is_found_by_the_list_of_tags(
    stepping: Stepping,
) -> None:
    deliver_forged(stepping, AT_ONCE + 50)
    stepping.registry.put(WEB, A, tag="real")
    stepping.deliver(pushed(WEB, A.digest, tag="real", at=stepping.clock.now()))
    await stepping.enqueue_refreshes()
    stepping.clock.advance(LISTED_AFTER.total_seconds())
    await stepping.run_due()
    assert tags_seen(stepping) == {"known", "real"}


async def test_a_known_tag_that_is_deleted_meanwhile_is_hidden_soon(stepping: Stepping) -> None:
    deliver_forged(stepping, AT_ONCE + 50)
    stepping.registry.delete_tag(WEB, "known")
    stepping.deliver(pushed(WEB, FORGED, tag="known", at=stepping.clock.now()))
    await stepping.enqueue_refreshes()
    await stepping.settle(seconds=9)
    assert tags_seen(stepping) == set()


async def test_a_real_push_to_a_new_repository_is_found_by_the_catalog(stepping: Stepping) -> None:
    for number in range(AT_ONCE + 50):
        deliver_forged(stepping, 1, repository=f"no/{number}")
    stepping.registry.put("team/new", A, tag="real")
    stepping.deliver(pushed("team/new", A.digest, tag="real", at=stepping.clock.now()))
    await stepping.enqueue_refreshes()
    await stepping.run_due()
    assert "real" not in tags_seen(stepping)
    stepping.clock.advance(CATALOG_AFTER.total_seconds())
    await stepping.run_due()
    assert tags_seen(stepping) == {"known", "real"}


async def test_each_forged_push_that_waits_is_read_once_in_the_end(stepping: Stepping) -> None:
    deliver_forged(stepping, AT_ONCE + 100)
    await stepping.settle()
    assert stepping.waiting() == 0
    assert stepping.freshness().error is None
    asked = [str(one) for one in stepping.registry.requests]
    waited = [one for one in asked if f"no{AT_ONCE + 50}" in one]
    assert len(waited) == 1
    assert sum("/tags/list" in one for one in asked) < 12


async def test_many_real_pushes_are_all_found_within_seconds(stepping: Stepping) -> None:
    number = min(AT_ONCE + HASTENED_AT_ONCE + 50, 500)
    for n in range(number):
        stepping.registry.put(WEB, A, tag=f"t{n}")
        stepping.deliver(pushed(WEB, A.digest, tag=f"t{n}", at=stepping.clock.now()))
    await stepping.enqueue_refreshes()
    await stepping.settle(seconds=4)
    assert len(tags_seen(stepping)) == number + 1


async def test_without_a_list_everything_waits_for_its_turn(stepping: Stepping) -> None:
    stepping.registry.faults.append(Fault("tags/list", Response(status_code=403)))
    stepping.registry.put(WEB, A, tag="real")
    deliver_forged(stepping, AT_ONCE + 50)
    stepping.deliver(pushed(WEB, A.digest, tag="real", at=stepping.clock.now()))
    await stepping.settle()
    assert "real" in tags_seen(stepping)
    assert stepping.waiting() == 0
    assert stepping.store.queue.list_set_aside(limit=9) == []
