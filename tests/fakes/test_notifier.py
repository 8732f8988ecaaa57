"""Notifications of the fake registry: one event each, in order, again until they are taken."""

import threading
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from indexer.clock import Clock, SystemClock
from indexer.model.media_types import ACCEPT_MANIFESTS, OCI_MANIFEST, OCTET_STREAM
from tests.builders import image, index
from tests.fakes.clock import ManualClock
from tests.fakes.notifier import Endpoint
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.push import push

pytestmark = pytest.mark.anyio

IMAGE = image()
URL = "http://service.test/webhooks/default"


class Receiver:
    """Takes notifications; answers the given statuses first, then 202."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.changed = threading.Event()
        route = Route("/webhooks/default", self._take, methods=["GET", "POST"])
        self.app = Starlette(routes=[route])

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.json() if await request.body() else {})
        self.headers.append(dict(request.headers))
        self.changed.set()
        status = self.statuses.pop(0) if self.statuses else 202
        return RedirectResponse(URL, status) if 300 < status < 400 else Response(status_code=status)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies for event in body["events"]]

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Return action and tag or kind of content of each event."""
        return [(event["action"], _what(event["target"])) for event in self.events]


def _what(target: dict[str, Any]) -> str:
    if "tag" in target:
        return str(target["tag"])
    return {OCTET_STREAM: "blob", "": "digest"}.get(target.get("mediaType", ""), "manifest")


def registry_for(
    receiver: Receiver, *, clock: Clock | None = None, v3: bool = False, **given: Any
) -> FakeRegistry:
    transport = httpx2.ASGITransport(app=receiver.app)
    endpoint = Endpoint(URL, {"Authorization": "Bearer x"}, transport=transport, **given)
    return FakeRegistry(endpoints=[endpoint], clock=clock or SystemClock(), v3=v3)


def make_client(registry: FakeRegistry) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=registry.app)
    return httpx2.AsyncClient(transport=transport, base_url="http://registry.test")


async def test_an_image_is_announced_after_its_blobs_one_event_at_a_time() -> None:
    receiver = Receiver()
    registry = registry_for(receiver)
    async with registry.notifying():
        registry.put("team/web", IMAGE, tag="1.0")
        await registry.settled()
    assert receiver.seen == [("push", "blob")] * 3 + [("push", "1.0")]
    assert [len(body["events"]) for body in receiver.bodies] == [1] * 4
    assert len({event["id"] for event in receiver.events}) == 4
    target = receiver.events[-1]["target"]
    assert (target["digest"], target["mediaType"]) == (IMAGE.digest, OCI_MANIFEST)
    assert receiver.headers[0]["authorization"] == "Bearer x"
    assert receiver.headers[0]["content-type"].endswith("events.v1+json")


async def test_children_of_an_index_come_first_and_without_a_tag() -> None:
    receiver = Receiver()
    registry = registry_for(receiver, ignore_media_types=frozenset({OCTET_STREAM}))
    async with registry.notifying():
        registry.put("a", index([IMAGE, image(architecture="arm64")]), tag="1")
        await registry.settled()
    assert receiver.seen == [("push", "manifest"), ("push", "manifest"), ("push", "1")]


async def test_a_deleted_digest_is_announced_before_its_tags() -> None:
    receiver = Receiver()
    registry = registry_for(receiver)
    registry.put("a", IMAGE, tag="2", notify=False)
    registry.put("a", IMAGE, tag="1", notify=False)
    async with registry.notifying(), make_client(registry) as client:
        await client.delete(f"/v2/a/manifests/{IMAGE.digest}")
        await registry.settled()
    assert receiver.seen == [("delete", "digest"), ("delete", "1"), ("delete", "2")]
    assert [event["target"].get("digest") for event in receiver.events] == [
        IMAGE.digest,
        None,
        None,
    ]


async def test_direct_deletes_are_announced_too_unless_they_are_silent() -> None:
    receiver = Receiver()
    registry = registry_for(receiver, v3=True)
    for tag in ("1", "2", "3"):
        registry.put("a", IMAGE, tag=tag, notify=False)
    async with registry.notifying():
        registry.delete_tag("a", "1", notify=False)
        registry.delete_tag("a", "2")
        registry.delete_digest("a", IMAGE.digest)
        registry.delete_repository("a")
        await registry.settled()
    assert [event["target"].get("tag") for event in receiver.events] == ["2", None, "3"]
    assert receiver.events[0]["target"]["digest"] == "", "the shape of 3.x"
    assert receiver.headers[0]["content-type"].endswith("events.v2+json")


