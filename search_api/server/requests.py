"""What every request has: an id, headers of its answer, and a line in the access log."""

import random
import re
import time
from collections.abc import Awaitable
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.http_errors import error_answer
from search_api.processes import REQUEST_ID
from search_api.server.callers import caller_of
from search_api.server.refusals import Refusals, RequestRefusal
from search_api.server.routes import RouteCounts, expect_route

ID_BITS = 64
PATH_MAX = 500
"""Characters of a path in the access log."""
AGENT_MAX = 200
"""Characters of a user agent in the access log."""
CLIENT_GONE = 499
"""The status in the access log where a client left before its answer began."""
_PLAIN_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
NOSNIFF = (b"x-content-type-options", b"nosniff")


class AccessLog(Protocol):
    """Where lines of the access log go."""

    def info(self, event: str, **pairs: Any) -> Any:
        """Write a line."""


class Requests:
    """Gives each request its id, and each answer the headers that all answers have."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusals: Refusals,
        counts: RouteCounts | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """Add to ``counts``, and write a line for each request to ``access_log``, if there is one.

        Somebody inside tells ``counts`` the route: :class:`RouteNotes`.
        """
        self._app = app
        self._counts = counts or RouteCounts()
        self._refusals = refusals
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = {name: value for name, value in scope["headers"] if name in _READ}
        request_id = _request_id(given.get(b"x-request-id", b""))
        answered = _Answered(send, request_id)
        expect_route(scope)
        token = REQUEST_ID.set(request_id)
        try:
            if b"transfer-encoding" in given and b"content-length" in given:
                await self._refuse_framing(scope, receive, answered)
            else:
                await self._app(scope, receive, answered)
        finally:
            self._counts.add(scope, answered.status, seconds=answered.seconds)
            if self._access_log is not None:
                _write_line(self._access_log, scope, given.get(b"user-agent", b""), answered)
            REQUEST_ID.reset(token)

    async def _refuse_framing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request whose end two servers may see in two places, and close.

        What follows on the connection may be a request that a proxy did not see.
        """
        self._refusals.request(RequestRefusal.FRAMING, caller=caller_of(scope))
        answer = error_answer(
            400,
            "PARAMETER_INVALID",
            "a request has Content-Length or Transfer-Encoding, not both",
            headers={"Connection": "close"},
        )
        await answer(scope, receive, send)


_READ = frozenset({b"x-request-id", b"user-agent", b"transfer-encoding", b"content-length"})


class _Answered:
    """Sends an answer with the headers of all answers, and remembers what it was."""

    __slots__ = ("_began", "_headers", "_send", "sent", "started", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._headers = (NOSNIFF, (b"x-request-id", request_id.encode()))
        self.started = time.monotonic()
        self.status = CLIENT_GONE
        self.sent = 0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """How long it took until the answer began; streams and slow clients need longer."""
        return (self._began or time.monotonic()) - self.started

    def __call__(self, message: Message) -> Awaitable[None]:
        # No coroutine of its own, which would be two more for each request.
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._began = time.monotonic()
            message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        return self._send(message)


def _request_id(given: bytes) -> str:
    """Return the id that a client or proxy gave, if it is short and plain, else a new one."""
    if _PLAIN_ID.fullmatch(given):
        return given.decode()
    return new_request_id()


def new_request_id() -> str:
    """Return an id that no other request has."""
    # No secret, and a system call for each would cost more than all else here.
    return f"{random.getrandbits(ID_BITS):016x}"


def _write_line(to: AccessLog, scope: Scope, agent: bytes, answered: _Answered) -> None:
    # Not the query, and no other header: they may hold what is nobody's business.
    client = scope.get("client")
    to.info(
        "request",
        address=client[0] if client else "",
        method=scope["method"],
        path=scope["path"][:PATH_MAX],
        status=answered.status,
        ms=round((time.monotonic() - answered.started) * 1_000, 1),
        bytes=answered.sent if scope["method"] != "HEAD" else 0,
        request_id=REQUEST_ID.get(),
        user_agent=agent[:AGENT_MAX].decode("latin-1"),
    )
