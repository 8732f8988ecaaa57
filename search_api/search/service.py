"""Searches for asynchronous code: in this process on a thread, or in processes of their own."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from indexer.clock import Clock
from indexer.store import AbsentTags, OwnThread, StoreSearchState
from search_api.resources import Resources
from search_api.search.freshness import ServiceStatus
from search_api.search.pool import SearchProcesses
from search_api.search.request import SearchRequest
from search_api.search.result import SearchResult
from search_api.search.searcher import Searcher

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class SearchService:
    """The one way to search, for the API, docker search, the OCI extension and the command line.

    With search processes, every search runs in one of those, and what is read from the store alone
    on a thread of this process; without, everything runs on that thread.
    """

    def __init__(
        self,
        searcher: Searcher,
        store: StoreSearchState,
        *,
        clock: Clock,
        processes: SearchProcesses | None = None,
    ) -> None:
        """Take a searcher over ``store``, from which resources are read as well."""
        self._searcher = searcher
        self._store = store
        self._clock = clock
        self._processes = processes
        self._thread = OwnThread("search", path=store.directory)

    async def search(self, request: SearchRequest) -> SearchResult:
        """Return the page that a request asks for, and how true it is."""
        return await self.call(Searcher.search, request)

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

    async def read(self, function: Callable[[Resources], Result]) -> Result:
        """Return what ``function`` reads; :class:`StoreError` before an indexer made the store."""
        now = self._clock.now()
        return await self._on_thread(
            lambda _: self._store.read(lambda store: function(Resources(store, now=now)))
        )

    async def status(self) -> ServiceStatus:
        """Return the state of everything."""
        return await self.call(Searcher.status)

    async def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return, by registry, what the last crawl did not find and is still shown."""
        return await self._on_thread(lambda _: self._store.quarantined())

    async def is_ready(self) -> bool:
        """Tell whether searches can be answered with what the search index holds."""
        return await self.call(Searcher.is_ready)

    def start(self) -> None:
        """Start the search processes, so that the first search does not wait for them."""
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
