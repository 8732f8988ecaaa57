"""Requests as bytes over plain sockets, for clients that no library would be."""

import asyncio
import socket
import time
from dataclasses import dataclass

from tests.end_to_end.service import WEBHOOK_SECRET, Service


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The status of an answer, 0 if there was none; its head in lower case; what was read of it."""

    status: int
    head: str
    body: bytes


def connect(service: Service, *, source: str = "127.0.0.1", seconds: float = 20) -> socket.socket:
    """Return a connection to the service from an address of this machine."""
    made = socket.create_connection(("127.0.0.1", service.port), seconds, (source, 0))
    made.settimeout(seconds)
    return made


def head(path: str, *lines: str, method: str = "GET") -> bytes:
    """Return the head of a request with these header lines."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def notification_head(size: int) -> bytes:
    """Return the head of a notification with the right secret."""
    credential = f"Authorization: Bearer {WEBHOOK_SECRET}"
    return head("/webhooks/default", credential, f"Content-Length: {size}", method="POST")


def read_to_the_end(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes; TimeoutError if it does not."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the server closed a connection; what it sent before is read and dropped."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


async def ask(
    port: int, request: bytes, *, source: str = "127.0.0.1", seconds: float = 20
) -> tuple[RawAnswer, asyncio.StreamWriter]:
    """Send a request; return the beginning of its answer, and the connection, still open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(request)
    try:
        async with asyncio.timeout(seconds):
            text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = b"" if " 200 " in text.partition("\r\n")[0] else await reader.read(65_536)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return RawAnswer(0, "", b""), writer
    return RawAnswer(int(text.split()[1]), text, body), writer


def timed_get(service: Service, path: str, *, seconds: float = 20) -> tuple[int, float]:
    """Ask over a connection of its own; return the status, 0 for none, and the seconds it took."""
    started = time.monotonic()
    try:
        with connect(service, seconds=seconds) as own:
            own.sendall(head(path, "Connection: close"))
            answer = read_to_the_end(own)
    except OSError:
        return 0, time.monotonic() - started
    status = int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0
    return status, time.monotonic() - started
