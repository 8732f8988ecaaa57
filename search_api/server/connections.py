"""Connections: how many there are, and how long a client may take.

uvicorn ends a connection only if it is idle between two requests. It has no deadline for a head, a
body or an unread answer, and its limit of connections answers only whole requests. Servers with
such deadlines (granian, hypercorn) have none for slow bodies and no limit below that of
descriptors. So one look a second at every connection ends those that take too long. That needs no
timer for each request.
"""

import resource
from asyncio import BaseTransport
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from search_api.http_errors import error_answer
from search_api.processes import REQUEST_ID
from search_api.server.refusals import ConnectionEnd, Refusals, RequestRefusal
from search_api.server.requests import NOSNIFF, new_request_id

HEAD_SECONDS = 10.0
"""The time for the whole head of a request, from the connection or the end of the last answer."""
SLOW_SECONDS = 20.0
"""The time that a body or an unread answer may take, beside that for its bytes."""
RATE_MIN = 4_096
"""The bytes a second at which a body must come, and an answer must be read."""
CONNECTIONS_MAX = 4_096
"""The limit of connections, however many descriptors there are: each may hold 100 kB."""
RESERVED_DESCRIPTORS = 224
"""Descriptors that are not for connections: files, search processes, what is being accepted."""
REFUSED_MAX = 32
"""Refused connections that are kept until their client has read why; others are closed at once."""
DISPLACED_SECONDS = 5.0
"""A body or an unread answer that takes longer makes place too, if nothing else can."""
DISPLACED_SHARE = 16
"""One in so many connections, those that waited longest, makes place for new ones together."""


