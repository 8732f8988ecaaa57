"""An answer that goes on for long ends when its client is not who it was any more."""

import asyncio
import ssl
from collections import Counter
from itertools import count
from typing import Any

import pytest

from indexer.errors import SignInError, StoreError
from indexer.settings import NodeSettings
from search_api.access import CALLER, Caller
from search_api.api import Streams
from search_api.nodes.answers import FOUND_SECONDS, PassedAnswer
from search_api.nodes.node import Node
from search_api.server import Refusals
from tests.fakes.node import FakeNode
from tests.fakes.serving import serving

pytestmark = pytest.mark.anyio

ALICE = Caller("token", "alice", address="192.0.2.1")
PARTS_MAX = 20


async def sent_while(
    found: Caller | None, *, streams: Streams | None = None
) -> list[dict[str, Any]]:
    """Return what is sent of a stream of alice, of whom is found out that she is ``found``."""
    sent: list[dict[str, Any]] = []
    streams = streams or Streams(Refusals())
    enough = asyncio.Event()
    # Each look at the time is more than the time after which the caller is looked for.
    seconds = count(0.0, FOUND_SECONDS + 1)

    async def find(_: Any) -> Caller:
        if found is None:
            raise SignInError("revoked")
        return found

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) >= PARTS_MAX:
            enough.set()

    with serving(FakeNode("streams")) as url:
        settings = NodeSettings(name="b", url=url, registries=("outer8",))
        node = Node(settings, tls=ssl.create_default_context(), counts=Counter())
        answer = await node.ask("GET", "/stream", {b"accept": b"*/*"}, seconds=10)
        passed = PassedAnswer(
            answer, find_caller=find, streams=streams, seconds=1, monotonic=lambda: next(seconds)
        )
        try:
            async with asyncio.timeout(20):
                await passed({"type": "http", CALLER: ALICE}, receive, send)
        finally:
            await node.close()
    assert streams.count == 0
    return sent


async def test_a_stream_goes_on_while_its_client_is_the_same() -> None:
    sent = await sent_while(ALICE)
    assert len(sent) >= PARTS_MAX
    assert sent[1]["body"]


@pytest.mark.parametrize("found", [None, Caller("anonymous"), Caller("token", "bob")])
async def test_a_stream_ends_when_its_client_is_another(found: Caller | None) -> None:
    start, end = await sent_while(found)
    assert start["status"] == 200
    assert end == {"type": "http.response.body", "body": b""}


async def test_a_stream_ends_when_the_service_stops() -> None:
    streams = Streams(Refusals())
    streams.stop()
    sent = await sent_while(ALICE, streams=streams)
    assert sent[-1] == {"type": "http.response.body", "body": b""}
    assert len(sent) < PARTS_MAX


async def test_there_is_a_limit_of_streams() -> None:
    streams = Streams(Refusals(), limit=1)
    with streams.admit("another"), pytest.raises(StoreError):
        await sent_while(ALICE, streams=streams)
