"""Searches for asynchronous code: in this process on a thread, or in processes of their own."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar, Unpack

from indexer.model import DocumentType, Query
from indexer.store import AbsentTags, OwnThread
from search_api.resources import Resources
from search_api.search.pool import SearchProcesses
from search_api.search.searcher import Answer, Searcher, SearchOptions, Status

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Searching:
    """Runs functions on a searcher.

    Where there are search processes, every search runs in one of those, and what is read from the
    store alone on a thread of this process; else all runs on that thread.
    """

    def __init__(self, searcher: Searcher, processes: SearchProcesses | None = None) -> None:
        self._searcher = searcher
        self._processes = processes
        self._thread = OwnThread("searching", path=searcher.directory)

    async def call(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Return what ``function``, of a module or class, makes of a searcher and the arguments.

        Those and what it returns may go from process to process, so they are plain data.
        """
        if self._processes is not None:
            return await self._processes.call(function, *arguments, **named)
        return await self._on_thread(function, *arguments, **named)

    async def search(
        self, query: Query, *, document_type: DocumentType, **options: Unpack[SearchOptions]
    ) -> Answer:
        """Return a page of hits and how true it is; see the reader of an index for the options."""
        return await self.call(Searcher.search, query, document_type=document_type, **options)

    async def read(self, function: Callable[[Resources], Result]) -> Result:
        """Return what ``function`` reads; :class:`StoreError` before an indexer made the store."""
        return await self._on_thread(Searcher.read, function)

    async def status(self) -> Status:
        """Return the state of everything."""
        return await self.call(Searcher.status)

    async def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return, by registry, what a crawl did not find any more and is shown nevertheless."""
        return await self._on_thread(Searcher.quarantined)

    async def is_ready(self) -> bool:
        """Tell whether searches can be answered with what the search index holds."""
        return await self.call(Searcher.is_ready)

    def start(self) -> None:
        """Start what searches, for the first search not to wait for that."""
        if self._processes is not None:
            self._processes.start()

    async def close(self) -> None:
        """Wait for what runs, then close all files."""
        if self._processes is not None:
            await self._processes.close()
        await self._on_thread(Searcher.close)
        self._thread.close()

    async def _on_thread(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        return await self._thread.run(partial(self._searcher.run, function, *arguments, **named))
