"""The way of notifications from the registry to web: some get lost, some arrive twice.

What was answered 202 is written down here, for that is what the service has promised to keep.
"""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

LOST = 0.08
"""The share of events that never arrive, as when a registry is stopped before it sent them."""
REPEATED = 0.12
"""The share of events that are sent once more after they were answered."""
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class TagPlace:
    """A tag of a repository."""

    repository: str
    tag: str


@dataclass(frozen=True, slots=True)
class Move:
    """That an event told that a tag was pushed."""

    place: TagPlace
    digest: str
    at: datetime


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and the tags of whose last change nobody may have told.

    The tasks that deliver and the thread that changes the registry both write to it.
    """

    acknowledged: set[str] = field(default_factory=set)
    moves: set[Move] = field(default_factory=set)
    unheard: set[TagPlace] = field(default_factory=set)
    lost_on_the_way: int = 0
    repeated: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep_silent(self, place: TagPlace) -> None:
        """Write that a tag changed and that no event tells so; called after the change."""
        with self.lock:
            self.unheard.add(place)

    def start_crawl(self) -> None:
        """Write that everything is about to be read; called while no crawl runs.

        What nobody told of is known when that crawl is over.
        """
        with self.lock:
            self.unheard.clear()

    def lose(self, event: Mapping[str, Any]) -> None:
        """Write that an event never arrives."""
        with self.lock:
            self.lost_on_the_way += 1
            self.unheard |= _places(event)

    def acknowledge(self, event: Mapping[str, Any], *, attempts: int) -> None:
        """Write that an event was answered 202.

        One that needed several attempts may have been in the journal since the first, and read
        long ago: it says nothing of changes since.
        """
        with self.lock:
            self.acknowledged.add(event["id"])
            self.moves |= _moves(event)
            if attempts == 1:
                self.unheard -= _places(event)


class Delivery(httpx2.AsyncBaseTransport):
    """Sends notifications with one event each over ``network``, except a share that gets lost."""

    def __init__(
        self,
        ledger: Ledger,
        chance: random.Random,
        *,
        network: httpx2.AsyncBaseTransport,
        lost: float = LOST,
    ) -> None:
        self._ledger = ledger
        self._chance = chance
        self._network = network
        self._lost = lost
        self._attempts: dict[str, int] = {}
        self._held_back: bytes | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the web process does, or in its place if the event gets lost."""
        (event,) = json.loads(request.content)["events"]
        attempts = self._attempts[event["id"]] = self._attempts.get(event["id"], 0) + 1
        if attempts == 1 and self._chance.random() < self._lost:
            self._ledger.lose(event)
            return httpx2.Response(ACCEPTED, request=request)
        response = await self._network.handle_async_request(request)
        if response.status_code == ACCEPTED:
            self._ledger.acknowledge(event, attempts=attempts)
            await self._repeat(request)
        return response

    async def _repeat(self, request: httpx2.Request) -> None:
        """Send some notifications again, at once or behind the next one."""
        late, self._held_back = self._held_back, None
        if late is not None:
            await self._send_again(request, late)
        draw = self._chance.random()
        if draw < REPEATED / 2:
            await self._send_again(request, request.content)
        elif draw < REPEATED:
            self._held_back = request.content

    async def _send_again(self, request: httpx2.Request, body: bytes) -> None:
        headers = {
            name: value for name, value in request.headers.items() if name != "content-length"
        }
        again = httpx2.Request(request.method, request.url, headers=headers, content=body)
        try:
            response = await self._network.handle_async_request(again)
            await response.aread()
        except httpx2.TransportError:
            # Web was killed meanwhile. Nobody waits for the answer to a repetition.
            return
        self._ledger.repeated += 1

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()


def _places(event: Mapping[str, Any]) -> set[TagPlace]:
    target = event["target"]
    return {TagPlace(target["repository"], target["tag"])} if target.get("tag") else set()


def _moves(event: Mapping[str, Any]) -> set[Move]:
    target = event["target"]
    if event["action"] != "push" or not target.get("tag"):
        return set()
    # As the service keeps it: Go's nanoseconds are cut to microseconds.
    at = datetime.fromisoformat(event["timestamp"])
    return {Move(TagPlace(target["repository"], target["tag"]), target["digest"], at)}
