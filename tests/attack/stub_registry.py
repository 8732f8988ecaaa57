"""A small registry that answers what a test wants it to answer, be it hostile."""

import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.builders import BuiltManifest
from tests.end_to_end.ports import free_port


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. A body of parts is sent part by part, without a length, until the client goes."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]


Answer = Reply | Callable[[Asked], Reply]


class StubRegistry:
    """Answers by path, query included; 404 for what nobody put there. Runs while it is entered.

    With a ``certificate``, a file that holds its key too, it has TLS.
    """

    def __init__(
        self, *, address: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
    ) -> None:
        self.port = port or free_port()
        self.address = address
        self.asked: list[Asked] = []
        self._answers: dict[str, Answer] = {
            "/v2/": as_json({}),
            "/v2/_catalog": as_json({"repositories": []}),
        }
        self._other: Answer = as_json({"errors": []}, status=404)
        self._tags: dict[str, list[str]] = {}
        self._demanded: tuple[str, Reply] | None = None
        self._scheme = "https" if certificate else "http"
        self._server = _Server((address, self.port), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is made by the thread of the connection, at its first reading.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"{self._scheme}://{self.address}:{self.port}"

    def answer(self, path: str, answer: Answer) -> None:
        """Answer this path from now on, for every method."""
        self._answers[path] = answer

    def answer_others(self, answer: Answer) -> None:
        """Answer every other path from now on, for every method; 404 before that."""
        self._other = answer

    def demand(self, authorization: str, challenge: str) -> None:
        """Answer from now on with this challenge who does not send this ``Authorization``."""
        headers = {"WWW-Authenticate": challenge, "Set-Cookie": "session=1"}
        self._demanded = authorization, Reply(401, headers=headers)

    def push(self, repository: str, tag: str, built: BuiltManifest) -> None:
        """Hold an image under a tag, and list both, as an honest registry would."""
        tags = self._tags.setdefault(repository, [])
        if tag not in tags:
            tags.append(tag)
        self.answer("/v2/_catalog", as_json({"repositories": sorted(self._tags)}))
        listed = {"name": repository, "tags": sorted(tags)}
        self.answer(f"/v2/{repository}/tags/list", as_json(listed))
        self._hold(repository, tag, built)

    def _hold(self, repository: str, tag: str, built: BuiltManifest) -> None:
        headers = {"Content-Type": built.media_type, "Docker-Content-Digest": built.digest}
        for reference in (tag, built.digest):
            manifest = Reply(body=built.body, headers=headers)
            self.answer(f"/v2/{repository}/manifests/{reference}", manifest)
        for blob in built.blobs:
            self.answer(f"/v2/{repository}/blobs/{blob.digest}", Reply(body=blob.body))
        for child in built.children:
            self._hold(repository, child.digest, child)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def _answer(self) -> None:
                asked = Asked(self.command, self.path, dict(self.headers.items()))
                stub.asked.append(asked)
                path = self.path if self.path in stub._answers else self.path.partition("?")[0]
                answer = stub._answers.get(path, stub._other)
                demanded, refused = stub._demanded or ("", None)
                if refused and asked.headers.get("Authorization") != demanded:
                    answer = refused
                reply = answer(asked) if callable(answer) else answer
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if isinstance(reply.body, bytes):
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(reply.body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                try:
                    for part in reply.body:
                        self.wfile.write(part)
                except OSError:
                    return  # The client has read enough.

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, _format: str, *_arguments: object) -> None:
                """Stay silent: ``asked`` tells what came."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Print what went wrong here; a client may go at any time."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def as_json(value: Any, *, status: int = 200, **headers: str) -> Reply:
    """Return an answer of JSON; ``Link="..."`` and others become headers."""
    sent = {"Content-Type": "application/json", **headers}
    return Reply(status, json.dumps(value).encode(), sent)
