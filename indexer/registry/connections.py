"""Connections over aiohttp, which calls half as many functions for a request as httpx's own.

Only this module imports aiohttp: most processes make no connection, and importing it takes long.
"""

import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import lru_cache

import aiohttp
import aiohttp.abc
import httpx2
import yarl

from indexer.registry.messages import Incoming, Outgoing

LINE_MAX_BYTES = 32 * 1_024
"""The longest line of the head of an answer: an address that is signed may be long."""
HEADERS_MAX = 128
TIMES_ROUNDED_FROM_SECONDS = 3_600
_OURS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
"""Headers that aiohttp would add."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host to connect to; ``OSError`` if there are none."""


class ConnectionPool:
    """A pool of connections to the addresses that ``resolve`` returns, asked for each of them."""

    def __init__(self, resolve: Resolve, *, limits: httpx2.Limits, tls: ssl.SSLContext) -> None:
        self._resolve = resolve
        self._limits = limits
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, outgoing: Outgoing, host: str, *, let_go: Callable[[], None]) -> Incoming:
        """Send a request to ``host``, a name or an address as it is usually written.

        ``let_go`` is called once what came is closed; not after an error. Errors are those of
        httpx.
        """
        try:
            answer = await self._ask(outgoing, host)
        except _FAILURES as error:
            # Such as a URL that cannot be asked for; the others are ours already.
            raise _own(error) from error
        return _Received(answer, let_go)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, outgoing: Outgoing, host: str) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._open()
        place, name = outgoing.place, f"[{host}]" if ":" in host else host
        return await self._session.request(
            outgoing.method,
            # Exactly as it was written.
            yarl.URL(f"{place.scheme}://{name}:{place.port}{place.target}", encoded=True),
            headers=[(name.decode(), value.decode()) for name, value in outgoing.headers],
            data=outgoing.content or None,
            allow_redirects=False,
            timeout=_timeout(outgoing.connect_seconds, outgoing.read_seconds),
        )

    def _open(self) -> aiohttp.ClientSession:
        is_kept = self._limits.max_keepalive_connections != 0
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._resolve),
            # A name is looked up, and its addresses are checked, for each connection.
            use_dns_cache=False,
            ssl=self._tls,
            limit=self._limits.max_connections or 0,
            force_close=not is_kept,
            keepalive_timeout=self._limits.keepalive_expiry if is_kept else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            skip_auto_headers=_OURS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            middlewares=[_ask_once],
            max_line_size=LINE_MAX_BYTES,
            max_field_size=LINE_MAX_BYTES,
            max_headers=HEADERS_MAX,
        )


async def _ask_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise the errors of one request as ours.

    Here, because aiohttp sends a request again after errors of its own, which nobody would count.
    """
    try:
        return await handler(request)
    except _FAILURES as error:
        raise _own(error) from _cause(error)


class _Resolver(aiohttp.abc.AbstractResolver):
    """Gives aiohttp the addresses of a host."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return the addresses in the order in which to try them."""
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._resolve(host, port)
        ]

    async def close(self) -> None:
        """Do nothing: nothing is kept open."""


class _Received:
    """An answer of which the body is still to be read; ``let_go`` is called at its end."""

    def __init__(self, answer: aiohttp.ClientResponse, let_go: Callable[[], None]) -> None:
        self._answer = answer
        self._let_go = let_go
        self._is_open = True
        self.status_code = answer.status
        self.headers = httpx2.Headers(list(answer.raw_headers))

    async def aiter_raw(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes."""
        try:
            async for part in self._answer.content.iter_any():
                yield part
        except _FAILURES as error:
            raise _own(error) from _cause(error)

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        if self._is_open:
            self._is_open = False
            self._answer.release()
            self._let_go()


@lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None,
        connect=connect,
        sock_read=read,
        # Beyond this many seconds, times would be rounded up to whole ones.
        ceil_threshold=TIMES_ROUNDED_FROM_SECONDS,
    )


_FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""What aiohttp raises; ``ValueError`` for such as a line break in a header that is to be sent."""


def _own(error: Exception) -> httpx2.TransportError:
    """Return an error of the connections as one of the client."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx2.ConnectTimeout(str(error))
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout(str(error))
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorError):
        return httpx2.ConnectError(str(_cause(error)))
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return httpx2.RemoteProtocolError("server disconnected without an answer")
    if isinstance(error, aiohttp.InvalidURL):
        return httpx2.UnsupportedProtocol(str(error))
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return httpx2.RemoteProtocolError(str(error))
    if isinstance(error, ValueError):
        return httpx2.LocalProtocolError(str(error))
    # Also with TLS 1.3, where a server refuses our certificate in place of its answer.
    return httpx2.ReadError(str(error))


def _cause(error: Exception) -> Exception:
    """Return what an error says that it comes from."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    return error
