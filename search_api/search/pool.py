"""Search processes, so that a search delays neither other searches nor the web process.

A search is mostly Python code, and a process runs one thread of it at a time. The pool is that of
the standard library. A process that dies breaks the pool, and a new pool replaces it.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from indexer.errors import EngineError
from search_api.processes import end_with_parent
from search_api.search.searcher import Searcher

log = structlog.get_logger()

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

GARBAGE_OBJECTS = 50_000
"""New objects between two looks for garbage in a search process; Python's own number is 700."""
_ATTEMPTS = 2
"""A running search is tried again after a process died: another search may be the cause."""


class SearchProcesses:
    """A number of processes, each with a searcher of its own."""

    def __init__(self, make: Callable[[], Searcher], *, count: int) -> None:
        """Take ``make``, which each process calls once for its own searcher."""
        self._make = make
        self._count = count
        self._pool = self._new_pool()

    def start(self) -> None:
        """Start the processes now; otherwise the first search starts them."""
        self._pool.submit(_run, _nothing)

    async def call(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function`` with a searcher and the arguments in a process; return its result.

        :class:`indexer.errors.EngineError` if that process dies, and the next one too.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_ATTEMPTS):
            pool = self._pool
            try:
                return await loop.run_in_executor(
                    pool, partial(_run, function, *arguments, **named)
                )
            except BrokenProcessPool:
                # All running searches fail here, and the first of them makes the new pool.
                if pool is self._pool:
                    log.warning("search_processes_died")
                    pool.shutdown(wait=False)
                    self._pool = self._new_pool()
        raise EngineError("the process that searched died, and so did the next one")

    async def close(self) -> None:
        """Wait for running searches, then end the processes."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            # Forking would copy locks that other threads hold.
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self._make, os.getpid()),
        )


_searchers: list[Searcher] = []
"""The searcher of this process, if it is a search process."""


def _begin(make: Callable[[], Searcher], parent: int) -> None:
    # Ctrl-C is for the web process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    _searchers.append(make())
    # Present objects stay, so the garbage collector need not visit them and delay searches.
    gc.collect()
    gc.freeze()
    # The texts of a page are thousands of lists without a cycle, and all go with the page.
    gc.set_threshold(GARBAGE_OBJECTS)


def _run(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    return _searchers[0].run(function, *arguments, **named)


def _nothing(_: Searcher) -> None:
    """Do nothing."""
