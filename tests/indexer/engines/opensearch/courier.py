"""A small HTTP server between a client and a cluster, which treats bulk requests badly."""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Enum, auto

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.answers import DroppedConnection
from tests.fakes.serving import serving

_SECONDS = 60.0
_CONFLICT = 409


class Fate(Enum):
    """What becomes of a bulk request."""

    DONE = auto()
    TWICE = auto()
    """It reaches the cluster two times."""
    UNHEARD = auto()
    """It is done, and the connection breaks before the answer."""
    PARTLY = auto()
    """The same, with its first change alone."""
    LATE = auto()
    """It stays under way, and the client is told that the cluster is away."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk request as it came."""

    path: str
    """With the parameters."""
    body: bytes


class Courier:
    """Carries requests to a cluster, and keeps all bulk requests to carry them again.

    ``fates`` are those of the next bulk requests; they are done when there are no more of them.
    """

    def __init__(self, cluster: str) -> None:
        self.bulks: list[Bulk] = []
        self.fates = deque[Fate]()
        self._cluster = cluster
        self._again = httpx2.Client(base_url=cluster, timeout=_SECONDS)
        self._client: httpx2.AsyncClient
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        route = Route("/{path:path}", self._carry, methods=methods)
        self.app = Starlette(routes=[route], lifespan=self._connected)

    def close(self) -> None:
        """Close the connections of this thread."""
        self._again.close()

    def deliver(self, bulks: Sequence[Bulk]) -> None:
        """Carry bulk requests to the cluster, once more or at last."""
        for bulk in bulks:
            answer = self._again.post(bulk.path, content=bulk.body, headers=_JSON)
            items = answer.raise_for_status().json()["items"]
            states = {state["status"] for item in items for state in item.values()}
            # Removing what is not there is 404.
            assert states <= {200, 201, 404, _CONFLICT}

    @asynccontextmanager
    async def _connected(self, _: Starlette) -> AsyncIterator[None]:
        async with httpx2.AsyncClient(base_url=self._cluster, timeout=_SECONDS) as self._client:
            yield

    async def _carry(self, request: Request) -> Response:
        path, body = str(request.url).removeprefix(str(request.base_url)), await request.body()
        if not request.url.path.endswith("/_bulk"):
            return await self._send(request.method, path, body)
        self.bulks.append(Bulk(f"/{path}", body))
        fate = self.fates.popleft() if self.fates else Fate.DONE
        match fate:
            case Fate.LATE:
                return Response(b'{"error": "held back"}', 503, media_type="application/json")
            case Fate.PARTLY:
                await self._send("POST", path, _first_change(body))
                return DroppedConnection()
            case Fate.TWICE:
                await self._send("POST", path, body)
        answer = await self._send("POST", path, body)
        return DroppedConnection() if fate is Fate.UNHEARD else answer

    async def _send(self, method: str, path: str, body: bytes) -> Response:
        answer = await self._client.request(method, f"/{path}", content=body, headers=_JSON)
        kind = answer.headers.get("content-type")
        return Response(answer.content, answer.status_code, media_type=kind)


_JSON = {"content-type": "application/json"}


def _first_change(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join(lines[: 1 if "delete" in orjson.loads(lines[0]) else 2])


@contextmanager
def courier_before(cluster: str) -> Iterator[tuple[Courier, str]]:
    """Give a courier before the cluster at this address, and its own address."""
    courier = Courier(cluster)
    with serving(courier.app) as url:
        try:
            yield courier, url
        finally:
            courier.close()
