"""Who searches next: callers take turns, and few searches run at the same time.

A caller with a hundred searches delays the single search of another caller by one search only.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from indexer.errors import BusyError
from search_api.search.deadline import TimeLimit

WAITING_MAX = 256
"""The limit of waiting searches. At a few milliseconds each, the last one waits a second."""


class Turns:
    """Gives ``count`` turns at a time, in the order of callers; belongs to one event loop."""

    def __init__(self, count: int, *, waiting_max: int = WAITING_MAX) -> None:
        self._free = count
        self._waiting_max = waiting_max
        self._callers: dict[str, deque[asyncio.Future[None]]] = {}
        """The waiting searches of each caller. The first caller is next; then it is the last."""
        self.running = 0
        self.waiting = 0
        self.begun = 0
        self.waited_seconds = 0.0
        """How long all turns that began were waited for, together."""

    @asynccontextmanager
    async def turn(self, caller: str, limit: TimeLimit) -> AsyncIterator[None]:
        """Wait for a turn and take it.

        :class:`BusyError` if the turn does not come within ``limit``, or if too many wait: then of
        the caller with most of them, the newest is refused.
        """
        began = time.monotonic()
        if self._free:
            self._free -= 1
        else:
            await self._wait(caller, limit)
        self.running += 1
        self.begun += 1
        self.waited_seconds += time.monotonic() - began
        try:
            yield
        finally:
            self.running -= 1
            self._pass_on()

    async def _wait(self, caller: str, limit: TimeLimit) -> None:
        if self.waiting >= self._waiting_max:
            self._make_room(caller)
        turn = asyncio.get_running_loop().create_future()
        self._callers.setdefault(caller, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(limit.left):
                await turn
        except BaseException as error:
            if not turn.cancelled() and turn.done() and turn.exception() is None:
                # It came at the moment at which nobody waited for it any more.
                self._pass_on()
            else:
                self._forget(caller, turn)
            if isinstance(error, TimeoutError):
                raise BusyError(
                    f"the search waited {limit.seconds:g} s for other searches: try again later"
                ) from error
            raise

    def _make_room(self, caller: str) -> None:
        """Refuse the newest search of the caller with most, which may be this one."""
        most, found = max(self._callers.items(), key=lambda one: len(one[1]))
        error = BusyError(f"too many searches: {self.waiting} wait already; try again later")
        if len(found) <= len(self._callers.get(caller, ())) + 1:
            raise error
        newest = found[-1]
        self._forget(most, newest)
        newest.set_exception(error)

    def _pass_on(self) -> None:
        """Give a turn to the next caller."""
        while self._callers:
            caller = next(iter(self._callers))
            turns = self._callers.pop(caller)
            turn = turns.popleft()
            if turns:
                self._callers[caller] = turns
            self.waiting -= 1
            # One that was cancelled a moment ago has not left the queue yet.
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, caller: str, turn: "asyncio.Future[None]") -> None:
        turns = self._callers.get(caller)
        if turns is None or turn not in turns:
            return
        turns.remove(turn)
        self.waiting -= 1
        if not turns:
            del self._callers[caller]
