"""The load generator sends its plan on time, and counts the answers correctly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.content import repository_name
from bench.load import Plan, build_requests, carry_out
from indexer.model.event import Pull
from tests.fakes.serving import serving
from webhooks.senders.distribution import parse_notification


class Receiver:
    """Takes notifications; ``refuse_after`` so many are answered with 202."""

    def __init__(self, *, refuse_after: int = 1_000_000) -> None:
        self.bodies: list[bytes] = []
        self.clients: set[object] = set()
        self._refuse_after = refuse_after
        self._lock = threading.Lock()
        self.app = Starlette(routes=[Route("/webhooks/x", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> JSONResponse:
        assert request.headers["authorization"] == "Bearer secret"
        with self._lock:
            self.bodies.append(await request.body())
            self.clients.add(request.client)
            taken = len(self.bodies) <= self._refuse_after
        return JSONResponse({}, status_code=202 if taken else 503)


@contextmanager
def plan_for(receiver: Receiver, *, events: int, per_second: int) -> Iterator[Plan]:
    with serving(receiver.app) as url:
        yield Plan(
            url=f"{url}/webhooks/x",
            authorization="Bearer secret",
            label="test",
            events=events,
            per_second=per_second,
            connections=4,
            repositories=3,
        )


@pytest.mark.parametrize("per_second", [0, 1_000])
def test_every_event_is_sent_once_over_few_connections(per_second: int) -> None:
    receiver = Receiver()
    with plan_for(receiver, events=100, per_second=per_second) as plan:
        outcome = carry_out(plan)
    ids = [
        getattr(item, "event_id", item)
        for body in receiver.bodies
        for item in parse_notification(body).items
    ]
    assert sorted(map(str, ids)) == sorted(f"test-{number}" for number in range(100))
    assert len(receiver.clients) <= 4
    assert (len(outcome.latencies), outcome.refused) == (100, 0)
    assert all(0 < latency <= outcome.seconds for latency in outcome.latencies)


def test_events_are_spread_over_their_time() -> None:
    with plan_for(Receiver(), events=50, per_second=200) as plan:
        outcome = carry_out(plan)
    assert outcome.seconds >= 49 / 200


def test_what_is_refused_is_not_counted_as_acknowledged() -> None:
    with plan_for(Receiver(refuse_after=7), events=20, per_second=0) as plan:
        outcome = carry_out(plan)
    assert (len(outcome.latencies), outcome.refused) == (7, 13)


def test_a_server_that_goes_away_is_an_error_and_not_a_wait_for_ever() -> None:
    with plan_for(Receiver(), events=5, per_second=0) as plan:
        pass
    with pytest.raises(OSError, match=r"Connect call failed|closed a connection"):
        carry_out(plan)


def test_requests_are_whole_before_the_first_is_sent() -> None:
    with plan_for(Receiver(), events=2, per_second=0) as plan:
        for request in build_requests(plan):
            head, _, body = request.partition(b"\r\n\r\n")
            assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_pulls_are_pulls_of_what_the_registry_holds() -> None:
    with plan_for(Receiver(), events=3, per_second=0) as plan:
        requests = build_requests(replace(plan, are_pulls=True))
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    items = [i for body in bodies for i in parse_notification(body, count_pulls=True).items]
    assert [(type(item), item.repository) for item in items if isinstance(item, Pull)] == [
        (Pull, repository_name(number)) for number in range(3)
    ]
