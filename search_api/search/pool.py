"""Processes that search, so that a search holds up neither others nor what the web process does.

A search is mostly Python, of which a process runs one thread at a time. The pool is that of the
standard library; a process that dies breaks it, and then there is a new one.
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

_ATTEMPTS = 2
"""A search that was under way when a process died is tried once more: another one may be why."""


class SearchProcesses:
    """A number of processes, each with a searcher of its own."""

    def __init__(self, make: Callable[[], Searcher], *, count: int) -> None:
        """Take what makes the searcher of a process, once, in that process."""
        self._make = make
        self._count = count
        self._pool = self._new_pool()

    def start(self) -> None:
        """Start the processes, which the first search would do otherwise."""
        self._pool.submit(_run, _nothing)

    async def call(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Return what ``function`` makes, in one of the processes, of a searcher and the arguments.

        :class:`indexer.errors.EngineError` when that process dies, and another one too.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_ATTEMPTS):
            pool = self._pool
            try:
                return await loop.run_in_executor(
                    pool, partial(_run, function, *arguments, **named)
                )
            except BrokenProcessPool:
                # All that was under way ends here, and the first of it makes the new pool.
                if pool is self._pool:
                    log.warning("search_processes_died")
                    pool.shutdown(wait=False)
                    self._pool = self._new_pool()
        raise EngineError("the process that searched died, and so did the next one")

    async def close(self) -> None:
        """Wait for what runs and end the processes."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            # Forking would copy threads' locks as they happen to be.
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self._make, os.getpid()),
        )


_searchers: list[Searcher] = []
"""The searcher of this process, if it is one that searches."""


def _begin(make: Callable[[], Searcher], parent: int) -> None:
    # Ctrl-C is for the web process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    _searchers.append(make())
    # What is there now stays: looking through it again for garbage would hold up answers.
    gc.collect()
    gc.freeze()


def _run(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    return _searchers[0].run(function, *arguments, **named)


def _nothing(_: Searcher) -> None:
    """Do nothing."""
