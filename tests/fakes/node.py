"""Servers in the place of an indexer node: they hang, break off, or are something else."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from starlette.types import Receive, Scope, Send

NAME = "b"
_MARK = (b"regsearch-node", NAME.encode())
_JSON = (b"content-type", b"application/json")
_HTML = (b"content-type", b"text/html")
_STREAM = (b"content-type", b"text/event-stream")


class FakeNode:
    """Answers each request as ``behaviour`` says, and keeps the headers of the last one."""

    def __init__(self, behaviour: str = "") -> None:
        self.behaviour = behaviour
        self.headers: dict[str, str] = {}
        self.target = ""
        self.gone = 0
        """How many clients went away before their answer ended."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.target = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"

        async def answer(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
            await begin(status, *headers)
            await send({"type": "http.response.body", "body": body})

        async def begin(status: int, *headers: tuple[bytes, bytes]) -> None:
            start = {"type": "http.response.start", "status": status, "headers": [*headers]}
            await send(start)

        async def part(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def wait() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone += 1

        match self.behaviour:
            case "hangs":
                await wait()
            case "is another service":
                await answer(404, b"<h1>no such page</h1>", _HTML)
            case "is another node":
                await answer(200, b"{}", _JSON, (b"regsearch-node", b"z"))
            case "has another secret":
                await answer(401, b"{}", _JSON)
            case "fails":
                await answer(503, b'{"errors": []}', _JSON, _MARK)
            case "lists nonsense":
                await answer(200, b'{"registries": [1]}', _JSON, _MARK)
            case "lists what is not its own":
                listed = [{"registry": name} for name in ("inner7", "outer8", "other")]
                await answer(200, json.dumps({"registries": listed}).encode(), _JSON, _MARK)
            case "lists without end":
                await begin(200, _JSON, _MARK)
                gone = asyncio.ensure_future(wait())
                while not gone.done():
                    await part(b" " * 100_000)
                    await asyncio.sleep(0)
            case "breaks off":
                await begin(200, _JSON, _MARK)
                await part(b'{"half": ')
            case "breaks off before its length":
                await begin(200, _JSON, _MARK, (b"content-length", b"100"))
                await part(b'{"half": ')
            case "stops":
                await begin(200, _JSON, _MARK)
                await part(b'{"half": ')
                await wait()
            case "streams":
                await begin(200, _STREAM, _MARK)
                gone = asyncio.ensure_future(wait())
                for number in count():
                    if gone.done():
                        break
                    await part(f"data: {number}\n\n".encode())
                    await asyncio.sleep(0.01)
            case "sends a cookie":
                await answer(200, b"{}", _JSON, _MARK, (b"set-cookie", b"session=of-a-node"))
            case "leads elsewhere":
                await answer(302, b"", _MARK, (b"location", b"http://elsewhere.example/"))
            case _:
                await answer(200, b'{"from": "a fake"}', _JSON, _MARK)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@contextmanager
def closing_first(times: int) -> Iterator[str]:
    """Serve an address that closes so many connections at their request; then it answers."""
    body = b'{"from": "a fake"}'
    head = f"HTTP/1.1 200 OK\r\nregsearch-node: {NAME}\r\ncontent-length: {len(body)}\r\n\r\n"

    def serve(listener: socket.socket) -> None:
        for number in range(times + 1):
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # Shut down: nobody asked that often.
            with connection:
                connection.recv(65_536)
                if number == times:
                    connection.sendall(head.encode() + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Ends the waiting thread before another test is given the number of this socket.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
