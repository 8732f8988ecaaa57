"""The ledger of the test knows the fate of every notification."""

import json
import random

import httpx2
import pytest

from tests.fakes.events import delete_event, envelope, push_event
from tests.torture import deliveries
from tests.torture.deliveries import Delivery, Ledger, TagPlace

DIGEST = "sha256:" + "a" * 64
PLACE = TagPlace("team/app", "1.0")


class Always(random.Random):
    """Draws the same each time."""

    def __init__(self, drawn: float) -> None:
        super().__init__()
        self._drawn = drawn

    def random(self) -> float:
        return self._drawn


def delivering(
    ledger: Ledger, *, drawn: float, statuses: list[int], lost: float = deliveries.LOST
) -> tuple[Delivery, list[str]]:
    """Return a delivery to a web that answers so and is then gone, and what web got."""
    got: list[str] = []

    def web(request: httpx2.Request) -> httpx2.Response:
        got.append(json.loads(request.content)["events"][0]["id"])
        if not statuses:
            raise httpx2.ConnectError("killed")
        return httpx2.Response(statuses.pop(0))

    network = httpx2.MockTransport(web)
    return Delivery(ledger, Always(drawn), network=network, lost=lost), got


def request(event_id: str = "one") -> httpx2.Request:
    event = push_event(PLACE.repository, DIGEST, tag=PLACE.tag, event_id=event_id)
    return httpx2.Request("POST", "http://127.0.0.1:1/webhooks/default", content=envelope([event]))


@pytest.mark.anyio
async def test_an_event_that_is_answered_202_is_acknowledged_and_heard() -> None:
    ledger = Ledger(unheard={PLACE})
    delivery, got = delivering(ledger, drawn=0.99, statuses=[202])
    assert (await delivery.handle_async_request(request())).status_code == 202
    assert (ledger.acknowledged, ledger.unheard, got) == ({"one"}, set(), ["one"])
    assert {(move.place, move.digest) for move in ledger.moves} == {(PLACE, DIGEST)}


@pytest.mark.anyio
async def test_an_event_that_gets_lost_leaves_its_tag_unheard() -> None:
    ledger = Ledger()
    delivery, got = delivering(ledger, drawn=0.0, statuses=[202])
    assert (await delivery.handle_async_request(request())).status_code == 202
    assert (ledger.acknowledged, ledger.unheard, got) == (set(), {PLACE}, [])


@pytest.mark.anyio
async def test_an_event_that_is_refused_is_neither_acknowledged_nor_lost() -> None:
    ledger = Ledger()
    delivery, _ = delivering(ledger, drawn=0.99, statuses=[503])
    assert (await delivery.handle_async_request(request())).status_code == 503
    assert (ledger.acknowledged, ledger.moves, ledger.unheard) == (set(), set(), set())


@pytest.mark.anyio
async def test_a_second_attempt_says_nothing_of_changes_since_the_first() -> None:
    """The first may have been taken and read, and its answer got lost with the process."""
    ledger = Ledger()
    delivery, _ = delivering(ledger, drawn=0.99, statuses=[503, 202])
    await delivery.handle_async_request(request())
    ledger.keep_silent(PLACE)
    await delivery.handle_async_request(request())
    assert (ledger.acknowledged, ledger.unheard) == ({"one"}, {PLACE})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.25, ["one", "one", "two", "two"]), (0.75, ["one", "two", "one"])],
)
async def test_an_event_is_repeated_at_once_or_behind_the_next_one(
    share: float, expected: list[str]
) -> None:
    ledger = Ledger()
    drawn = deliveries.REPEATED * share
    delivery, got = delivering(ledger, drawn=drawn, statuses=[202] * 4, lost=0.0)
    await delivery.handle_async_request(request("one"))
    await delivery.handle_async_request(request("two"))
    assert got == expected


@pytest.mark.anyio
async def test_a_repetition_that_web_does_not_live_to_see_harms_nobody() -> None:
    ledger = Ledger()
    delivery, got = delivering(ledger, drawn=0.0, statuses=[202], lost=0.0)
    assert (await delivery.handle_async_request(request())).status_code == 202
    assert (got, ledger.repeated) == (["one", "one"], 0)


def test_a_deleted_tag_is_heard_of_and_is_no_move() -> None:
    ledger = Ledger(unheard={PLACE, TagPlace("other", "1")})
    ledger.acknowledge(delete_event(PLACE.repository, tag=PLACE.tag), attempts=1)
    ledger.acknowledge(delete_event(PLACE.repository, digest=DIGEST), attempts=1)
    assert (ledger.unheard, ledger.moves) == ({TagPlace("other", "1")}, set())
    assert len(ledger.acknowledged) == 2
