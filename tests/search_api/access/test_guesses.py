"""Whoever sends wrong passwords must soon wait; others are not held up."""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx2
import pytest
import structlog

from indexer.errors import GuessLimitError
from search_api.access import Basic, SignInGuesses
from search_api.access.guesses import LINES_MAX, OF_ADDRESS, OF_NAME, SECONDS
from search_api.access.htpasswd import HtpasswdFile
from tests.search_api.access.asking import (
    ELSEWHERE,
    asking,
    basic,
    seen,
    settings_with,
    write_users,
)

pytestmark = pytest.mark.anyio


class Seconds:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def let_through(guesses: SignInGuesses, tries: Iterable[tuple[str, str]]) -> int:
    """Return how many of these names and addresses had their wrong password checked."""
    checked = 0
    for name, address in tries:
        try:
            with guesses.guess(name, address) as guess:
                guess.is_wrong = True
                checked += 1
        except GuessLimitError:
            pass
    return checked


def test_ten_a_minute_are_checked_for_a_name_and_an_address() -> None:
    clock = Seconds()
    guesses = SignInGuesses(monotonic=clock)
    tries = [("alice", "192.0.2.1")] * 100
    assert let_through(guesses, tries) == OF_NAME
    clock.now += SECONDS - 1
    assert let_through(guesses, tries) == 0
    clock.now += 1
    assert let_through(guesses, tries) == OF_NAME
    # Others are not held up, neither at the address nor by the name.
    assert let_through(guesses, [("bob", "192.0.2.1"), ("alice", "192.0.2.2")]) == 2


def test_an_address_cannot_try_one_name_after_the_other() -> None:
    guesses = SignInGuesses(monotonic=Seconds())
    assert let_through(guesses, [(f"user{n}", "192.0.2.1") for n in range(1_000)]) == OF_ADDRESS
    # The network of an IPv6 address has one owner.
    tries = [(f"user{n}", f"2001:db8::{n:x}") for n in range(1_000)]
    assert let_through(guesses, tries) == OF_ADDRESS


def test_it_says_when_to_try_again() -> None:
    clock = Seconds()
    guesses = SignInGuesses(monotonic=clock)
    let_through(guesses, [("alice", "192.0.2.1")] * OF_NAME)
    clock.now += 20
    said = r"for user 'alice' from 192\.0\.2\.1"
    with (
        pytest.raises(GuessLimitError, match=said) as caught,
        guesses.guess("alice", "192.0.2.1"),
    ):
        pass
    assert caught.value.retry_after == SECONDS - 20


def test_right_passwords_and_failures_of_the_check_count_for_nothing() -> None:
    guesses = SignInGuesses(monotonic=Seconds())
    for _ in range(10 * OF_NAME):
        with guesses.guess("alice", "192.0.2.1"):
            pass
        with pytest.raises(ZeroDivisionError), guesses.guess("alice", "192.0.2.1"):
            raise ZeroDivisionError
    assert let_through(guesses, [("alice", "192.0.2.1")] * 100) == OF_NAME


def test_the_log_says_who_was_refused_and_stays_small() -> None:
    clock = Seconds()
    guesses = SignInGuesses(monotonic=clock)
    with structlog.testing.capture_logs() as logged:
        for _ in range(3 * LINES_MAX):
            guesses.refused("alice" * 1_000, "192.0.2.1", "wrong")
        clock.now += SECONDS
        guesses.refused("bob", "192.0.2.2", "wrong")
    assert len(logged) == LINES_MAX + 1
    assert logged[0]["event"] == "sign_in_refused"
    assert (len(logged[0]["user"]), logged[0]["address"]) == (100, "192.0.2.1")
    assert (logged[-1]["user"], logged[-1]["others"]) == ("bob", 2 * LINES_MAX)


async def statuses(client: httpx2.AsyncClient, passwords: Iterable[str]) -> list[int]:
    """Return the statuses of searches with these passwords, sent at the same time."""
    requests = [client.get("/api/v1/search", headers=basic("alice", one)) for one in passwords]
    return [response.status_code for response in await asyncio.gather(*requests)]


async def test_brute_force_is_ten_passwords_a_minute(
    filled: Path, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Passwords that are sent at the same time are counted too."""
    users = write_users(tmp_path / "users", "alice", "bob")
    async with asking(settings_with(filled, access={"htpasswd_file": users})) as client:
        # Who signed in a short time ago goes on, also at the address of the attack.
        assert "team/web" in await seen(client, basic("alice"))
        with structlog.testing.capture_logs() as logged:
            found = await statuses(client, [f"guess {n}" for n in range(200)])
        assert (found.count(401), found.count(429)) == (OF_NAME, 200 - OF_NAME)
        assert "team/web" in await seen(client, basic("alice"))
        assert "nginx" in await seen(client, basic("bob"))
        lines = [line for line in logged if line["event"] == "sign_in_refused"]
        assert {(line["user"], line["address"]) for line in lines} == {("alice", ELSEWHERE)}
        assert len(lines) == OF_NAME
        refused = await client.get("/api/v1/search", headers=basic("alice", "guess"))
        assert 1 <= int(refused.headers["Retry-After"]) <= SECONDS
    async with asking(
        settings_with(filled, access={"htpasswd_file": users}), address="127.0.0.1"
    ) as client:
        await statuses(client, [f"guess {n}" for n in range(30)])
        text = (await client.get("/metrics")).text
        for reason, number in (("credentials", OF_NAME), ("guesses", 30 - OF_NAME)):
            assert f'regsearch_requests_refused_total{{reason="{reason}"}} {number}.0' in text
    unlimited = HtpasswdFile(users)
    began = time.perf_counter()
    for number in range(50):
        await unlimited.is_right(Basic("alice", f"guess {number}"))
    rate = 50 / (time.perf_counter() - began)
    unlimited.close()
    figure(f"wrong passwords checked without the limit: {rate:.0f} a second, all of them")
    figure(f"with the limit: {found.count(401)} of 200 sent at once, then {OF_NAME} a minute")
