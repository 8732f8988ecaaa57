"""Connections to a registry and to the hosts that it leads to, each to an address that is allowed.

A name is looked up once for each connection. The address that is checked is the one that is
connected to, so that a name cannot change in between. TLS and ``Host`` keep the name.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import zip_longest
from urllib.request import getproxies, proxy_bypass

import httpx2

from indexer.registry.addresses import AddressRule
from indexer.registry.messages import Destination, Incoming, Outgoing, destination_of

ADDRESSES_TRIED_MAX = 4
HOSTS_REMEMBERED = 64

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port; ``OSError`` or ``UnicodeError`` if there are none."""


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as this machine knows them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Sends requests over aiohttp's connections, to the addresses that ``rule`` allows.

    A proxy that the environment names (``HTTPS_PROXY`` and others, but for the hosts of
    ``NO_PROXY``) looks names up by itself, so only addresses that are written out are checked. The
    environment is read once, because that takes a tenth of what a request costs. ``tls`` is what
    connections trust and show; None: what the system trusts.
    """

    def __init__(
        self,
        rule: AddressRule,
        *,
        limits: httpx2.Limits,
        tls: ssl.SSLContext | None = None,
        look_up: Lookup = look_up,
    ) -> None:
        self._rule = rule
        self._limits = limits
        self._tls = tls or httpx2.create_ssl_context()
        self._proxies = getproxies()
        self._proxied: dict[str, httpx2.AsyncHTTPTransport] = {}
        self._look_up = look_up
        self._checked = lru_cache(maxsize=HOSTS_REMEMBERED)(self._check)
        # Here, because most processes make no connection, and this takes long to import.
        from indexer.registry.connections import ConnectionPool  # noqa: PLC0415

        self._connections = ConnectionPool(self._resolve, limits=limits, tls=self._tls)
        # Waiting for a free connection is no part of the time to connect, so it is done here.
        self._free = asyncio.Semaphore(limits.max_connections) if limits.max_connections else None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; :class:`AddressRefusedError` if no address of its host is allowed."""
        timeouts = request.extensions.get("timeout", {})
        incoming = await self.send(
            Outgoing(
                method=request.method,
                place=destination_of(request.url),
                headers=request.headers.raw,
                content=await request.aread(),
                connect_seconds=timeouts.get("connect"),
                read_seconds=timeouts.get("read"),
                write_seconds=timeouts.get("write"),
            )
        )
        if isinstance(incoming, httpx2.Response):
            return incoming
        return httpx2.Response(
            incoming.status_code, headers=incoming.headers, stream=_Stream(incoming)
        )

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Do the same without the requests of httpx, making which takes as long as sending."""
        place = outgoing.place
        if self._proxies and (proxy := _proxy_of(place, self._proxies)):
            self._rule.check_written(place.host, place.port)
            try:
                return await self._through(proxy).handle_async_request(outgoing.as_httpx())
            except ssl.SSLError as error:
                # Where a server refuses our certificate in place of its answer.
                raise httpx2.ReadError(str(error)) from error
        host = self._checked(place.host, place.port)
        if self._free is not None:
            await self._free.acquire()
        try:
            return await self._connections.send(outgoing, host, let_go=self._let_go)
        except BaseException:
            self._let_go()
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()
        for transport in self._proxied.values():
            await transport.aclose()

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses that are allowed, of both versions of the protocol by turns."""
        try:
            found = await self._look_up(host, port)
        except UnicodeError as error:
            raise OSError(str(error)) from error
        addresses = _by_turns(self._rule.choose(host, port, found))[:ADDRESSES_TRIED_MAX]
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses

    def _check(self, host: str, port: int) -> str:
        """Return a host as it is connected to; of an address the usual form, if it is allowed.

        The connections look up names alone.
        """
        number = _written_number(host)
        if number is not None and not self._rule.choose(host, port, [number]):
            raise httpx2.ConnectError(f"{host} has no address")
        return number or host

    def _let_go(self) -> None:
        if self._free is not None:
            self._free.release()

    def _through(self, proxy: str) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._proxied:
            self._proxied[proxy] = httpx2.AsyncHTTPTransport(
                proxy=proxy, limits=self._limits, verify=self._tls
            )
        return self._proxied[proxy]


class _Stream(httpx2.AsyncByteStream):
    """The body of an answer, for a response of httpx."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._incoming.aiter_raw()

    async def aclose(self) -> None:
        await self._incoming.aclose()


def _written_number(host: str) -> str | None:
    """Return the address that a host is, in any form such as ``0x7f.1``; None for a name."""
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        return str(found[0][4][0])
    return None


def _proxy_of(place: Destination, proxies: Mapping[str, str]) -> str | None:
    proxy = proxies.get(place.scheme) or proxies.get("all")
    # Some write `*.example.org`, which the standard library does not know.
    direct = {"no": proxies.get("no", "").replace("*.", ".")}
    if not proxy or proxy_bypass(place.netloc, direct):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Return addresses of both versions of the protocol by turns: one of them may lead nowhere."""
    first = ":" in addresses[0] if addresses else False
    ours = [address for address in addresses if (":" in address) == first]
    others = [address for address in addresses if (":" in address) != first]
    return [address for pair in zip_longest(ours, others) for address in pair if address]
