"""A real proxy in front of the service, which answers late, or refuses, as a test wants it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.end_to_end.waiting import OFTEN_SECONDS
from tests.fakes.serving import serving

_KEPT = ("accept", "cookie", "host", "last-event-id", "x-fragment")
_SENT = ("cache-control", "content-security-policy", "content-type", "location", "retry-after")

_PIECE = 1_460
"""Bytes of a piece of a page: what a packet carries."""


class SlowProxy:
    """Passes requests on.

    ``requests`` has the path and query of each, in order of arrival. ``delay`` gives for how many
    seconds an answer is kept back; another one lets those go that wait. ``refusals`` has the
    answers that the proxy gives by itself: the beginning of a path and query, and the status; with
    ``Retry-After`` of a second if 503.
    ``piece_pause`` is how many seconds pass between two pieces of a page, as in a slow network.
    ``streams`` counts the streams of events that are open.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.delay: Callable[[str], float] = lambda path: 0
        self.refusals: dict[str, int] = {}
        self.piece_pause = 0.0
        self.streams = 0
        self._target = target
        self._http: httpx2.AsyncClient | None = None

    def asked(self, beginning: str) -> list[str]:
        """Return the requests that begin so."""
        return [one for one in self.requests if one.startswith(beginning)]

    async def _pass_on(self, request: Request) -> Response:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.requests.append(path)
        arrived = time.monotonic()
        while time.monotonic() - arrived < self.delay(path):
            await asyncio.sleep(OFTEN_SECONDS)
        # A copy: the test may change it at any moment, in another thread.
        for beginning, status in dict(self.refusals).items():
            if path.startswith(beginning):
                return PlainTextResponse(
                    "no", status, {"Retry-After": "1"} if status == 503 else {}
                )
        assert self._http is not None
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        sent = self._http.build_request("GET", path, headers=headers)
        answer = await self._http.send(sent, stream=True)
        kept = {name: answer.headers[name] for name in _SENT if name in answer.headers}
        return StreamingResponse(self._body(answer), answer.status_code, kept)

    async def _body(self, answer: httpx2.Response) -> AsyncIterator[bytes]:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        is_stream = kind == "text/event-stream"
        self.streams += is_stream
        try:
            if kind == "text/html" and self.piece_pause:
                page = await answer.aread()
                for start in range(0, len(page), _PIECE):
                    yield page[start : start + _PIECE]
                    await asyncio.sleep(self.piece_pause)
                return
            async for part in answer.aiter_bytes():
                yield part
        finally:
            self.streams -= is_stream
            await answer.aclose()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve while this is open."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            limits = httpx2.Timeout(30)
            async with httpx2.AsyncClient(
                base_url=self._target, timeout=limits, trust_env=False
            ) as self._http:
                yield

        route = Route("/{path:path}", self._pass_on, methods=["GET"])
        with serving(Starlette(routes=[route], lifespan=lifespan)) as self.url:
            yield