def connection_limit() -> int:
    """Return how many connections may be open with the descriptors of this process."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(descriptors // 2, descriptors - RESERVED_DESCRIPTORS))


class Connections:
    """All open connections."""

    def __init__(self, refusals: Refusals, *, limit: int = 0) -> None:
        """Take the limit of connections; 0: what the descriptors allow."""
        self.refusals = refusals
        self.limit = limit or connection_limit()
        self.open: set[Connection] = set()
        self._refused: set[Connection] = set()

    def add(self, connection: "Connection") -> None:
        """Take a new connection, in the place of an idle one if need be, or refuse it."""
        if len(self.open) >= self.limit:
            self._displace(connection.idle_since)
        if len(self.open) < self.limit:
            self.open.add(connection)
            return
        connection.is_refused = True
        self.refusals.connection(ConnectionEnd.FULL, caller=connection.address)
        if len(self._refused) < REFUSED_MAX:
            self._refused.add(connection)
        else:
            connection.transport.abort()

    def discard(self, connection: "Connection") -> None:
        """Forget a connection that ended."""
        self.open.discard(connection)
        self._refused.discard(connection)

    def sweep(self, now: float) -> None:
        """End what takes too long; call it about once a second, with the time of the loop."""
        for connection in list(self.open):
            if late := connection.late(now):
                self.refusals.connection(late, caller=connection.address)
                connection.end_late(late)
        for connection in list(self._refused):
            if now - connection.idle_since > 1:
                connection.transport.abort()

    def _displace(self, now: float) -> None:
        """End some of the connections that wait for a request, or else one that is slow.

        Those that never sent a request go first: they are silent clients, or slower ones than
        others.
        """
        found = [connection for connection in self.open if connection.is_idle]
        found.sort(key=lambda each: (each.was_used, each.idle_since))
        found = found[: max(1, self.limit // DISPLACED_SHARE)]
        if not found:
            slow = [each for each in self.open if each.slow_seconds(now) > DISPLACED_SECONDS]
            found = [max(slow, key=lambda each: each.slow_seconds(now))] if slow else []
        for connection in found:
            self.refusals.connection(ConnectionEnd.DISPLACED, caller=connection.address)
            self.open.discard(connection)
            connection.transport.abort()


class Conversation(h11.Connection):
    """The HTTP of one connection, with the head of an answer in the same write as its body.

    uvicorn writes them one after the other, and a write is much of what a short answer costs. The
    head of a stream goes at once: its body has no length, and may come much later.
    """

    _head = b""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """Return what to write for an event; None where there is nothing more to come."""
        data = super().send(event)
        if isinstance(event, h11.Response) and data and _has_length(event):
            self._head = data
            return b""
        if self._head and data is not None:
            data, self._head = self._head + data, b""
        return data


def _has_length(answer: h11.Response) -> bool:
    return any(name == b"content-length" for name, _ in answer.headers)


class Connection(H11Protocol):
    """One connection, over which requests come one after the other."""

    def __init__(self, *arguments: Any, watched_by: Connections, **named: Any) -> None:
        """Take what uvicorn gives, and the other connections."""
        super().__init__(*arguments, **named)
        self.conn = Conversation(h11.SERVER)
        self._all = watched_by
        self._received = 0
        self._answers = 0
        self._phase: tuple[ConnectionEnd | None, int] = (None, 0)
        self._phase_since = 0.0
        self._phase_bytes = 0
        self.is_refused = False
        self.idle_since = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin, if there is a place."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.idle_since = self.loop.time()
        self._all.add(self)
        if self.is_refused:
            # uvicorn waits for the end of those at its own.
            self.connections.discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._all.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if self.is_refused:
            # Not before the request: a client takes an answer that nothing asked for as a fault.
            if not self.transport.is_closing() and not self._received:
                message = f"all {self._all.limit} connections are in use: try again"
                self._write_error(503, "UNAVAILABLE", message)
                self.transport.write_eof()
            self._received += len(data)
            return
        self._received += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._answers += 1
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._all.refusals.request(RequestRefusal.MALFORMED, caller=self.address)
        if self._may_answer():
            self._write_error(400, "PARAMETER_INVALID", msg)
        self.transport.close()

    @property
    def address(self) -> str:
        """The address of the client or proxy, without the port."""
        return self.client[0] if self.client else ""

    @property
    def was_used(self) -> bool:
        """Whether a request was answered."""
        return self._answers > 0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered, and the last answer was read."""
        has_answered = self.cycle is None or self.cycle.response_complete
        return has_answered and not self.transport.get_write_buffer_size()

    def late(self, now: float) -> ConnectionEnd | None:
        """Return for what this client takes too long, if it does."""
        waits_for = self._waits_for()
        if waits_for is ConnectionEnd.HEAD:
            return waits_for if now - self.idle_since > HEAD_SECONDS else None
        amount = self._received
        if waits_for is ConnectionEnd.ANSWER:
            amount = -self.transport.get_write_buffer_size()
        phase = (waits_for, self._answers)
        if waits_for is None or phase != self._phase:
            self._phase, self._phase_since, self._phase_bytes = phase, now, amount
            return None
        allowed = SLOW_SECONDS + (amount - self._phase_bytes) / RATE_MIN
        return waits_for if now - self._phase_since > allowed else None

    def slow_seconds(self, now: float) -> float:
        """Return for how long this connection has waited for a body or the reading of an answer."""
        phase = (self._waits_for(), self._answers)
        return now - self._phase_since if phase[0] and phase == self._phase else 0.0

    def end_late(self, late: ConnectionEnd) -> None:
        """End this connection, and say why if the client can still be told."""
        if late is ConnectionEnd.ANSWER:
            self.transport.abort()
            return
        if late is ConnectionEnd.BODY and self._may_answer():
            self._write_error(408, "REQUEST_TIMEOUT", "the body of the request came too slowly")
        elif late is ConnectionEnd.HEAD and self.conn.trailing_data[0]:
            message = f"the head of the request took more than {HEAD_SECONDS:.0f} seconds"
            self._write_error(408, "REQUEST_TIMEOUT", message)
        self.transport.close()

    def _waits_for(self) -> ConnectionEnd | None:
        """Return for what of this client the connection waits; None: it waits for us."""
        if self.transport.get_write_buffer_size():
            # While less than that waits, an open stream may go on.
            is_stuck = self.flow.write_paused or self.cycle is None or self.cycle.response_complete
            return ConnectionEnd.ANSWER if is_stuck or self.transport.is_closing() else None
        if self.conn.their_state is h11.SEND_BODY:
            return None if self.flow.read_paused else ConnectionEnd.BODY
        return ConnectionEnd.HEAD if self.is_idle else None

    def _may_answer(self) -> bool:
        """Tell whether the client waits for an answer that has not begun."""
        return self.cycle is None or not self.cycle.response_started

    def _write_error(self, status: int, code: str, message: str) -> None:
        """Write an answer past h11, which may be within a request, for a connection that ends."""
        token = REQUEST_ID.set(new_request_id())
        try:
            headers = {"Connection": "close"} | ({"Retry-After": "1"} if status == 503 else {})
            answer = error_answer(status, code, message, headers=headers)
            own = [NOSNIFF, (b"x-request-id", REQUEST_ID.get().encode())]
        finally:
            REQUEST_ID.reset(token)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in answer.raw_headers + own]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
