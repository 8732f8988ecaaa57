"""A real server that stands on a registry's port and says things that are not true of it."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True, slots=True)
class Lie:
    """The one answer to every request."""

    status: int
    content_type: str
    body: bytes


UNAUTHORIZED = Lie(
    401,
    "application/json",
    b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}',
)
BROKEN = Lie(500, "text/plain", b"internal server error")
SIGN_IN_PAGE = Lie(200, "text/html", b"<!doctype html><title>Sign in</title><p>Please sign in.")
NOTHING_HERE = Lie(404, "text/html", b"<html><title>404 Not Found</title><h1>Not Found</h1></html>")
EMPTY_OBJECT = Lie(200, "application/json", b"{}")


class LyingServer:
    """Answers every request on a port of 127.0.0.1 with the same lie while it is entered."""

    def __init__(self, port: int, lie: Lie) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(lie))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(lie: Lie) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def _answer(self) -> None:
            self.send_response(lie.status)
            self.send_header("Content-Type", lie.content_type)
            self.send_header("Content-Length", str(len(lie.body)))
            # A kept connection would go on lying after the real registry is back.
            self.send_header("Connection", "close")
            if lie.status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="elsewhere"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(lie.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, _format: str, *_arguments: object) -> None:
            """Stay silent: the service under test says what it met."""

    return Handler
