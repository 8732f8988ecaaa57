"""Passing the answer of a node on to the client, part by part, for as long as the client is there.

A stream may be open for days. So it is found out again and again who the client is: a token that
was revoked, or a session that ended, ends the stream. The node itself cannot know that.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from indexer.errors import (
    BusyError,
    CallerLimitError,
    CredentialError,
    InvalidValueError,
    NodeAwayError,
)
from search_api.access import CALLER, Caller
from search_api.api import Streams
from search_api.nodes.node import NodeAnswer
from search_api.server import caller_of

log = structlog.get_logger()

FindCaller = Callable[[Scope], Awaitable[Caller]]
"""Finds out who sends a request; errors are those of :meth:`Callers.find`."""
FOUND_SECONDS = 5.0
"""After this time in a stream it is found out anew who asked."""
POLL_SECONDS = 1.0
"""The interval at which a stream looks whether this service stops."""
_EVENTS = "text/event-stream"
STREAM_SECONDS = 60.0
"""A stream of events has a comment every 15 seconds, so one that is silent for longer is broken."""


class PassedAnswer(Response):
    """Sends the answer of a node to the client of a request."""

    def __init__(
        self,
        answer: NodeAnswer,
        *,
        find_caller: FindCaller,
        streams: Streams,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the longest time in seconds between two parts, but of a stream of events.

        A stream is one of ``streams``: it ends when this service stops.
        """
        self.status_code = answer.status
        self.background = None
        self.body = b""
        self.raw_headers = list(answer.passed_headers())
        self._answer = answer
        self._find_caller = find_caller
        self._streams = streams
        self._monotonic = monotonic
        self._is_stream = answer.headers.get("content-type", "").startswith(_EVENTS)
        self._seconds = STREAM_SECONDS if self._is_stream else seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; end as soon as the client is gone, and close the connection to the node.

        :class:`CallerLimitError` or :class:`StoreError` if there are too many streams.
        """
        try:
            if self._is_stream:
                with self._streams.admit(caller_of(scope)):
                    await self._send(scope, receive, send)
            else:
                await self._send(scope, receive, send)
        finally:
            await self._answer.close()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        sending = asyncio.ensure_future(self._pass_on(scope, send))
        both = {sending, asyncio.ensure_future(_gone(receive))}
        ended: set[asyncio.Future[None]] = set()
        try:
            while not ended and not (self._is_stream and self._streams.is_stopping):
                ended, _ = await asyncio.wait(
                    both, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for one in both - ended:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        if sending in ended:
            sending.result()
        elif not ended:
            # This service stops: the client goes on elsewhere, after the last event.
            await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope: Scope, send: Send) -> None:
        caller, found_at = scope.get(CALLER), self._monotonic()
        try:
            async with aclosing(self._answer.parts(seconds=self._seconds)) as parts:
                async for part in parts:
                    is_old = self._monotonic() - found_at > FOUND_SECONDS
                    if self._is_stream and is_old:
                        found_at = self._monotonic()
                        if not await self._is_still(scope, caller):
                            break
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except NodeAwayError as error:
            # Without its end, so that nobody takes the answer for a whole one.
            log.warning("node_answer_broken", node=self._answer.node.name, reason=str(error))
            return
        await send({"type": "http.response.body", "body": b""})

    async def _is_still(self, scope: Scope, caller: Caller | None) -> bool:
        """Tell whether the client still is who it was."""
        try:
            return await self._find_caller(scope) == caller
        except (CredentialError, CallerLimitError, InvalidValueError, BusyError):
            return False


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
