"""Searches for asynchronous code: on a thread of this process, or in search processes."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from indexer.clock import Clock
from indexer.extract import KindTable
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

    With search processes, each search runs in one of them. Requests that only read the store run
    on a thread of this process. Without search processes, that thread runs everything.
    """

    def __init__(
        self,
        searcher: Searcher,
        store: StoreSearchState,
        *,
        clock: Clock,
        kinds: KindTable,
        processes: SearchProcesses | None = None,
    ) -> None:
        """Take a searcher over ``store``. Resources are read from the same store."""
        self._searcher = searcher
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._processes = processes
        self._thread = OwnThread("search", path=store.directory)

    async def search(self, request: SearchRequest) -> SearchResult:
        """Return the requested page and its freshness."""
        return await self.call(Searcher.search, request)

    async def call(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function``, of a module or class, with a searcher and the arguments.

        Arguments and result may pass between processes, so they are plain data.
        """
        if self._processes is not None:
            return await self._processes.call(function, *arguments, **named)
        return await self._on_thread(function, *arguments, **named)

    async def read(self, function: Callable[[Resources], Result]) -> Result:
        """Return ``function``'s result; :class:`StoreError` before an indexer made the store."""
        now, kinds = self._clock.now(), self._kinds
        return await self._on_thread(
            lambda _: self._store.read(
                lambda store: function(Resources(store, now=now, kinds=kinds))
            )
        )

    async def status(self) -> ServiceStatus:
        """Return the status of the service."""
        return await self.call(Searcher.status)

    async def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return the quarantined tags by registry: still shown, but not found any more."""
        return await self._on_thread(lambda _: self._store.quarantined())

    async def is_ready(self) -> bool:
        """Tell whether the search index can answer searches."""
        return await self.call(Searcher.is_ready)

    def start(self) -> None:
        """Start the search processes, so that the first search does not wait for them."""
        if self._processes is not None:
            self._processes.start()

    async def close(self) -> None:
        """Wait for running searches, then close all files."""
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
