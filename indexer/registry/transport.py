"""Connections to a registry and to the hosts that it leads to, each to an address that is allowed.

A name is looked up once for each connection. The address that is checked is the one that is
connected to, so that a name cannot change in between. TLS and ``Host`` keep the name.
"""

import asyncio
import socket
import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from itertools import zip_longest
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from indexer.registry.addresses import AddressRule

ADDRESSES_TRIED_MAX = 4

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port; ``OSError`` or ``UnicodeError`` if there are none."""


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as this machine knows them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to the addresses that ``rule`` allows.

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
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_CheckedBackend(rule, look_up),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; :class:`AddressRefusedError` if no address of its host is allowed."""
        proxy = _proxy_of(request.url, self._proxies)
        if proxy:
            default = 443 if request.url.scheme == "https" else 80
            self._rule.check_written(request.url.host, request.url.port or default)
            with _own_errors():
                return await self._through(proxy).handle_async_request(request)
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _own_errors():
            response = await self._pool.handle_async_request(
                httpcore2.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Stream(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
        for transport in self._proxied.values():
            await transport.aclose()

    def _through(self, proxy: str) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._proxied:
            self._proxied[proxy] = httpx2.AsyncHTTPTransport(
                proxy=proxy, limits=self._limits, verify=self._tls
            )
        return self._proxied[proxy]


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Looks a name up, and connects to the addresses of it that are allowed."""

    def __init__(self, rule: AddressRule, look_up: Lookup) -> None:
        self._rule = rule
        self._look_up = look_up
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the pool passes it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection to the first address that answers."""
        try:
            async with asyncio.timeout(timeout):
                found = await self._look_up(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"no address of {host} in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from error
        addresses = _by_turns(self._rule.choose(host, port, found))[:ADDRESSES_TRIED_MAX]
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(
                    address,
                    port,
                    timeout=timeout and timeout / len(addresses),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpx2.AsyncByteStream):
    """The body of a response, part by part."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _own_errors():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        await self._response.aclose()


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise the errors of the pool as those of the client, which have the same names.

    With TLS 1.3 a server refuses our certificate, or that there is none, in place of its answer.
    """
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error
    except ssl.SSLError as error:
        raise httpx2.ReadError(str(error)) from error


def _proxy_of(url: httpx2.URL, proxies: Mapping[str, str]) -> str | None:
    proxy = proxies.get(url.scheme) or proxies.get("all")
    # Some write `*.example.org`, which the standard library does not know.
    direct = {"no": proxies.get("no", "").replace("*.", ".")}
    if not proxy or proxy_bypass(url.netloc.decode(), direct):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Return addresses of both versions of the protocol by turns: one of them may lead nowhere."""
    first = ":" in addresses[0] if addresses else False
    ours = [address for address in addresses if (":" in address) == first]
    others = [address for address in addresses if (":" in address) != first]
    return [address for pair in zip_longest(ours, others) for address in pair if address]
