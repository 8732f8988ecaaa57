"""``changes``: the visible changes since a cursor, page by page or as server-sent events."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from indexer.errors import CallerLimitError, CredentialError, CursorExpiredError, StoreError
from indexer.store import Page
from search_api.api.models import Errors
from search_api.api.operations import IS_HEAD, KEPT, Operation
from search_api.api.parameters import Limit
from search_api.api.resource_models import Changes
from search_api.api.resources import next_link
from search_api.resources import named_in
from search_api.search import SearchService
from search_api.server import Refusals, RequestRefusal, caller_of

LIMIT_DEFAULT = 100
NOW = "now"
POLL_SECONDS = 1.0
"""The interval at which a stream looks for changes."""
STREAMS_MAX = 100
"""The limit of streams that are open at the same time."""
_NOT_KEPT = {"Cache-Control": "no-store"}
_CURSOR = (
    "Where to go on: the `next` of an answer, or the `cursor` of a change."
    f" If empty, all kept changes follow; `{NOW}` skips all of them."
)
ChangeOrder = Annotated[
    Literal["oldest", "newest"],
    Query(
        description="Oldest first, to keep up; or newest first, to look back: then the changes"
        " before the cursor follow, and all of them without one."
    ),
]
ChangesOfRegistry = Annotated[
    str, Query(description="The name of the only registry; all if empty.")
]
ChangesOfRepository = Annotated[
    str, Query(description="The name of the only repository; all if empty.", examples=["team/web"])
]


@dataclass(frozen=True, slots=True)
class ChangesWithin:
    """The place whose changes are wanted."""

    registry: ChangesOfRegistry = ""
    repository: ChangesOfRepository = ""


WithinPlace = Annotated[ChangesWithin, Depends()]
ChangeCursorText = Annotated[str, Query(description=_CURSOR)]
LastEventId = Annotated[
    str, Header(description="Sent by a browser to go on after the last event; overrides `cursor`.")
]
_EXPIRED: dict[int | str, dict[str, Any]] = {
    410: {
        "model": Errors,
        "description": "The cursor is too old: the changes after it were pruned.",
    },
    404: KEPT[404],
}


class Streams:
    """The open streams, and whether they must end: a stopping server waits for them."""

    def __init__(
        self, refusals: Refusals, *, per_caller: int = 0, limit: int = STREAMS_MAX
    ) -> None:
        """Take the limits of one caller (0: none) and of all callers together."""
        self._refusals = refusals
        self._per_caller = per_caller
        self._limit = limit
        self._open: Counter[str] = Counter()
        self.is_stopping = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._open.total()

    def stop(self) -> None:
        """End all streams soon, and those that begin from now on."""
        self.is_stopping = True

    @contextmanager
    def admit(self, caller: str) -> Iterator[None]:
        """Count a stream from before anything is read for it, so that others see it at once.

        :class:`CallerLimitError` or :class:`StoreError` if there are too many.
        """
        if self._per_caller and self._open[caller] >= self._per_caller:
            self._refusals.request(RequestRefusal.CALLER_STREAMS, caller=caller)
            raise CallerLimitError(
                f"{caller} has {self._per_caller} streams of changes open: no more at a time"
                " (setting caller_streams)"
            )
        if self.count >= self._limit:
            self._refusals.request(RequestRefusal.STREAMS, caller=caller)
            raise StoreError(f"{self._limit} streams of changes are open: no more at a time")
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


def changes_router(service: SearchService, streams: Streams) -> APIRouter:
    """Return the operations on changes."""
    router = APIRouter(route_class=Operation, tags=["changes"], responses=_EXPIRED)

    @router.get("/changes", summary="Changes", response_model=Changes)
    async def list_changes(
        request: Request,
        within: WithinPlace,
        *,
        order: ChangeOrder = "oldest",
        cursor: ChangeCursorText = "",
        limit: Limit = LIMIT_DEFAULT,
    ) -> JSONResponse:
        """Return changes. To keep a copy, get a cursor, then a listing, then the changes after it.

        The listing must be read after the cursor.
        """
        if order == "newest":
            page = await _newest("" if cursor == NOW else cursor, within, limit=limit)
        else:
            page = await _page(await _start(cursor), within, limit=limit)
        body = {"changes": page.items, "next": page.next}
        link = next_link(request, page.next) if order == "newest" else {}
        return JSONResponse(body, headers={**_NOT_KEPT, **link})

    async def _page(
        behind: str | None, within: ChangesWithin, *, limit: int
    ) -> Page[dict[str, Any]]:
        return await service.read(
            lambda resources: resources.changes(
                behind, registry=within.registry, repository=within.repository, limit=limit
            ),
            names=lambda page: named_in(page.items),
        )

    async def _newest(cursor: str, within: ChangesWithin, *, limit: int) -> Page[dict[str, Any]]:
        return await service.read(
            lambda resources: resources.newest_changes(
                cursor, registry=within.registry, repository=within.repository, limit=limit
            ),
            names=lambda page: named_in(page.items),
        )

    async def _start(text: str) -> str | None:
        if text == NOW:
            return await service.read(lambda resources: resources.newest_change())
        return text or None

    async def start_of_stream(
        request: Request,
        within: WithinPlace,
        *,
        cursor: ChangeCursorText = "",
        last_event_id: LastEventId = "",
    ) -> AsyncIterator[str | None]:
        # Check for mistakes here, because a running stream has sent its status already.
        with streams.admit(caller_of(request.scope)):
            behind = await _start(last_event_id or cursor)
            await _page(behind, within, limit=1)
            yield behind

    @router.get(
        "/changes/stream", summary="A stream of changes", response_class=EventSourceResponse
    )
    async def stream_changes(
        request: Request,
        within: WithinPlace,
        start: Annotated[str | None, Depends(start_of_stream)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Send each change as an event with the name of its kind and its cursor as the id.

        An event `expired` says that the cursor is too old, and ends the stream.
        """
        behind = start
        while IS_HEAD not in request.scope and not streams.is_stopping:
            try:
                page = await _page(behind, within, limit=LIMIT_DEFAULT)
            except CursorExpiredError as error:
                yield ServerSentEvent(event="expired", data={"message": str(error)})
                return
            except (CredentialError, CallerLimitError):
                # Who asked may not any more: the token was revoked, or the password changed.
                return
            for change in page.items:
                yield ServerSentEvent(event=change["kind"], id=change["cursor"], data=change)
            behind = page.next
            if len(page.items) < LIMIT_DEFAULT:
                await asyncio.sleep(POLL_SECONDS)

    return router
