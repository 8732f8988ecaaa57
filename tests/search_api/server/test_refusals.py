"""Refusals are counted one by one, and told by numbers."""

import structlog

from search_api.server.refusals import (
    OTHERS,
    TOLD_MAX,
    ConnectionEnd,
    Refusals,
    RequestRefusal,
)


def test_the_first_is_told_at_once_and_the_others_once_with_their_number() -> None:
    refusals = Refusals()
    with structlog.testing.capture_logs() as lines:
        for _ in range(1_000):
            refusals.request(RequestRefusal.RATE, caller="192.0.2.1")
        refusals.connection(ConnectionEnd.HEAD, caller="192.0.2.1")
        assert len(lines) == 2
        refusals.tell()
    assert [(line["event"], line["reason"], line["number"]) for line in lines] == [
        ("requests_refused", "rate", 1),
        ("connections_ended", "head", 1),
        ("requests_refused", "rate", 999),
    ]
    assert {line["caller"] for line in lines} == {"192.0.2.1"}
    assert refusals.requests[RequestRefusal.RATE] == 1_000
    assert refusals.connections[ConnectionEnd.HEAD] == 1


def test_one_that_goes_on_is_told_once_a_minute_until_it_ends() -> None:
    refusals = Refusals()
    with structlog.testing.capture_logs() as lines:
        for number in (3, 2, 0, 0, 1):
            for _ in range(number):
                refusals.request(RequestRefusal.RATE, caller="a")
            refusals.tell()
    assert [line["number"] for line in lines] == [1, 2, 2, 1]


def test_many_callers_share_a_line() -> None:
    refusals = Refusals()
    with structlog.testing.capture_logs() as lines:
        for number in range(5_000):
            refusals.request(RequestRefusal.RATE, caller=f"10.0.{number}")
        refusals.tell()
    assert len(lines) == TOLD_MAX + 2
    assert (lines[-1]["caller"], lines[-1]["number"]) == (OTHERS, 5_000 - TOLD_MAX - 1)
