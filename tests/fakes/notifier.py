"""Sends a registry's notifications as distribution does: one event each, in order, until taken."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from indexer.clock import Clock
from tests.fakes import events

IGNORE_ACTIONS = frozenset({"pull"})
IGNORE_MEDIA_TYPES = frozenset({"application/octet-stream"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The target of notifications; times in seconds.

    After each of ``threshold`` failures in a row, a retry follows at once. Then there is one
    attempt every ``backoff`` seconds, for ever. ``transport`` delivers in process.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ignore_actions: frozenset[str] = frozenset()
    ignore_media_types: frozenset[str] = frozenset()
    timeout: float = 1.0
    threshold: int = 5
    backoff: float = 2.0
    transport: httpx2.AsyncBaseTransport | None = None

    def wants(self, action: str, media_type: str) -> bool:
        """Tell whether an event is for this endpoint."""
        return action not in self.ignore_actions and media_type not in self.ignore_media_types


class Notifier:
    """The queues of all endpoints; each is independent of the others and lives in memory only."""

    def __init__(self, endpoints: Iterable[Endpoint], *, clock: Clock, v3: bool) -> None:
        self._clock = clock
        self._v3 = v3
        self._queues = [_Queue(endpoint, clock=clock, v3=v3) for endpoint in endpoints]
        # Changes at each start of a registry, which is how receivers notice a restart.
        self.instance_id = events.new_id()

    @property
    def pending(self) -> int:
        """Return how many notifications wait for an endpoint to take them."""
        return sum(len(queue.waiting) for queue in self._queues)

    def post(self, action: str, target: events.Target, cause: events.Cause) -> None:
        """Queue an event for every endpoint that wants it; from any thread."""
        wanting = [
            queue for queue in self._queues if queue.endpoint.wants(action, target.media_type)
        ]
        if not wanting:
            return
        event = events.event(
            action,
            target,
            cause,
            at=self._clock.now(),
            instance_id=self.instance_id,
            v3=self._v3,
        )
        body = events.envelope([event])
        for queue in wanting:
            queue.add(body)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver in background tasks while this is open; the rest is lost on exit."""
        tasks = [queue.start() for queue in self._queues]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        # Not a task group: that would wrap the errors of the block in an exception group.
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def settled(self) -> None:
        """Return once every endpoint took everything; call it in the loop that delivers."""
        for queue in self._queues:
            await queue.settled()


class _Queue:
    """The notifications for one endpoint, delivered strictly one after the other."""

    def __init__(self, endpoint: Endpoint, *, clock: Clock, v3: bool) -> None:
        self.endpoint = endpoint
        self.waiting: deque[bytes] = deque()
        self._clock = clock
        self._headers = dict(endpoint.headers) | {
            "Content-Type": events.content_type(v3=v3),
            "User-Agent": "Go-http-client/1.1",
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._added = asyncio.Event()
        self._taken = asyncio.Event()

    def add(self, body: bytes) -> None:
        """Append a notification, from any thread."""
        self.waiting.append(body)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._added.set)

    def start(self) -> asyncio.Task[None]:
        """Start the task that delivers, in the running loop."""
        self._loop = asyncio.get_running_loop()
        task = self._loop.create_task(self._deliver())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._loop = None

    async def _deliver(self) -> None:
        """Send waiting notifications, for ever; an accepted one leaves the queue."""
        async with self._client() as client:
            while True:
                self._added.clear()
                while self.waiting:
                    await self._send(client, self.waiting[0])
                    self.waiting.popleft()
                    self._taken.set()
                await self._added.wait()

    async def settled(self) -> None:
        """Return once nothing waits."""
        while self.waiting:
            if self._loop is None:
                raise RuntimeError("nothing delivers: open FakeRegistry.notifying() first")
            self._taken.clear()
            await self._taken.wait()

    def _client(self) -> httpx2.AsyncClient:
        # Distribution follows redirects, and loses the body where the method becomes GET.
        return httpx2.AsyncClient(
            transport=self.endpoint.transport,
            timeout=self.endpoint.timeout,
            follow_redirects=True,
            trust_env=False,
        )

    async def _send(self, client: httpx2.AsyncClient, body: bytes) -> None:
        failures = 0
        while not await self._accepted(client, body):
            failures += 1
            if failures >= self.endpoint.threshold:
                await self._clock.sleep(self.endpoint.backoff)

    async def _accepted(self, client: httpx2.AsyncClient, body: bytes) -> bool:
        try:
            answer = await client.post(self.endpoint.url, content=body, headers=self._headers)
        except httpx2.TransportError:
            # Refused, closed or too slow: the same body goes again, so receivers see duplicates.
            return False
        return answer.status_code < 400
