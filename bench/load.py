"""The load: notifications sent over keep-alive connections, each timed until its answer.

This process of its own must never limit the result. Requests are built before the first is sent. A
connection is an asyncio protocol without any HTTP library, and only the status and the length of an
answer are read. The result has the share of a processor that sending used. If it is well below 1,
the generator had time to spare.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import urlsplit

from bench.content import notification
from tests.fakes.events import CONTENT_TYPE

ACCEPTED = 202
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Plan:
    """The events to send, and their times.

    ``per_second`` events are due at even intervals. Their time starts when they are due, even if no
    connection is free; 0 means as fast as the connections get their answers.
    """

    url: str
    authorization: str
    label: str
    events: int
    per_second: int
    connections: int
    repositories: int
    are_pulls: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome: the seconds of each accepted event, and the number of others.

    ``seconds`` is the whole time from the first request to the last answer, ``processor`` the share
    of one processor that this process used meanwhile.
    """

    latencies: list[float]
    refused: int
    seconds: float
    processor: float


class Sender:
    """Sends requests over its connections, each at its time, and collects their durations."""

    def __init__(
        self, requests: Sequence[bytes], *, per_second: int, wanted: int = ACCEPTED
    ) -> None:
        """Take whole requests; answers of another status than ``wanted`` are refusals."""
        self._requests = requests
        self._wanted = wanted
        self._interval = 1 / per_second if per_second else 0.0
        self._due: Iterator[int] = iter(range(len(requests)))
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._idle: deque[_Connection] = deque()
        self._answered = 0
        self.latencies: list[float] = []
        self.refused = 0
        self._error: ConnectionError | None = None
        self._done = asyncio.Event()

    async def run(self, host: str, port: int, *, connections: int) -> float:
        """Send everything and return the seconds from the first request to the last answer.

        ConnectionError if the server closes a connection before that.
        """
        loop = asyncio.get_running_loop()
        opened = []
        try:
            for _ in range(connections):
                transport, connection = await loop.create_connection(
                    lambda: _Connection(self), host, port
                )
                opened.append(transport)
                self._idle.append(connection)
            return await self._send()
        finally:
            self._done.set()
            for transport in opened:
                transport.close()
            # The transports close in the next round of the loop.
            await asyncio.sleep(0)

    async def _send(self) -> float:
        started = time.perf_counter()
        if self._interval:
            await self._send_on_time(started)
        else:
            for connection in list(self._idle):
                self.freed(connection)
        await self._done.wait()
        if self._error:
            raise self._error
        return time.perf_counter() - started

    async def _send_on_time(self, started: float) -> None:
        for number, request in enumerate(self._requests):
            due = started + number * self._interval
            ahead = due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            if self._idle:
                self._idle.popleft().send(request, since=due)
            else:
                self._waiting.append((due, request))

    def answered(self, status: int, *, seconds: float) -> None:
        """Count an answer."""
        if status == self._wanted:
            self.latencies.append(seconds)
        else:
            self.refused += 1
        self._answered += 1
        if self._answered == len(self._requests):
            self._done.set()

    def lost(self, error: Exception | None) -> None:
        """Give up, because one answer will never come."""
        if not self._done.is_set():
            self._error = ConnectionError(f"the server closed a connection: {error}")
            self._done.set()

    def freed(self, connection: "_Connection") -> None:
        """Give a connection its next request, if there is one now."""
        if self._waiting:
            since, request = self._waiting.popleft()
            connection.send(request, since=since)
        elif self._interval:
            self._idle.append(connection)
        else:
            number = next(self._due, None)
            if number is not None:
                connection.send(self._requests[number], since=time.perf_counter())


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._transport: asyncio.Transport
        self._received = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, *, since: float) -> None:
        """Send one request; its time counts from ``since``."""
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end or len(body) < _content_length(head):
            return
        self._received = b""
        status = int(head.split(b" ", 2)[1])
        self._sender.answered(status, seconds=time.perf_counter() - self._since)
        self._sender.freed(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._sender.lost(error)


def _content_length(head: bytes) -> int:
    lower = head.lower()
    return int(lower[lower.index(_LENGTH) + len(_LENGTH) :].partition(b"\r\n")[0])


def build_requests(plan: Plan) -> list[bytes]:
    """Return the whole HTTP requests of a plan, each with an event id of its own."""
    parts = urlsplit(plan.url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: {plan.authorization}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        "User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\nContent-Length: "
    ).encode()
    bodies = [
        notification(
            number % plan.repositories,
            event_id=f"{plan.label}-{number}",
            is_pull=plan.are_pulls,
        )
        for number in range(plan.events)
    ]
    return [head + str(len(body)).encode() + _HEAD_END + body for body in bodies]


def carry_out(plan: Plan) -> Outcome:
    """Send all of a plan and return the outcome."""
    sender = Sender(build_requests(plan), per_second=plan.per_second)
    return send(sender, plan.url, connections=plan.connections)


def send(sender: Sender, url: str, *, connections: int) -> Outcome:
    """Send all requests of a sender to the server of ``url`` and return the outcome."""
    parts = urlsplit(url)

    async def run() -> tuple[float, float]:
        used = time.process_time()
        seconds = await sender.run(parts.hostname or "", parts.port or 80, connections=connections)
        return seconds, time.process_time() - used

    seconds, used = asyncio.run(run())
    return Outcome(sender.latencies, sender.refused, seconds, used / seconds)


def main() -> None:
    """Read a plan as JSON from standard input and write the outcome as JSON."""
    print(json.dumps(asdict(carry_out(Plan(**json.load(sys.stdin))))))  # noqa: T201


if __name__ == "__main__":
    main()
