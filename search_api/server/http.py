"""The server of uvicorn, with a look at all connections each second."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from search_api.server.connections import Connection, Connections
from search_api.server.refusals import ConnectionEnd

SHUTDOWN_SECONDS = 3
BACKLOG = 1_024
"""Connections that wait in the kernel until they are accepted."""
ACCEPTED_TOGETHER = 16
"""Connections that asyncio accepts before the first of them is counted."""
_TICKS_A_SECOND = 10
_TICKS_A_MINUTE = 60 * _TICKS_A_SECOND
_NOTHING_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class HttpServer(uvicorn.Server):
    """Serves an application until SIGTERM or SIGINT."""

    def __init__(
        self, app: ASGIApp, *, connections: Connections, on_stop: Callable[[], None]
    ) -> None:
        """Call ``on_stop`` when it is to stop: it then waits for every answer to end."""
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Connection, watched_by=connections),  # type: ignore[arg-type]
                interface="asgi3",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Proxies are believed as the settings say; see ``TrustedProxies``.
                proxy_headers=False,
                backlog=ACCEPTED_TOGETHER,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        # It warns of each malformed request, which ``Refusals`` counts instead.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._watched = connections
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().set_exception_handler(self._handle_failure)
        await super().startup(sockets)
        # asyncio has one number for both, and took ``ACCEPTED_TOGETHER``.
        for each in sockets or ():
            each.listen(BACKLOG)

    async def on_tick(self, counter: int) -> bool:
        """Look after connections; called ten times a second."""
        if counter % _TICKS_A_SECOND == 0:
            self._watched.sweep(asyncio.get_running_loop().time())
        if counter % _TICKS_A_MINUTE == 0:
            self._watched.refusals.tell()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop."""
        self._on_stop()
        super().handle_exit(sig, frame)

    def _handle_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Count failed accepts. asyncio logs a traceback for each, thousands a second."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and error.errno in _NOTHING_LEFT:
            self._watched.refusals.connection(ConnectionEnd.NOT_ACCEPTED, caller="")
        else:
            loop.default_exception_handler(context)
