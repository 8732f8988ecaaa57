"""Searches for asynchronous code: on a thread of this process, or in search processes."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from indexer.clock import Clock
from indexer.errors import (
    BusyError,
    CostlyQueryError,
    InvalidValueError,
    RegsearchError,
    SearchCancelledError,
    SearchTimeoutError,
    StoreError,
)
from indexer.extract import KindTable
from indexer.model import Rights
from indexer.store import AbsentTags, OwnThread, StoreSearchState
from search_api.resources import Resources
from search_api.search.candidates import candidates, found_by, named_requests
from search_api.search.clients import Client
from search_api.search.deadline import TimeLimit
from search_api.search.freshness import SearchFreshness, SearchLoad, ServiceStatus
from search_api.search.pool import SearchProcesses
from search_api.search.request import SearchRequest
from search_api.search.result import SearchResult
from search_api.search.searcher import Searcher
from search_api.search.state import ChainFinder
from search_api.search.turns import Turns
from search_api.search.viewer import ALL_SIGHT, OWNER, AskedImage, Sight, Viewer

log = structlog.get_logger()

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

DEADLINE = timedelta(seconds=10)
SETTLED_ROUNDS = 3
"""How often a registry is asked for further results, where it refuses most of them."""
_LOGGED_SECONDS = 60.0
"""The interval at which refused searches are logged; each of them would fill a disk."""


@dataclass(slots=True)
class _Ended:
    """The searches that did not end with an answer, since the start."""

    busy: int = 0
    costly: int = 0
    cancelled: int = 0
    timed_out: int = 0


class SearchService:
    """The one way to search, for the API, docker search, the OCI extension and the command line.

    With search processes, each search runs in one of them; without, on a thread of this process.
    Requests that only read the store run on a thread of this process, and so does the status:
    neither waits behind searches if there is a searcher for the status alone.
    """

    def __init__(
        self,
        searcher: Searcher,
        store: StoreSearchState | None,
        *,
        make_thread: Callable[[str], OwnThread],
        clock: Clock,
        kinds: KindTable,
        deadline: timedelta = DEADLINE,
        processes: SearchProcesses | None = None,
        status_searcher: Searcher | None = None,
        viewer: Callable[[], Viewer] = lambda: OWNER,
    ) -> None:
        """Take a searcher over ``store``. Resources are read from the same store.

        A search node has no store: what would be read there is asked of the indexer nodes.
        ``make_thread`` makes a thread with a name, whose errors name the data directory.

        All that is asked is answered for the present ``viewer``, unless it says otherwise.
        """
        self._viewer = viewer
        self._searcher = searcher
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._seconds = deadline / timedelta(seconds=1)
        self._processes = processes
        self._turns = Turns(processes.count if processes else 1)
        self._ended = _Ended()
        self._refusal_logged_at = -_LOGGED_SECONDS
        self._started_at: datetime | None = None
        self._thread = make_thread("search")
        self._status_searcher = status_searcher or searcher
        self._status_thread = make_thread("status") if status_searcher else self._thread

    async def search(self, request: SearchRequest, *, client: Client | None = None) -> SearchResult:
        """Return the requested page and its freshness; see :meth:`call_for`."""
        return await self.call_for(client, Searcher.search, request)

    async def call(
        self,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function`` as :meth:`call_for` does, for nobody who could go away."""
        return await self.call_for(None, function, *arguments, **named)

    async def call_for(
        self,
        client: Client | None,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function``, of a module or class, with a searcher and the arguments.

        Arguments and result may pass between processes, so they are plain data. Searches take turns
        by client. :class:`BusyError` if too many wait, :class:`SearchTimeoutError` after the
        deadline, :class:`SearchCancelledError` as soon as the client is gone.
        """
        caller = client.caller if client else ""
        requests = [one for one in arguments if isinstance(one, SearchRequest)]
        if requests:
            sight = await self._settled(caller, requests)
        else:
            sight = await self._settled_by_results(caller, function, *arguments, **named)
        call = self._call(caller, sight, function, *arguments, **named)
        try:
            return await (call if client is None else _while_there(client, call))
        except BusyError:
            self._ended.busy += 1
            self._log_refusal(client)
            raise
        except CostlyQueryError:
            self._ended.costly += 1
            raise
        except SearchTimeoutError:
            self._ended.timed_out += 1
            raise
        except SearchCancelledError:
            self._ended.cancelled += 1
            raise

    async def read(
        self,
        function: Callable[[Resources], Result],
        *,
        names: Callable[[Result], Iterable[tuple[str, str]]] | None = None,
    ) -> Result:
        """Return ``function``'s result; :class:`StoreError` before an indexer made the store.

        ``names`` tells the repositories that a result names, each with its registry: whether the
        viewer may see them is asked before, where a registry tells it only for one image.
        """
        sight = await self._settled_by_name()
        if names and not sight.is_exact:
            sight = await self._settled_by_reading(sight, function, names)
        return await self._read(sight, function)

    async def _read(self, sight: Sight, function: Callable[[Resources], Result]) -> Result:
        now, kinds, searcher = self._clock.now(), self._kinds, self._searcher
        opened = self._known_store()

        def read() -> Result:
            with searcher.seen_by(sight):
                return searcher.run(
                    lambda _: opened.read(
                        lambda store: function(Resources(store, now=now, kinds=kinds))
                    )
                )

        return await self._thread.run(read)

    async def sight(self) -> Sight:
        """Return what the viewer sees; errors are those of who they say they are."""
        return await self._viewer().sight()

    async def freshness(self) -> SearchFreshness:
        """Return how fresh the search index and each registry are."""
        return await self._on_status_thread(await self._viewer().sight(), Searcher.freshness)

    async def status(self) -> ServiceStatus:
        """Return the status of the service: whole for who sees internals, else what is seen."""
        sight = await self._viewer().sight()
        whole = ALL_SIGHT if sight.sees_internals else sight
        status = await self._on_status_thread(whole, Searcher.status)
        return replace(status, searches=self.load(), started_at=self._started_at)

    def load(self) -> SearchLoad:
        """Return how busy the searches are, and how those since the start ended."""
        turns, ended, processes = self._turns, self._ended, self._processes
        return SearchLoad(
            running=turns.running,
            waiting=turns.waiting,
            begun=turns.begun,
            waited_seconds=turns.waited_seconds,
            refused={"busy": ended.busy, "costly": ended.costly},
            cancelled=ended.cancelled,
            timed_out=ended.timed_out,
            processes_ready=processes.ready if processes else None,
            processes_replaced=processes.replaced if processes else 0,
        )

    async def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories, by registry: what rights are made of."""
        return await self._on_status_thread(ALL_SIGHT, Searcher.repository_names)

    async def token_origin(self, registry: str) -> str:
        """Return the token service that the indexer knows of a registry; "" if it knows none."""
        return await self._on_status_thread(
            ALL_SIGHT, lambda searcher: searcher.token_origin(registry)
        )

    async def lineage(self, rights: Rights, kind: str, name: str, *, is_prefix: bool) -> list[str]:
        """Return the chains that ``name`` stands for, for somebody with some rights.

        ``kind`` is ``bases``, ``derived`` or ``layer``. :class:`InvalidValueError` for another one,
        and for a layer that is no digest.
        """

        def find(keys: ChainFinder) -> list[str]:
            if kind == "bases":
                return keys.find_bases(name, is_prefix=is_prefix)
            if kind == "derived":
                return keys.find_derived(name)
            if kind == "layer":
                return keys.find_layer(name)
            raise InvalidValueError(f"{kind!r} is no kind of lineage")

        store, searcher = self._known_store(), self._searcher

        def read() -> list[str]:
            with searcher.seen_by(Sight(rights)):
                return searcher.run(lambda _: store.read(lambda opened: find(opened.lineage_keys)))

        return await self._thread.run(read)

    async def quarantined(self) -> dict[str, list[AbsentTags]]:
        """Return the quarantined tags by registry: still shown, but not found any more."""
        store = self._known_store()
        return await self._thread.run(lambda: self._searcher.run(lambda _: store.quarantined()))

    async def is_ready(self) -> bool:
        """Tell whether the search index can answer searches, and a process can search it."""
        is_searchable = await self._on_status_thread(ALL_SIGHT, Searcher.is_ready)
        return is_searchable and (self._processes is None or self._processes.ready > 0)

    def start(self) -> None:
        """Begin to serve; start the search processes, so that no search waits for them."""
        self._started_at = self._clock.now()
        if self._processes is not None:
            self._processes.start()

    async def close(self) -> None:
        """Stop running searches, then close all files."""
        if self._processes is not None:
            await self._processes.close()
        await self._thread.run(partial(self._searcher.run, Searcher.close))
        self._thread.close()
        if self._status_searcher is not self._searcher:
            await self._on_status_thread(ALL_SIGHT, Searcher.close)
            self._status_thread.close()

    async def _settled(self, caller: str, requests: Sequence[SearchRequest]) -> Sight:
        """Return what the viewer sees, once registries said what of the results they may see."""
        viewer = self._viewer()
        sight = await viewer.sight()
        for request in () if sight.is_exact else requests:
            asked: list[AskedImage] = []
            for _ in range(SETTLED_ROUNDS):
                undecided = await viewer.undecided()
                if not undecided.repositories:
                    return sight
                found = await self._call(caller, Sight(undecided), candidates, request)
                if found == asked:
                    break
                asked, sight = found, await viewer.settle(found)
                seen = sum(sight.rights.sees(one.registry, one.repository) for one in found)
                if seen >= request.skip + request.limit:
                    break
        return sight

    async def _settled_by_results(
        self,
        caller: str,
        function: Callable[Concatenate[Searcher, Parameters], object],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Sight:
        """Return what the viewer sees, once registries said what of all that would be found."""
        viewer = self._viewer()
        sight = await viewer.sight()
        asked: list[AskedImage] = []
        for _ in range(0 if sight.is_exact else SETTLED_ROUNDS):
            undecided = await viewer.undecided()
            if not undecided.repositories:
                break
            found = await self._call(
                caller, Sight(undecided), found_by, function, *arguments, **named
            )
            if found == asked:
                break
            asked, sight = found, await viewer.settle(found)
            if all(sight.rights.sees(one.registry, one.repository) for one in found):
                break
        return sight

    async def _settled_by_reading(
        self,
        sight: Sight,
        function: Callable[[Resources], Result],
        names: Callable[[Result], Iterable[tuple[str, str]]],
    ) -> Sight:
        """Return what the viewer sees, once registries said what of all that would be read."""
        viewer = self._viewer()
        for _ in range(SETTLED_ROUNDS):
            undecided = await viewer.undecided()
            # With what is seen, or the cursor of something seen would be unknown.
            wide = Sight(sight.rights.with_repositories(undecided))
            try:
                found = names(await self._read(wide, function))
            except RegsearchError:
                # It is told when it is read for the viewer, if they may know it.
                break
            waiting = {place for place in found if not sight.rights.sees(*place)}
            tags = await self._read(wide, partial(Resources.first_tags, places=waiting))
            if not tags:
                break
            sight = await viewer.settle([AskedImage(*place, tag) for place, tag in tags.items()])
        return sight

    async def _settled_by_name(self) -> Sight:
        """Return what the viewer sees, once registries were asked for what the request names."""
        viewer = self._viewer()
        sight = await viewer.sight()
        if sight.is_exact or not viewer.request_text:
            return sight
        requests = named_requests(viewer.request_text, await viewer.undecided())
        return await self._settled("", requests)

    async def _call(
        self,
        caller: str,
        sight: Sight,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        limit = TimeLimit.of(self._seconds)
        async with self._turns.turn(caller, limit):
            if self._processes is not None:
                return await self._processes.call(limit, sight, function, *arguments, **named)
            return await self._on_thread(limit, sight, function, *arguments, **named)

    async def _on_thread(
        self,
        limit: TimeLimit,
        sight: Sight,
        function: Callable[Concatenate[Searcher, Parameters], Result],
        /,
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        is_cancelled = threading.Event()
        searcher = self._searcher

        def run() -> Result:
            with searcher.deadline.set(limit, is_cancelled.is_set), searcher.seen_by(sight):
                return searcher.run(function, *arguments, **named)

        try:
            return await self._thread.run(run)
        finally:
            is_cancelled.set()

    async def _on_status_thread(
        self, sight: Sight, function: Callable[[Searcher], Result]
    ) -> Result:
        searcher = self._status_searcher

        def run() -> Result:
            with searcher.seen_by(sight):
                return searcher.run(function)

        return await self._status_thread.run(run)

    def _known_store(self) -> StoreSearchState:
        if self._store is None:
            raise StoreError("a search node has no store: ask the indexer node of the registry")
        return self._store

    def _log_refusal(self, client: Client | None) -> None:
        now = time.monotonic()
        if now - self._refusal_logged_at >= _LOGGED_SECONDS:
            self._refusal_logged_at = now
            caller = client.caller if client else ""
            log.warning(
                "searches_refused",
                reason="too many wait",
                refused_since_start=self._ended.busy,
                caller=caller,
            )


async def _while_there(client: Client, call: Awaitable[Result]) -> Result:
    """Return the result of a call; cancel it and raise SearchCancelledError if the client goes."""
    calling, leaving = asyncio.ensure_future(call), asyncio.ensure_future(client.gone())
    try:
        await asyncio.wait({calling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if calling.done():
            return calling.result()
        raise SearchCancelledError("the client closed its connection")
    finally:
        leaving.cancel()
        if not calling.done():
            calling.cancel()
            await asyncio.gather(calling, leaving, return_exceptions=True)
