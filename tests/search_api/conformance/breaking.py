"""A server that breaks the specification on purpose: the real one, changed in one way."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Pairs = list[tuple[str, str]]
Body = dict[str, Any]


def _as_they_are(pairs: Pairs) -> Pairs:
    return pairs


def _as_it_is(body: Body) -> Body:
    return body


@dataclass(frozen=True, slots=True)
class Broken:
    """What is done to the parameters of requests and to the bodies of answers below ``path``."""

    path: str = "/api/v1/search"
    parameters: Callable[[Pairs], Pairs] = _as_they_are
    body: Callable[[Body], Body] = _as_it_is
    without_headers: tuple[str, ...] = ()
    """Of requests."""
    errors_as_html: bool = False


class BrokenServer:
    """An ASGI application that answers as another one does, broken."""

    def __init__(self, app: ASGIApp, broken: Broken) -> None:
        self._app = app
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._broken.path):
            await self._app(scope, receive, send)
            return
        pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        headers = [
            (name, value)
            for name, value in scope["headers"]
            # What is packed could not be changed on its way.
            if name.decode() not in {"accept-encoding", *self._broken.without_headers}
        ]
        query = urlencode(self._broken.parameters(pairs)).encode()
        changed = {**scope, "query_string": query, "headers": headers}
        await self._app(changed, receive, _Changing(self._broken, send))


class _Changing:
    """Holds an answer back until it is whole, and sends it changed."""

    def __init__(self, broken: Broken, send: Send) -> None:
        self._broken = broken
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body, kind = self._changed(), b"application/json"
        if self._broken.errors_as_html and self._start["status"] >= 400:
            body, kind = b"<html>Bad Request</html>", b"text/html"
        headers = [
            (name, value)
            for name, value in self._start["headers"]
            if name not in {b"content-length", b"content-type"}
        ]
        headers += [(b"content-length", b"%d" % len(body)), (b"content-type", kind)]
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _changed(self) -> bytes:
        if not self._body or self._start["status"] == 304:
            return self._body
        return json.dumps(self._broken.body(json.loads(self._body))).encode()
