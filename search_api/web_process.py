"""The web process: listens, and serves the web application until it is told to stop."""

import gc
import os
import socket
from types import FrameType

import structlog
import uvicorn

from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.wiring import make_web

log = structlog.get_logger()

WEB_PID_FILE = "web.pid"
SHUTDOWN_SECONDS = 3
BACKLOG = 1_024


def serve_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; :class:`SettingsError` where the address cannot be had."""
    listening = _listen(settings)
    _write_pid(settings)
    server = _Server(
        uvicorn.Config(
            make_web(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    # What is there now stays: looking through it again for garbage would hold up answers.
    gc.collect()
    gc.freeze()
    log.info("web_listens", address=settings.listen)
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends open streams when it is to stop, for then it waits for every answer to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.streams.is_stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _listen(settings: Settings) -> socket.socket:
    """Return a listening socket; :class:`SettingsError` where the address cannot be had."""
    host, port = settings.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay, 40 ms an answer, only for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise SettingsError(f"listen {settings.listen!r}: {error}") from error
    return listening


def _write_pid(settings: Settings) -> None:
    path = settings.data_dir / WEB_PID_FILE
    try:
        path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        # A disk that is full or read-only is no reason not to answer searches.
        log.warning("pid_not_written", path=str(path), reason=error.strerror)
