"""A request on its way to a host, and the answer that comes: what a transport sends and gives."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import httpx2

Header = tuple[bytes, bytes]

PLAIN_MAX = 4_096
"""Characters of a path that is surely not too long for an address."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"(?:/\w[\w.:~-]*)+/?(?:\?[\w.=&~-]*)?", re.ASCII)
"""Paths that every way of writing them leaves as they are."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes: ``target`` is the path with the query, as it is sent.

    ``netloc`` is host and port, as the header ``Host`` has them. Names are in ASCII.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    target: str

    @property
    def url(self) -> httpx2.URL:
        """The whole address."""
        return httpx2.URL(f"{self.scheme}://{self.netloc}{self.target}")

    @property
    def origin(self) -> str:
        """Scheme, host and port, in one spelling."""
        return f"{self.scheme}://{self.netloc}"

    def at(self, path: str) -> "Destination":
        """Return the place of a path with a query on the same host.

        ``httpx2.InvalidURL`` for what cannot be part of an address.
        """
        if len(path) > PLAIN_MAX or not _PLAIN.fullmatch(path):
            return destination_of(httpx2.URL(self.origin + path))
        return Destination(self.scheme, self.host, self.port, self.netloc, path)


def destination_of(url: httpx2.URL) -> Destination:
    """Return where an address leads."""
    return Destination(
        scheme=url.scheme,
        host=url.raw_host.decode(),
        port=url.port or _DEFAULT_PORTS.get(url.scheme, 0),
        netloc=url.netloc.decode(),
        target=url.raw_path.decode(),
    )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, with all of its headers. Seconds are the longest silences."""

    method: str
    place: Destination
    headers: list[Header]
    content: bytes = b""
    connect_seconds: float | None = None
    read_seconds: float | None = None
    write_seconds: float | None = None

    def as_httpx(self) -> httpx2.Request:
        """Return the same for a transport of httpx."""
        return httpx2.Request(
            self.method,
            self.place.url,
            headers=self.headers,
            content=self.content or None,
            extensions={
                "timeout": {
                    "connect": self.connect_seconds,
                    "read": self.read_seconds,
                    "write": self.write_seconds,
                    # Waiting for a free connection means waiting for our own requests.
                    "pool": None,
                }
            },
        )


class Incoming(Protocol):
    """An answer whose body is still to be read; an ``httpx2.Response`` is one, too."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> httpx2.Headers:
        """The headers."""

    def aiter_raw(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes."""

    async def aclose(self) -> None:
        """Let go of the connection."""
