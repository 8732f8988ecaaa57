"""Search processes, so that a search delays neither other searches nor the web process.

A search is mostly Python code, and a process runs one thread of it at a time. Each process runs one
search at a time. One that dies, hangs or is stopped is replaced, and the others do not notice. The
pools of libraries can end a running task only with its process. Here a search is asked to stop
first, because a new process takes a second to start and knows nothing of earlier searches.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from itertools import count as count_from
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from indexer.errors import EngineError
from search_api.search.deadline import TimeLimit
from search_api.search.process import (
    Search,
    StartedProcess,
    Worker,
    search_message,
    start_process,
)
from search_api.search.searcher import Searcher
from search_api.search.viewer import Sight

log = structlog.get_logger()

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

GRACE_SECONDS = 2.0
"""How long a search may run on after it was asked to stop. Then its process is ended."""
LOOK_SECONDS = 1.0
"""The interval at which each process is looked at."""
SILENT_LOOKS = 3
"""A process without a sign of life at so many looks is stopped, or stuck outside of Python. Looks
are counted, not seconds: if the whole machine stood still, so did the web process."""
START_LOOKS = 60
"""The same for a process that starts."""
_PAUSE_SECONDS_MAX = 5.0
"""Between two attempts to start a process that dies before it can search."""
_ATTEMPTS = 2
"""A running search is tried again after a process died: another search may be the cause."""


class SearchProcesses:
    """A number of processes, each with a searcher of its own. It belongs to one event loop."""

    def __init__(
        self, make: Callable[[], Searcher], *, count: int, first: StartedProcess | None = None
    ) -> None:
        """Take ``make``, which each process calls once for its own searcher.

        ``first`` is a process of these that was started before.
        """
        self._make = make
        self._first = first
        self.count = count
        self._numbers = count_from(1)
        self._waiting: deque[Search] = deque()
        self._workers: list[Worker] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.replaced = 0
        """How many processes had to be replaced."""

    @property
    def ready(self) -> int:
        """The number of processes that can search."""
        return sum(worker.is_ready for worker in self._workers)

    def start(self) -> None:
        """Start the processes now; otherwise the first search starts them."""
        if not self._tasks:
            keeping = (self._keep_one() for _ in range(self.count))
            self._tasks = [asyncio.create_task(one) for one in (*keeping, self._watch())]

    async def call(
        self,
        limit: TimeLimit,
        sight: Sight,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function`` with a searcher and the arguments in a process; return its result.

        It sees what ``sight`` does.

        If this call is cancelled, the search stops. :class:`indexer.errors.SearchTimeoutError`
        after the deadline; :class:`EngineError` if that process dies, and the next one too.
        """
        self.start()
        number = next(self._numbers)
        message = search_message(number, limit, sight, function, arguments, named)
        answer = asyncio.get_running_loop().create_future()
        search = Search(number, limit, sight.rights, message, answer, stopped_at=limit.until)
        self._waiting.append(search)
        self._dispatch()
        try:
            has_result, found = await search.answer
        except asyncio.CancelledError:
            self._abandon(search)
            raise
        if not has_result:
            raise found
        result: Result = found
        return result

    async def close(self) -> None:
        """Stop running searches and end the processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            worker.stop_search()
            worker.close()
        await asyncio.gather(*(asyncio.to_thread(worker.join) for worker in self._workers))
        for search in (*self._waiting, *(one.search for one in self._workers if one.search)):
            search.fail(EngineError("the service stops"))

    def _dispatch(self) -> None:
        """Give waiting searches to idle processes."""
        for worker in self._workers:
            if not self._waiting:
                return
            if worker.is_ready and worker.search is None:
                worker.send(self._waiting.popleft())

    def _abandon(self, search: Search) -> None:
        if search in self._waiting:
            self._waiting.remove(search)
        for worker in self._workers:
            if worker.search is search:
                worker.stop_search()

    async def _keep_one(self) -> None:
        """Have one process, and another one whenever it ends."""
        pause = 0.0
        while True:
            was_ready = False
            try:
                worker = await self._start_one()
                await worker.ended
            except OSError as error:
                # The system may have no processes or memory left.
                log.warning("search_process_not_started", reason=str(error))
            else:
                was_ready = worker.was_ready
                self._workers.remove(worker)
                log.warning("search_process_ended", pid=worker.pid)
                self._try_again(worker.search)
                await asyncio.to_thread(worker.join)
            self.replaced += 1
            pause = 0.0 if was_ready else min(_PAUSE_SECONDS_MAX, 2 * pause or 0.1)
            await asyncio.sleep(pause)

    async def _start_one(self) -> Worker:
        first, self._first = self._first, None
        worker = Worker(await self._start() if first is None else first, self._dispatch)
        await worker.connect()
        self._workers.append(worker)
        return worker

    async def _start(self) -> StartedProcess:
        starting = asyncio.ensure_future(asyncio.to_thread(start_process, self._make))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread goes on, and nobody else knows of the process.
            started = await starting
            started.process.kill()
            await asyncio.to_thread(started.close)
            raise

    def _try_again(self, search: Search | None) -> None:
        """Give the search of a process that ended to another one, once."""
        if search is None or search.answer.done():
            return
        if search.limit.left <= 0:
            search.fail(search.limit.error())
        elif search.attempts < _ATTEMPTS:
            self._waiting.appendleft(search)
            self._dispatch()
        else:
            search.fail(EngineError("the process that searched died, and so did the next one"))

    async def _watch(self) -> None:
        """End processes that hang, and searches that no process could take."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            latest = time.monotonic() - GRACE_SECONDS
            while self._waiting and self._waiting[0].stopped_at < latest:
                error = EngineError("no search process took the search: all are being replaced")
                self._waiting.popleft().fail(error)
            for worker in list(self._workers):
                worker.look()
                search = worker.search
                if search is not None and search.stopped_at < latest:
                    search.fail(search.limit.error())
                    self._kill(worker, "a search did not stop in time")
                elif worker.silent_looks >= (SILENT_LOOKS if worker.is_ready else START_LOOKS):
                    self._kill(worker, "no sign of life")

    def _kill(self, worker: Worker, reason: str) -> None:
        log.warning("search_process_killed", pid=worker.pid, reason=reason)
        worker.kill()
