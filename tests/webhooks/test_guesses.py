"""Whoever sends many wrong secrets waits, and the log stays small."""

import asyncio
from datetime import timedelta

import pytest
import structlog

from tests.fakes.clock import ManualClock
from webhooks.guesses import (
    ADDRESSES_MAX,
    AT_ONCE,
    HELD_MAX,
    HELD_SECONDS,
    LINES_MAX,
    LOGGED_EVERY,
    Guesses,
)

pytestmark = pytest.mark.anyio

ADDRESS = "192.0.2.1"


class StandingClock(ManualClock):
    """A clock on which who sleeps does so until ``wake`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await self.wake.wait()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def guesses(clock: StandingClock) -> Guesses:
    return Guesses(clock)


async def is_held(guesses: Guesses, address: str = ADDRESS) -> bool:
    """Tell whether one more wrong secret is not answered at once; it is given up then."""
    task = asyncio.create_task(guesses.slow_down(address, registry="main"))
    for _ in range(5):
        await asyncio.sleep(0)
    held = not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return held


async def test_the_first_are_answered_at_once_and_the_others_later(guesses: Guesses) -> None:
    assert [await is_held(guesses) for _ in range(AT_ONCE)] == [False] * AT_ONCE
    assert await is_held(guesses)
    assert not await is_held(guesses, "192.0.2.2"), "nobody else is held"


async def test_what_is_held_is_answered_after_a_second(
    guesses: Guesses, clock: StandingClock
) -> None:
    for _ in range(AT_ONCE):
        await guesses.slow_down(ADDRESS, registry="main")
    held = asyncio.create_task(guesses.slow_down(ADDRESS, registry="main"))
    await asyncio.sleep(0)
    assert not held.done()
    assert clock.sleeps == [HELD_SECONDS]
    clock.wake.set()
    await asyncio.wait_for(held, 10)


async def test_who_sends_one_a_second_is_never_held(guesses: Guesses, clock: StandingClock) -> None:
    """As a registry with a secret that was changed: it tries again and again."""
    for _ in range(10 * AT_ONCE):
        assert not await is_held(guesses)
        clock.advance(1)


async def test_nobody_is_held_for_ever_because_the_clock_was_set_back(clock: StandingClock) -> None:
    guesses = Guesses(clock)
    for _ in range(2 * AT_ONCE):
        await is_held(guesses)
    clock.advance(-100_000)
    await is_held(guesses)
    clock.advance(AT_ONCE + 2)
    assert not await is_held(guesses)


async def test_only_so_many_are_held_at_a_time(guesses: Guesses) -> None:
    tasks = [
        asyncio.create_task(guesses.slow_down(ADDRESS, registry="main"))
        for _ in range(AT_ONCE + HELD_MAX + 7)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    assert sum(not task.done() for task in tasks) == HELD_MAX
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await is_held(guesses), "those that went away hold no place"


async def test_the_addresses_of_one_ipv6_network_are_one_sender(guesses: Guesses) -> None:
    for number in range(AT_ONCE):
        assert not await is_held(guesses, f"2001:db8::{number:x}")
    assert await is_held(guesses, "2001:db8::ffff")
    assert not await is_held(guesses, "2001:db8:1::1")
    for number in range(2 * AT_ONCE):
        await is_held(guesses, f"::ffff:192.0.2.{number}")
    assert not await is_held(guesses, "::ffff:192.0.2.200"), "these are addresses of IPv4"


async def test_what_is_remembered_is_bounded(guesses: Guesses) -> None:
    for number in range(3 * ADDRESSES_MAX):
        await guesses.slow_down(f"sender {number}", registry="main")
    assert len(guesses._senders) == ADDRESSES_MAX


async def test_an_address_is_logged_once_a_minute_with_the_number(
    guesses: Guesses, clock: StandingClock
) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(30):
            await is_held(guesses)
        clock.advance(LOGGED_EVERY.total_seconds())
        await is_held(guesses)
    assert [(line["sender"], line["number"]) for line in logs] == [(ADDRESS, 1), (ADDRESS, 30)]


async def test_many_addresses_do_not_fill_the_log(guesses: Guesses, clock: StandingClock) -> None:
    with structlog.testing.capture_logs() as logs:
        for number in range(10 * LINES_MAX):
            await guesses.slow_down(f"sender {number}", registry="main")
        assert len(logs) == LINES_MAX
        clock.advance(timedelta(minutes=2).total_seconds())
        await guesses.slow_down("another", registry="main")
        assert len(logs) == LINES_MAX + 1
