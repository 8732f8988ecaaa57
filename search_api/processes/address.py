"""The address at which the web process listens: it is taken before anything else is begun."""

import errno
import os
import socket
import time
from pathlib import Path

import structlog

from indexer.errors import SettingsError
from indexer.settings import Settings

log = structlog.get_logger()

WEB_PID_FILE = "web.pid"
LEAVE_SECONDS = 10.0
"""How long the web process of a supervisor that was killed may take to give up the address."""
_LOOK_SECONDS = 0.1
_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised


def is_every_address(host: str) -> bool:
    """Tell whether a host to listen at stands for all addresses of this machine."""
    return host in _EVERY_ADDRESS


def host_and_port(host: str, port: int) -> str:
    """Return a host and a port as they are written in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_address(settings: Settings) -> str:
    """Return the host and port at which programs on this machine reach the web process."""
    host, port = settings.address()
    return host_and_port(_EVERY_ADDRESS.get(host, host), port)


def listen(settings: Settings, *, backlog: int) -> socket.socket:
    """Return a listening socket; :class:`SettingsError` where the address cannot be had."""
    try:
        return _listen(settings, backlog)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"listen {settings.listen!r}: {_explain(error)}") from error


def check_address(settings: Settings) -> None:
    """Raise :class:`SettingsError` where the web process could not have its address.

    One of this data directory may still be ending, because its supervisor was killed.
    """
    until = time.monotonic() + LEAVE_SECONDS
    is_told = False
    while True:
        try:
            _listen(settings, 1).close()
        except (OSError, OverflowError) as error:
            former = _former_web(settings.data_dir)
            is_in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not is_in_use or not former or time.monotonic() > until:
                raise SettingsError(f"listen {settings.listen!r}: {_explain(error)}") from error
            if not is_told:
                log.info("address_waited_for", address=settings.listen, pid=former)
                is_told = True
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _listen(settings: Settings, backlog: int) -> socket.socket:
    host, port = settings.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay, 40 ms an answer, only for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(backlog)
    except BaseException:
        listening.close()
        raise
    return listening


def _explain(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"{error}: stop the program that has it, or set another port"
    if number == errno.EACCES:
        return f"{error}: set a port above 1023"
    if number == errno.EADDRNOTAVAIL:
        return f"{error}: this machine has no such address; 0.0.0.0 stands for all that it has"
    return str(error)


def _former_web(directory: Path) -> int:
    """Return the id of the web process that a data directory names and that is alive, else 0."""
    try:
        pid = int((directory / WEB_PID_FILE).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):
        return 0
    return pid
