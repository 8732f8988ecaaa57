"""Clients that are too slow, and more of them than there is place for; the time is made up."""

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from search_api.server import ConnectionEnd, Connections, HttpServer, Refusals, RequestRefusal
from search_api.server.connections import (
    CONNECTIONS_MAX,
    DISPLACED_SECONDS,
    HEAD_SECONDS,
    RATE_MIN,
    REFUSED_MAX,
    SLOW_SECONDS,
    Conversation,
    connection_limit,
)

pytestmark = pytest.mark.anyio

LARGE = 20_000_000
WAIT_SECONDS = 20
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Served:
    """A running server with an application of its own."""

    port: int
    connections: Connections
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def refusals(self) -> Refusals:
        return self.connections.refusals

    async def connect(self, text: bytes = b"") -> Streams:
        """Open a connection and send this; return when the server knows it."""
        before = len(self.connections.open)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.clients.append(writer)
        writer.write(text)
        if before < self.connections.limit:
            await self.until(lambda: len(self.connections.open) > before)
        return reader, writer

    async def until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                await asyncio.sleep(0.01)

    def later(self, seconds: float) -> None:
        """Look at the connections as if it were now, and then later."""
        now = asyncio.get_running_loop().time()
        self.connections.sweep(now)
        self.connections.sweep(now + seconds)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        match scope["path"]:
            case "/read":
                while (await receive()).get("more_body"):
                    pass
            case "/wait":
                await self.go_on.wait()
            case "/large":
                await send(start)
                part = {"type": "http.response.body", "body": b"x" * LARGE, "more_body": True}
                await send(part)
                await send(part)
                await send({"type": "http.response.body"})
                return
            case "/stream":
                await send(start)
                await send({"type": "http.response.body", "body": b"event", "more_body": True})
                await self.go_on.wait()
                await send({"type": "http.response.body"})
                return
        await send({**start, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Unlooking(HttpServer):
    """A server that leaves the looks at its connections to the test.

    A look of its own in between would begin the phases that a test wants to have begun earlier.
    """

    async def on_tick(self, counter: int) -> bool:
        return await uvicorn.Server.on_tick(self, counter)


@asynccontextmanager
async def serve(*, limit: int = 0) -> AsyncIterator[Served]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        served = Served(listener.getsockname()[1], Connections(Refusals(), limit=limit))
        server = Unlooking(served.app, connections=served.connections, on_stop=lambda: None)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await served.until(lambda: server.started)
        try:
            yield served
        finally:
            served.go_on.set()
            for client in served.clients:
                client.close()
            await asyncio.gather(
                *(client.wait_closed() for client in served.clients), return_exceptions=True
            )
            server.should_exit = True
            await running


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


async def read(streams: Streams) -> bytes:
    """Return all that is sent until the connection ends."""
    async with asyncio.timeout(WAIT_SECONDS):
        try:
            return await streams[0].read()
        except ConnectionResetError:
            return b""


async def answer(streams: Streams) -> bytes:
    """Return the answer of the application, which leaves the connection open."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await streams[0].readuntil(b"ok")


def error_of(text: bytes, status: int) -> dict[str, str]:
    """Return the error of a whole answer that the server itself wrote."""
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status} ")
    assert "connection: close" in lines
    assert "x-content-type-options: nosniff" in lines
    assert f"content-length: {len(body)}" in lines
    found = json.loads(body)
    assert f"x-request-id: {found['request_id']}" in lines
    (error,) = found["errors"]
    assert isinstance(error, dict)
    return error


# Too slow


async def test_a_silent_connection_is_closed() -> None:
    async with serve() as served:
        streams = await served.connect()
        served.later(HEAD_SECONDS - 1)
        assert served.refusals.connections == {}
        served.later(HEAD_SECONDS + 1)
        assert await read(streams) == b""
        assert served.refusals.connections == {ConnectionEnd.HEAD: 1}


async def test_half_a_head_is_answered_with_why() -> None:
    async with serve() as served:
        streams = await served.connect(b"GET / HTT")
        await asyncio.sleep(0.1)
        served.later(HEAD_SECONDS + 1)
        error = error_of(await read(streams), 408)
    assert error["code"] == "REQUEST_TIMEOUT"
    assert error["message"] == "the head of the request took more than 10 seconds"


async def test_a_head_begins_anew_after_an_answer() -> None:
    async with serve() as served:
        streams = await served.connect(get("/"))
        await answer(streams)
        streams[1].write(b"GET / HTT")
        await asyncio.sleep(0.1)
        served.later(HEAD_SECONDS - 1)
        streams[1].write(b"P/1.1\r\nHost: a\r\n\r\n")
        await answer(streams)


async def test_a_slow_body_is_answered_with_why() -> None:
    async with serve() as served:
        streams = await served.connect(get("/read", "Content-Length: 100") + b"x")
        await asyncio.sleep(0.1)
        served.later(SLOW_SECONDS - 1)
        assert served.refusals.connections == {}
        served.later(SLOW_SECONDS + 1)
        error = error_of(await read(streams), 408)
        assert served.refusals.connections == {ConnectionEnd.BODY: 1}
    assert error["code"] == "REQUEST_TIMEOUT"


async def test_a_body_that_comes_has_more_time() -> None:
    async with serve() as served:
        size = 100 * RATE_MIN
        streams = await served.connect(get("/read", f"Content-Length: {size}"))
        await asyncio.sleep(0.1)
        now = asyncio.get_running_loop().time()
        served.connections.sweep(now)
        streams[1].write(b"x" * (size - 1))
        # The body comes in several parts, between which the application reads.
        (connection,) = served.connections.open
        await served.until(lambda: connection._received >= size - 1)
        served.connections.sweep(now + 100 + SLOW_SECONDS - 5)
        assert served.refusals.connections == {}
        streams[1].write(b"x")
        await answer(streams)


async def test_a_body_that_nobody_reads_is_not_late() -> None:
    """We hold it up ourselves, until the application answers."""
    async with serve() as served:
        size = LARGE
        streams = await served.connect(get("/wait", f"Content-Length: {size}"))
        streams[1].write(b"x" * size)
        await asyncio.sleep(0.2)
        served.later(1_000)
        assert served.refusals.connections == {}
        served.go_on.set()
        await answer(streams)


async def test_the_rest_of_a_body_behind_its_answer_has_an_end() -> None:
    async with serve() as served:
        streams = await served.connect(get("/", "Content-Length: 100") + b"x")
        await answer(streams)
        streams[1].write(b"x")
        await asyncio.sleep(0.1)
        served.later(SLOW_SECONDS + 1)
        assert await read(streams) == b"", "there was an answer already"


async def test_an_answer_that_is_not_read_has_an_end() -> None:
    async with serve() as served:
        await served.connect(get("/large"))
        await asyncio.sleep(0.2)
        served.later(SLOW_SECONDS - 1)
        assert served.refusals.connections == {}
        served.later(SLOW_SECONDS + 1)
        assert served.refusals.connections == {ConnectionEnd.ANSWER: 1}
        await served.until(lambda: not served.connections.open)


async def test_a_stream_that_waits_and_a_request_that_is_answered_are_not_late() -> None:
    async with serve() as served:
        stream, waiting = await served.connect(get("/stream")), await served.connect(get("/wait"))
        await asyncio.sleep(0.1)
        served.later(100_000)
        assert served.refusals.connections == {}
        served.go_on.set()
        assert (await answer(waiting)).endswith(b"ok")
        async with asyncio.timeout(WAIT_SECONDS):
            assert b"event" in await stream[0].readuntil(b"0\r\n\r\n")


# One write


def asked() -> Conversation:
    """Return the server's side of a connection that was asked for something."""
    conversation = Conversation(h11.SERVER)
    conversation.receive_data(get("/"))
    assert isinstance(conversation.next_event(), h11.Request)
    return conversation


def test_a_short_answer_is_one_write() -> None:
    conversation = asked()
    head = h11.Response(status_code=200, headers=[("Content-Length", "2")])
    assert conversation.send(head) == b""
    written = conversation.send(h11.Data(data=b"ok"))
    assert written is not None
    assert written.startswith(b"HTTP/1.1 200 ")
    assert written.endswith(b"\r\n\r\nok")
    assert conversation.send(h11.EndOfMessage()) == b""


def test_the_head_of_an_answer_without_a_body_is_written_too() -> None:
    conversation = asked()
    conversation.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    written = conversation.send(h11.EndOfMessage())
    assert written is not None
    assert written.startswith(b"HTTP/1.1 200 ")


def test_the_head_of_a_stream_is_written_at_once() -> None:
    conversation = asked()
    written = conversation.send(h11.Response(status_code=200, headers=[]))
    assert written is not None
    assert written.endswith(b"\r\n\r\n")


# Too many


async def test_silent_connections_make_place_for_new_ones() -> None:
    async with serve(limit=4) as served:
        used = await served.connect(get("/"))
        await answer(used)
        silent = [await served.connect() for _ in range(3)]
        new = await served.connect(get("/"))
        assert await answer(new)
        assert await read(silent[0]) == b"", "the oldest"
        assert served.refusals.connections == {ConnectionEnd.DISPLACED: 1}
        used[1].write(get("/"))
        assert await answer(used), "one that was used is not the first to go"
        assert len(served.connections.open) == 4


async def test_slow_clients_make_place_where_nobody_else_can() -> None:
    """Otherwise one that hardly reads its answers has all places, again and again."""
    async with serve(limit=3) as served:
        busy = await served.connect(get("/wait"))
        for _ in range(2):
            await served.connect(get("/large"))
        await asyncio.sleep(0.2)
        served.connections.sweep(asyncio.get_running_loop().time() - DISPLACED_SECONDS - 1)
        new = await served.connect(get("/"))
        assert await answer(new)
        assert served.refusals.connections == {ConnectionEnd.DISPLACED: 1}
        served.go_on.set()
        assert await answer(busy)


async def test_a_full_server_says_so() -> None:
    async with serve(limit=2) as served:
        busy = [await served.connect(get("/wait")) for _ in range(2)]
        await asyncio.sleep(0.1)
        text = await read(await served.connect(get("/")))
        error = error_of(text, 503)
        assert error["message"] == "all 2 connections are in use: try again"
        assert b"retry-after: 1" in text.lower()
        assert served.refusals.connections == {ConnectionEnd.FULL: 1}
        served.go_on.set()
        for streams in busy:
            await answer(streams)
        assert await answer(await served.connect(get("/")))


async def test_refused_connections_that_stay_are_few_and_short() -> None:
    async with serve(limit=1) as served:
        await served.connect(get("/wait"))
        await asyncio.sleep(0.1)
        silent = [await served.connect() for _ in range(REFUSED_MAX + 5)]
        for streams in silent[REFUSED_MAX:]:
            assert await read(streams) == b""
        served.later(2)
        for streams in silent:
            assert await read(streams) == b""
        assert served.refusals.connections == {ConnectionEnd.FULL: REFUSED_MAX + 5}


async def test_what_is_not_http_is_refused() -> None:
    async with serve() as served:
        error = error_of(await read(await served.connect(b"\x16\x03\x01\x00\r\n\r\n")), 400)
        assert error["code"] == "PARAMETER_INVALID"
        assert served.refusals.requests == {RequestRefusal.MALFORMED: 1}


@pytest.mark.parametrize(
    ("descriptors", "limit"), [(256, 128), (1_024, 800), (CONNECTIONS_MAX + 1_000, CONNECTIONS_MAX)]
)
def test_the_limit_is_below_that_of_descriptors(descriptors: int, limit: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    try:
        assert connection_limit() == limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
