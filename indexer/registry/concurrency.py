"""How many requests one registry gets at the same time: as many as it copes with.

The limit is that of Netflix's ``concurrency-limits`` ("Performance Under Load", 2018). By
``Gradient2`` a window of answers that took longer than usual lowers the limit in proportion. By
AIMD, as in TCP (Chiu and Jain, 1989), a refusal halves it, and it grows by one a window. A window
is told by its median, because lists take longer than manifests; an answer by the time until it
begins.
"""

import asyncio
from collections import deque
from statistics import median

WINDOW = 16
"""Answers after which the limit is looked at again; of a limit above this, so many."""
TOLERANCE = 2.0
"""How many times longer than usual answers may take before the limit is lowered."""
PROMPT_SECONDS = 0.1
"""An answer within this time is never late: what is shorter is as often our own business."""
LOWERED_MOST = 0.5
"""What is left of the limit at least after one window, and after a refusal."""
USUAL_WINDOWS = 100
"""Over how many windows the usual time of an answer is averaged."""
FORGOTTEN = 0.95
"""How fast a usual time is given up that is twice as long as that of the last window."""


class InFlight:
    """Lets at most ``limit`` requests run at the same time; others wait, first come first served.

    It begins with ``most``, which it never exceeds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._seconds: list[float] = []
        self._fullest = 0
        self._usual: float | None = None
        self._excused = 0

    @property
    def limit(self) -> int:
        """The number of requests that may run at the same time now."""
        return int(self._limit)

    async def enter(self) -> None:
        """Wait for a place; :meth:`leave` gives it back."""
        if self._running < self.limit and not self._waiting:
            self._running += 1
        else:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.leave()
                raise
        self._fullest = max(self._fullest, self._running)

    def leave(self) -> None:
        """Give a place back."""
        self._running -= 1
        while self._waiting and self._running < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)

    def answered(self, seconds: float) -> None:
        """Learn how long an answer took to begin."""
        self._excused = max(0, self._excused - 1)
        self._seconds.append(seconds)
        if len(self._seconds) >= max(WINDOW, self.limit):
            self._end_window(median(self._seconds))

    def refused(self) -> None:
        """Learn that the registry has too much to do, or does not answer.

        What ran at the same time is refused for the same reason, which lowers the limit once.
        """
        if self._excused:
            self._excused -= 1
            return
        self._set(self._limit * LOWERED_MOST)
        self._excused = self._running - 1
        self._seconds.clear()

    def _end_window(self, seconds: float) -> None:
        usual = seconds if self._usual is None else self._usual
        usual += (seconds - usual) / USUAL_WINDOWS
        if usual > 2 * seconds:
            usual *= FORGOTTEN
        self._usual = usual
        if self._fullest >= self.limit:
            # Otherwise the limit held nobody up, and nothing is known of it.
            in_time = max(PROMPT_SECONDS, TOLERANCE * usual)
            if seconds <= in_time:
                self._set(self._limit + 1)
            else:
                self._set(self._limit * max(LOWERED_MOST, in_time / seconds))
        self._seconds.clear()
        self._fullest = self._running

    def _set(self, limit: float) -> None:
        self._limit = min(float(self._most), max(1.0, limit))
