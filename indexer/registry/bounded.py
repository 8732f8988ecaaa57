"""Requests to a server that is no registry, such as the issuer of a sign-in, with limits."""

import asyncio

import httpx2

from indexer.clock import Clock
from indexer.registry.addresses import AddressRule
from indexer.registry.bodies import read_content
from indexer.registry.http import USER_AGENT
from indexer.registry.transport import CheckedTransport

_LIMITS = httpx2.Limits(max_connections=8, max_keepalive_connections=0)


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Reads each answer whole, up to a size and within a time, from addresses that are allowed.

    ``url`` is the address of the server. Other hosts that it names may be as far inside as itself.
    """

    def __init__(self, url: str, *, clock: Clock, limit: int, seconds: float) -> None:
        """Take the largest size of an answer in bytes, and its longest time in seconds."""
        self._inner = CheckedTransport(AddressRule(httpx2.URL(url)), limits=_LIMITS)
        self._clock = clock
        self._limit = limit
        self._seconds = seconds

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; :class:`RegistryError` where its answer breaks a limit."""
        request.headers["User-Agent"] = USER_AGENT
        request.headers["Accept-Encoding"] = "identity"
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(request)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(
                f"no end of the answer within {self._seconds:.0f} s"
            ) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _read(self, request: httpx2.Request) -> httpx2.Response:
        incoming = await self._inner.handle_async_request(request)
        try:
            body = await read_content(
                incoming,
                limit=self._limit,
                seconds=self._seconds,
                clock=self._clock,
                asked=request.url.path,
            )
        finally:
            await incoming.aclose()
        # The body is whole and plain now, so what was said of its form is not true any more.
        kept = [
            (name, value)
            for name, value in incoming.headers.raw
            if name.lower() not in {b"content-encoding", b"content-length", b"transfer-encoding"}
        ]
        return httpx2.Response(incoming.status_code, headers=kept, content=body)
