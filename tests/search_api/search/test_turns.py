"""Turns are fair between callers, bounded, and never lost."""

import asyncio
from collections.abc import Sequence

import pytest

from indexer.errors import BusyError
from search_api.search.deadline import TimeLimit
from search_api.search.turns import Turns

pytestmark = pytest.mark.anyio

LONG = 60


class Searches:
    """Searches that take their turn and keep it until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self.began: list[str] = []
        self._turns = turns
        self._goes_on = asyncio.Event()

    def add(self, *callers: str, seconds: float = LONG) -> "list[asyncio.Task[None]]":
        return [asyncio.create_task(self._search(one, seconds)) for one in callers]

    def end(self) -> None:
        self._goes_on.set()

    async def _search(self, caller: str, seconds: float) -> None:
        async with self._turns.turn(caller, TimeLimit.of(seconds)):
            self.began.append(caller)
            await self._goes_on.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def results(tasks: "Sequence[asyncio.Task[None]]") -> list[str]:
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(one).__name__ if one else "ended" for one in ended]


async def test_callers_take_turns_however_many_searches_each_has() -> None:
    searches = Searches(Turns(1))
    tasks = searches.add("a", "a", "a", "a")
    await settle()
    tasks += searches.add("b", "c", "b")
    await settle()
    searches.end()
    assert await results(tasks) == ["ended"] * 7
    assert searches.began == ["a", "a", "b", "c", "a", "b", "a"]


async def test_so_many_run_at_a_time_as_there_are_turns() -> None:
    turns = Turns(3)
    searches = Searches(turns)
    tasks = searches.add(*"abcde")
    await settle()
    assert (turns.running, turns.waiting) == (3, 2)
    searches.end()
    await results(tasks)
    assert (turns.running, turns.waiting, turns.begun) == (0, 0, 5)
    assert turns.waited_seconds > 0


async def test_beyond_the_limit_the_caller_with_most_is_refused() -> None:
    searches = Searches(Turns(1, waiting_max=3))
    tasks = searches.add(*"aaaa", "a")
    await settle()
    assert tasks[4].done(), "the newest of the only caller is refused at once"
    late = searches.add("b")
    await settle()
    assert tasks[3].done(), "a new caller takes the place of the newest of the one with most"
    searches.end()
    assert await results([*tasks, *late]) == [*["ended"] * 3, *["BusyError"] * 2, "ended"]


async def test_callers_with_one_search_each_are_refused_beyond_the_limit() -> None:
    searches = Searches(Turns(1, waiting_max=2))
    tasks = searches.add(*"abcd")
    await settle()
    searches.end()
    assert await results(tasks) == ["ended", "ended", "ended", "BusyError"]


async def test_a_search_that_waits_too_long_is_refused_and_its_place_is_free() -> None:
    turns = Turns(1)
    searches = Searches(turns)
    tasks = searches.add("a")
    await settle()
    late = searches.add("b", seconds=0.01)
    with pytest.raises(BusyError, match=r"waited 0\.01 s"):
        await late[0]
    assert turns.waiting == 0
    searches.end()
    assert await results(tasks) == ["ended"]


async def test_a_turn_that_comes_to_a_cancelled_search_goes_to_the_next() -> None:
    """No turn is lost, at whatever moment a waiting search is cancelled."""
    for rounds in range(4):
        turns = Turns(1)
        searches = Searches(turns)
        first = searches.add("a")
        await settle()
        waiting = searches.add("b", "c")
        await settle()
        searches.end()
        for _ in range(rounds):
            await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(*first, *waiting, return_exceptions=True)
        assert searches.began[-1] == "c"
        assert (turns.running, turns.waiting) == (0, 0)
        assert await results(Searches(turns).add()) == []
        async with turns.turn("d", TimeLimit.of(1)):
            assert turns.running == 1