async def test_reading_is_a_pull_even_where_it_ends_in_404_for_its_accept_header() -> None:
    receiver = Receiver()
    registry = registry_for(receiver)
    registry.put("a", IMAGE, tag="1", notify=False)
    async with registry.notifying(), make_client(registry) as client:
        accept = {"Accept": ACCEPT_MANIFESTS, "User-Agent": "tester/1"}
        assert (await client.head("/v2/a/manifests/1", headers=accept)).status_code == 200
        assert (await client.get("/v2/a/manifests/1")).status_code == 404
        await client.get(f"/v2/a/blobs/{IMAGE.blobs[0].digest}")
        # None of these is an event.
        known = accept | {"If-None-Match": f'"{IMAGE.digest}"'}
        assert (await client.get("/v2/a/manifests/1", headers=known)).status_code == 304
        await client.get("/v2/_catalog")
        await client.get("/v2/a/tags/list")
        await client.get("/v2/a/manifests/nope", headers=accept)
        await registry.settled()
    assert receiver.seen == [("pull", "1"), ("pull", "1"), ("pull", "blob")]
    request = receiver.events[0]["request"]
    assert (request["method"], request["useragent"]) == ("HEAD", "tester/1")
    assert request["host"] == "registry.test"


async def test_an_endpoint_can_ignore_pulls_and_blobs() -> None:
    receiver = Receiver()
    registry = registry_for(
        receiver,
        ignore_actions=frozenset({"pull"}),
        ignore_media_types=frozenset({OCTET_STREAM}),
    )
    async with registry.notifying(), make_client(registry) as client:
        registry.put("a", IMAGE, tag="1")
        await client.head("/v2/a/manifests/1", headers={"Accept": ACCEPT_MANIFESTS})
        await registry.settled()
    assert receiver.seen == [("push", "1")]


async def test_a_refused_notification_comes_again_and_holds_up_the_rest() -> None:
    """Five times at once, then once for each backoff; nothing overtakes it."""
    receiver = Receiver(500, 401, 400, 503, 429, 500, 404)
    clock = ManualClock()
    registry = registry_for(receiver, clock=clock)
    async with registry.notifying():
        registry.put("a", image(layers=0), tag="1")
        await registry.settled()
    assert receiver.seen == [("push", "blob")] * 8 + [("push", "1")]
    assert len({event["id"] for event in receiver.events}) == 2, "a repeat keeps its id"
    assert clock.sleeps == [2.0] * 3
    assert receiver.events[0]["timestamp"].startswith("2026-03-01T12:00:00")


class SlowService(httpx2.AsyncBaseTransport):
    """Takes every request, and is too slow to say so the first time."""

    def __init__(self, receiver: Receiver) -> None:
        self._inside = httpx2.ASGITransport(app=receiver.app)
        self._calls = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inside.handle_async_request(request)
        self._calls += 1
        if self._calls == 1:
            raise httpx2.ReadTimeout("a second has passed")
        return answer


async def test_a_receiver_that_is_too_slow_gets_the_same_event_twice() -> None:
    receiver = Receiver()
    ignored = frozenset({OCTET_STREAM})
    endpoint = Endpoint(URL, transport=SlowService(receiver), ignore_media_types=ignored)
    registry = FakeRegistry(endpoints=[endpoint])
    async with registry.notifying():
        registry.put("a", IMAGE, tag="1")
        await registry.settled()
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.seen == [("push", "1")] * 2


async def test_a_redirect_that_turns_into_a_get_loses_the_event() -> None:
    receiver = Receiver(301)
    registry = registry_for(receiver, ignore_media_types=frozenset({OCTET_STREAM}))
    async with registry.notifying():
        registry.put("a", IMAGE, tag="1")
        await registry.settled()
    assert receiver.bodies[1:] == [{}]
    assert registry.notifier.pending == 0


async def test_what_is_not_delivered_waits() -> None:
    receiver = Receiver()
    registry = registry_for(receiver)
    registry.put("a", IMAGE, tag="1")
    assert registry.notifier.pending == 4
    with pytest.raises(RuntimeError, match="notifying"):
        await registry.settled()
    async with registry.notifying():
        await registry.settled()
    assert (registry.notifier.pending, len(receiver.events)) == (0, 4)


def test_a_server_delivers_what_another_thread_puts_in() -> None:
    receiver = Receiver()
    with serving(receiver.app) as service:
        # A busy machine may need a second, after which the same event would come again.
        endpoint = Endpoint(
            f"{service}/webhooks/default",
            ignore_media_types=frozenset({OCTET_STREAM}),
            timeout=20,
        )
        registry = FakeRegistry(endpoints=[endpoint])
        with serving(registry.app) as url:
            push(url, "a", IMAGE, "1")
            assert receiver.changed.wait(10)
            receiver.changed.clear()
            registry.put("b", IMAGE, tag="2")
            assert receiver.changed.wait(10)
    assert receiver.seen[0] == ("push", "1")
    assert receiver.seen[-1] == ("push", "2")


async def test_a_registry_can_stop_and_notify_again() -> None:
    receiver = Receiver()
    registry = registry_for(receiver)
    async with registry.notifying():
        pass
    registry.put("a", IMAGE, tag="1")
    async with registry.notifying():
        await registry.settled()
    assert receiver.seen[-1] == ("push", "1")


def test_each_start_of_a_registry_is_another_instance() -> None:
    assert FakeRegistry().notifier.instance_id != FakeRegistry().notifier.instance_id
