"""One indexer node: sends it requests over connections that are kept, and reads its answers.

Its own answers carry its name, because all else may answer at its address: a proxy whose 404 says
nothing of what is in the store, or a service that does not know the secret.
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import httpx2
import structlog
from starlette.responses import Response

from indexer.errors import InvalidValueError, NodeAwayError
from indexer.settings import NodeSettings
from search_api.access import NODE_HEADER

log = structlog.get_logger()

CONNECTIONS_MAX = 256
"""Requests to one node at the same time; others wait for one to end."""
IDLE_SECONDS = 4.0
"""How long a connection is kept. A node itself closes one that is idle for 5 seconds."""
TRIES = 2
"""A node that starts again closes connections, and only a request shows that."""
NO_ANSWER = "none"
"""Counted in the place of a class of status, such as ``2xx``."""
_OWN_HEADERS = frozenset(
    {
        # Those of a connection.
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-authenticate", b"proxy-connection"),
        # Those that this service adds to each answer by itself, or that are its own to set.
        *(b"date", b"server", b"set-cookie", b"x-content-type-options", b"x-request-id"),
        NODE_HEADER.lower().encode(),
    }
)
"""Headers of an answer that are not passed on."""
LOGGED_SECONDS = 60.0
"""The interval at which the log says why a node cannot be reached."""


class Node:
    """An indexer node. :class:`NodeAwayError` says that it did not answer."""

    def __init__(
        self, settings: NodeSettings, *, tls: ssl.SSLContext, counts: Counter[tuple[str, str]]
    ) -> None:
        """Take what connections trust, and where answers are counted: by node and status."""
        self.name = settings.name
        self.registries = settings.registries
        self._url = settings.url
        self._counts = counts
        self._logged_at = -LOGGED_SECONDS
        # Without a client of httpx: that would keep cookies, and add headers of its own.
        self._transport = httpx2.AsyncHTTPTransport(
            verify=tls,
            limits=httpx2.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX,
                keepalive_expiry=IDLE_SECONDS,
            ),
        )

    async def ask(
        self, method: str, target: str, headers: Mapping[bytes, bytes], *, seconds: float
    ) -> "NodeAnswer":
        """Return the answer as soon as its head is there; it must be closed.

        ``target`` is a path with its query, below that of the node. :class:`InvalidValueError` if
        it is too long.
        """
        try:
            request = httpx2.Request(method, self._url + target, headers=headers)
        except httpx2.InvalidURL as error:
            raise InvalidValueError("the address is too long to be passed on") from error
        status = NO_ANSWER
        try:
            async with asyncio.timeout(seconds):
                response = await self._send(request)
            try:
                self._check(response)
            except NodeAwayError:
                await response.aclose()
                raise
            status = f"{response.status_code // 100}xx"
            return NodeAnswer(self, response)
        except TimeoutError as error:
            raise self.away(f"no answer within {seconds:.1f} s") from error
        except (httpx2.TransportError, ssl.SSLError) as error:
            # Addresses in the reason are for operators.
            self._log(error)
            raise self.away("it cannot be reached") from error
        finally:
            self._counts[self.name, status] += 1

    def away(self, reason: str) -> NodeAwayError:
        """Return what to raise where the node did not answer."""
        return NodeAwayError(f"indexer node {self.name!r}: {reason}")

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        for left in reversed(range(TRIES)):
            try:
                return await self._transport.handle_async_request(request)
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
                if not left:
                    raise
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def _log(self, error: Exception) -> None:
        if (now := time.monotonic()) - self._logged_at >= LOGGED_SECONDS:
            self._logged_at = now
            log.warning("node_unreachable", node=self.name, url=self._url, reason=repr(error))

    def _check(self, response: httpx2.Response) -> None:
        named = response.headers.get(NODE_HEADER, "")
        if named == self.name:
            return
        if named:
            raise self.away(f"node {named[:100]!r} answers at its url")
        if response.status_code == 401:
            raise self.away("it does not know the secret of this node (node_secret)")
        raise self.away(f"something else answers at its url, with {response.status_code}")


class NodeAnswer:
    """The answer of a node, whose body is still to be read."""

    def __init__(self, node: Node, response: httpx2.Response) -> None:
        self.node = node
        self.status = response.status_code
        self.headers = response.headers
        self._response = response

    async def parts(self, *, seconds: float) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes, compressed if it is.

        :class:`NodeAwayError` if it breaks off, or if a part takes longer than ``seconds``.
        """
        # Of what was read, no more than one part is held.
        async with aclosing(self._response.aiter_raw()) as parts:
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        part = await anext(parts, None)
                except TimeoutError as error:
                    raise self.node.away(f"its answer stopped for {seconds:.0f} s") from error
                except httpx2.TransportError as error:
                    raise self.node.away("its answer broke off") from error
                if part is None:
                    return
                yield part

    async def read(self, *, limit: int, seconds: float) -> "WholeAnswer":
        """Return it with its body of at most ``limit`` bytes; :class:`NodeAwayError` as above."""
        body = b""
        try:
            async with asyncio.timeout(seconds), aclosing(self.parts(seconds=seconds)) as parts:
                async for part in parts:
                    body += part
                    if len(body) > limit:
                        raise self.node.away(f"its answer has more than {limit} bytes")
        except TimeoutError as error:
            raise self.node.away(f"its answer did not end within {seconds:.0f} s") from error
        finally:
            await self.close()
        return WholeAnswer(self.node, self.status, list(self.passed_headers()), body)

    def passed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the headers that are passed on."""
        for name, value in self._response.headers.raw:
            lower = name.lower()
            if lower not in _OWN_HEADERS:
                yield lower, value

    async def close(self) -> None:
        """Let go of the connection; it is closed if the body was not read whole."""
        await self._response.aclose()


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer of a node that was read to its end."""

    node: Node
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def response(self) -> Response:
        """Return it as an answer of this service."""
        response = Response(self.body, self.status)
        response.raw_headers = self.headers
        return response
