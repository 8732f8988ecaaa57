"""``POST /webhooks/{registry}``: who gets in, and what each answer promises.

Long, because all that belongs to one module is tested in one place.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.types import Message

from indexer.model.media_types import OCI_MANIFEST
from indexer.registry import USER_AGENT
from indexer.store import NotificationResult
from search_api.http_errors import exception_handlers
from tests.builders import delete_event, envelope, image, push_event
from tests.fakes.clock import ManualClock
from tests.fakes.events import Cause, Target, event
from tests.fakes.notifier import Endpoint
from tests.fakes.registry import FakeRegistry
from tests.webhooks.journals import (
    WatchedJournal,
    break_journal,
    broken_journal,
    kept_entries,
    kept_events,
    kept_notifications,
    kept_rejected,
    repair_journal,
)
from webhooks.journal import JournalWriter
from webhooks.receiver import BODY_MAX, DRAINED_MAX, Receiver

pytestmark = pytest.mark.anyio

SECRET = "top secret: 7€"
PREVIOUS = "the one before"
DIGEST = "sha256:" + "a" * 64
BEARER = b"Bearer " + SECRET.encode()
CHUNK = 1_024 * 1_024


def basic(pair: bytes) -> bytes:
    return b"Basic " + base64.b64encode(pair)


def push(number: int = 1, **options: str) -> bytes:
    return envelope([push_event(f"team/web{number}", DIGEST, tag="1", event_id=f"e{number}")])


@pytest.fixture
def journal(tmp_path: Path) -> WatchedJournal:
    return WatchedJournal(tmp_path)


@pytest.fixture
def app(journal: WatchedJournal) -> Iterator[Starlette]:
    writer = JournalWriter(journal, clock=ManualClock())
    secrets = {"main": (SECRET, PREVIOUS), "second": ("other",)}
    receiver = Receiver(writer, secrets=secrets, counting={"second"})
    yield Starlette(routes=receiver.routes(), exception_handlers=exception_handlers())
    writer.close()


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://us") as made:
        yield made


async def post(
    client: httpx2.AsyncClient,
    body: bytes | AsyncIterator[bytes],
    *,
    authorization: bytes | None = BEARER,
    registry: str = "main",
) -> httpx2.Response:
    headers = [] if authorization is None else [(b"authorization", authorization)]
    return await client.post(f"/webhooks/{registry}", content=body, headers=headers)


def error(response: httpx2.Response) -> dict[str, Any]:
    (only,) = response.json()["errors"]
    assert only.keys() == {"code", "message", "detail"}
    found: dict[str, Any] = only
    return found


# Credentials


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(BEARER, id="Bearer"),
        pytest.param(b"Bearer " + PREVIOUS.encode(), id="the previous one"),
        pytest.param(b"bearer   " + SECRET.encode() + b" ", id="odd case and blanks"),
        pytest.param(basic(b"anybody:" + SECRET.encode()), id="Basic"),
        pytest.param(basic(b":" + SECRET.encode()), id="Basic without user"),
        pytest.param(b"BASIC " + basic(b"u:" + SECRET.encode())[6:], id="BASIC"),
        pytest.param(b"Basic  " + basic(b"u:" + SECRET.encode())[6:] + b"\t", id="Basic, blanks"),
    ],
)
async def test_the_secret_gets_in(
    client: httpx2.AsyncClient, tmp_path: Path, authorization: bytes
) -> None:
    response = await post(client, push(), authorization=authorization)
    assert response.status_code == 202
    assert response.json() == {"accepted": 1, "dropped": 0, "rejected": 0}
    (entry,) = kept_entries(tmp_path)
    (event,) = kept_events(tmp_path)
    assert (entry.registry, event.repository, event.tag) == ("main", "team/web1", "1")


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"Bearer", id="no token"),
        pytest.param(b"Bearer ", id="empty token"),
        pytest.param(b"Bearer top", id="wrong"),
        pytest.param(BEARER[:-1], id="cut in the middle of a character"),
        pytest.param(BEARER + b"x", id="longer"),
        pytest.param(BEARER + b"\xa0", id="a blank that is none"),
        pytest.param("Bearer top secret: 7€".upper().encode(), id="upper case"),
        pytest.param(b"Bearer other", id="the secret of another registry"),
        pytest.param(SECRET.encode(), id="without a scheme"),
        pytest.param(b"Token " + SECRET.encode(), id="another scheme"),
        pytest.param(b"Basic " + SECRET.encode(), id="Basic, not encoded"),
        pytest.param(basic(SECRET.encode() + b":"), id="as the user's name"),
        pytest.param(basic(SECRET.encode()), id="Basic without colon, the secret holds one"),
        pytest.param(b"Basic !!!", id="not base64"),
        pytest.param(b"Basic Og==", id="Basic of nobody"),
        pytest.param(b"Basic YQ", id="base64 without its end"),
        pytest.param(b"Basic \xff\xfe", id="Basic, bytes that are no text"),
        pytest.param(b"Bearer \xff\xfe\x80", id="Bearer, bytes that are no text"),
        pytest.param(b"\xff\xff \xff", id="a scheme that is no text"),
        pytest.param(basic(b"u:\xff\x00\xfe"), id="a password that is no text"),
    ],
)
async def test_everything_else_is_refused_and_nothing_kept(
    client: httpx2.AsyncClient, tmp_path: Path, authorization: bytes | None
) -> None:
    """Also bytes that are no text, of which Python compares only bytes in constant time."""
    response = await post(client, push(), authorization=authorization)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="webhooks"'
    assert error(response)["code"] == "UNAUTHORIZED"
    assert SECRET not in response.text
    assert (kept_entries(tmp_path), kept_rejected(tmp_path)) == ([], [])


async def test_notifications_are_counted_by_their_answer(
    client: httpx2.AsyncClient, journal: WatchedJournal, tmp_path: Path
) -> None:
    """Also those without an event that is kept: they show that the registry does notify."""
    assert (await post(client, push())).status_code == 202
    assert (await post(client, envelope([]))).status_code == 202
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert (await post(client, push(), authorization=b"Bearer wrong")).status_code == 401
    assert [line["sender"] for line in logs] == ["127.0.0.1"], "once a minute"
    assert (await post(client, push(), registry="unknown")).status_code == 404
    async with asyncio.timeout(10):
        while sum(journal.counted) < 5:
            await asyncio.sleep(0)
    kept = kept_notifications(tmp_path)
    assert kept.total(NotificationResult.ACCEPTED) == 2
    assert kept.total(NotificationResult.REFUSED) == 3
    assert kept.by_result[NotificationResult.REFUSED].sender == "127.0.0.1"
    assert (await post(client, push())).json()["accepted"] == 1, "they hold nothing up"


async def test_a_check_of_our_own_is_answered_and_not_counted(
    client: httpx2.AsyncClient, journal: WatchedJournal, tmp_path: Path
) -> None:
    """A wrong secret is logged and slowed down all the same: anybody can say this name."""
    client.headers["User-Agent"] = USER_AGENT
    assert (await post(client, envelope([]))).status_code == 202
    with structlog.testing.capture_logs() as logs:
        assert (await post(client, envelope([]), authorization=b"Bearer x")).status_code == 401
    assert [line["sender"] for line in logs] == ["127.0.0.1"]
    assert (await post(client, push())).status_code == 202, "events count, whoever sends them"
    async with asyncio.timeout(10):
        while not sum(journal.counted):
            await asyncio.sleep(0)
    kept = kept_notifications(tmp_path)
    assert kept.total(NotificationResult.ACCEPTED) == 1
    assert kept.total(NotificationResult.REFUSED) == 0


@pytest.mark.parametrize("registry", ["other", "MAIN", "main%20", "m%C3%A4in", "%00"])
async def test_an_unknown_registry_is_404(client: httpx2.AsyncClient, registry: str) -> None:
    response = await post(client, push(), registry=registry)
    assert response.status_code == 404
    assert error(response)["code"] == "NAME_UNKNOWN"


@pytest.mark.parametrize("authorization", [b"", b"Bearer wrong", b"Basic eDp5"])
async def test_without_a_secret_nobody_learns_which_registries_there_are(
    client: httpx2.AsyncClient, authorization: bytes
) -> None:
    known, unknown = [
        await post(client, push(), registry=registry, authorization=authorization)
        for registry in ("main", "nope")
    ]
    assert known.status_code == unknown.status_code == 401
    assert known.headers["www-authenticate"] == unknown.headers["www-authenticate"]
    assert error(known) == {
        **error(unknown),
        "message": error(unknown)["message"].replace("nope", "main"),
    }


async def test_each_registry_has_its_own_journal_entries(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    for registry, authorization in (("main", BEARER), ("second", b"Bearer other")):
        response = await post(client, push(), registry=registry, authorization=authorization)
        assert response.status_code == 202
    # The same id from two registries is two events.
    assert [entry.registry for entry in kept_entries(tmp_path)] == ["main", "second"]


async def test_other_methods_are_405(client: httpx2.AsyncClient) -> None:
    response = await client.get("/webhooks/main")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert error(response)["code"] == "UNSUPPORTED"


# What is in the body


async def test_what_is_kept_dropped_and_rejected_is_counted(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    ours = event("pull", Target("a", digest=DIGEST), Cause("GET", user_agent=USER_AGENT))
    bodies = [push_event("a", DIGEST), delete_event("b"), ours, {"action": "launch"}]
    response = await post(client, envelope(bodies))
    assert response.status_code == 202
    assert response.json() == {"accepted": 2, "dropped": 1, "rejected": 1}
    assert [event.repository for event in kept_events(tmp_path)] == ["a", "b"]
    assert [reason for _, reason, _ in kept_rejected(tmp_path)] == ["unknown action 'launch'"]


async def test_pulls_are_kept_as_a_number_of_the_registries_that_count_them(
    client: httpx2.AsyncClient, journal: WatchedJournal
) -> None:
    target = Target("team/web", OCI_MANIFEST, DIGEST, tag="1")
    body = envelope([event("pull", target, Cause("GET")) for _ in range(3)])
    refused = await post(client, body)
    assert refused.json() == {"accepted": 0, "dropped": 3, "rejected": 0}
    for _ in range(2):
        taken = await post(client, body, registry="second", authorization=b"Bearer other")
        assert taken.json() == {"accepted": 3, "dropped": 0, "rejected": 0}
    (counted,), _ = journal.close_pulls(0)
    assert (counted.registry, counted.repository, counted.digest) == ("second", "team/web", DIGEST)
    assert counted.pulls == 6
    assert journal.entries_after(0, limit=9)[0] == []


async def test_our_own_reads_are_dropped(
    client: httpx2.AsyncClient, journal: WatchedJournal
) -> None:
    ours = event("pull", Target("a", digest=DIGEST), Cause("GET", user_agent=USER_AGENT))
    response = await post(client, envelope([ours]))
    assert (response.status_code, response.json()["dropped"]) == (202, 1)
    assert journal.groups == [], "and cost no transaction"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b'{"events": 5}',
        b'{"events": [5]}',
        b'{"a":' * 100_000,
        b'{"events": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
async def test_a_body_that_cannot_be_used_is_acknowledged_and_kept(
    client: httpx2.AsyncClient, tmp_path: Path, body: bytes
) -> None:
    """A refusal would hold up the registry's queue for ever."""
    response = await post(client, body)
    assert response.status_code == 202
    assert response.json() == {"accepted": 0, "dropped": 0, "rejected": 1}
    ((registry, reason, kept),) = kept_rejected(tmp_path)
    assert registry == "main"
    assert reason
    assert kept == (b"5" if body == b'{"events": [5]}' else body[: len(kept)])
    assert kept or not body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"[]," * 130_000 + b"[]]", id="lists"),
        pytest.param(b'{"events":[' + b"[]," * 130_000 + b"[]]}", id="events"),
        pytest.param(b'{"events":[{"a":[' + b"1," * 250_000 + b"1]}]}", id="in one event"),
        pytest.param(b'{"events":[{"a":[' + b'"",' * 400_000 + b'""]}]}', id="strings"),
    ],
)
async def test_a_body_of_too_many_values_is_acknowledged_and_kept_unread(
    client: httpx2.AsyncClient, tmp_path: Path, body: bytes
) -> None:
    """Reading it into objects would hold up every answer for a second."""
    response = await post(client, body)
    assert response.status_code == 202
    assert response.json() == {"accepted": 0, "dropped": 0, "rejected": 1}
    ((_, reason, kept),) = kept_rejected(tmp_path)
    assert reason == "JSON with more than 250000 keys and values"
    assert kept == body[: len(kept)]


async def test_the_largest_body_of_real_events_is_read(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    body = envelope([push_event(f"team/web{n}", DIGEST, tag="1") for n in range(4_000)])
    assert BODY_MAX * 0.95 < len(body) < BODY_MAX
    response = await post(client, body)
    assert response.json() == {"accepted": 4_000, "dropped": 0, "rejected": 0}
    assert len(kept_entries(tmp_path)) == 4_000


async def test_a_repeated_notification_is_kept_once(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    for _ in range(3):
        assert (await post(client, push())).status_code == 202
    assert len(kept_entries(tmp_path)) == 1


async def chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_body_in_chunks_is_read_whole(
    client: httpx2.AsyncClient, tmp_path: Path, size: int
) -> None:
    assert (await post(client, chunks(push(), size))).json()["accepted"] == 1
    assert len(kept_entries(tmp_path)) == 1


async def test_a_body_at_the_limit_is_read(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    body = push().ljust(BODY_MAX)
    response = await post(client, chunks(body, CHUNK - 1))
    assert response.json() == {"accepted": 1, "dropped": 0, "rejected": 0}


@pytest.mark.parametrize("over", [1, 3 * CHUNK])
async def test_a_body_over_the_limit_is_drained_and_kept_as_rejected(
    client: httpx2.AsyncClient, tmp_path: Path, over: int
) -> None:
    """The sender must get to see the answer, or it would send the same again for ever."""
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in chunks(push().ljust(BODY_MAX + over), 100_000):
            read += len(chunk)
            yield chunk

    response = await post(client, counted())
    assert response.status_code == 202
    assert response.json() == {"accepted": 0, "dropped": 0, "rejected": 1}
    assert read == BODY_MAX + over
    ((_, reason, kept),) = kept_rejected(tmp_path)
    assert reason == f"a body of more than {BODY_MAX} bytes"
    assert kept == push().ljust(BODY_MAX)[: len(kept)]
    assert kept
    assert kept_entries(tmp_path) == []


async def test_a_body_without_end_is_not_read_to_its_end(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    sent = 0
    chunk = bytes(CHUNK)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 * DRAINED_MAX:
            sent += CHUNK
            yield chunk

    assert (await post(client, endless())).status_code == 202
    assert sent <= DRAINED_MAX + 2 * CHUNK
    assert len(kept_rejected(tmp_path)) == 1


async def test_a_body_that_breaks_off_is_not_kept_and_no_defect(
    app: Starlette, tmp_path: Path
) -> None:
    """Half an event list must not count as the whole; the sender sends it again."""
    messages: list[Message] = [
        {"type": "http.request", "body": push()[:50], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/main",
        "query_string": b"",
        "headers": [(b"authorization", BEARER)],
    }
    with structlog.testing.capture_logs() as logged:
        await app(scope, receive, send)
    assert [line["log_level"] for line in logged] == ["info"]
    assert sent[0]["status"] == 400
    assert (kept_entries(tmp_path), kept_rejected(tmp_path)) == ([], [])


# Durability


async def test_an_unavailable_journal_is_503_and_the_senders_retry_works(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    with broken_journal(tmp_path), structlog.testing.capture_logs() as logged:
        response = await post(client, push())
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert error(response)["code"] == "UNAVAILABLE"
    assert [(line["event"], line["status"]) for line in logged] == [("request_refused", 503)]
    assert kept_entries(tmp_path) == []
    assert (await post(client, push())).status_code == 202
    assert len(kept_entries(tmp_path)) == 1


class RepairingClock(ManualClock):
    """A clock during whose first sleep somebody repairs the journal."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    async def sleep(self, seconds: float) -> None:
        """Repair and move on."""
        if not self.sleeps:
            repair_journal(self._directory)
        await super().sleep(seconds)


async def test_a_registry_keeps_and_sends_again_what_the_journal_could_not_take(
    app: Starlette, tmp_path: Path
) -> None:
    clock = RepairingClock(tmp_path)
    endpoint = Endpoint(
        "http://us/webhooks/main",
        {"Authorization": f"Basic {base64.b64encode(f'x:{SECRET}'.encode()).decode()}"},
        transport=httpx2.ASGITransport(app=app),
    )
    registry = FakeRegistry(endpoints=[endpoint], clock=clock)
    break_journal(tmp_path)
    async with registry.notifying():
        for number in range(3):
            registry.put(f"team/web{number}", image(seed=str(number)), tag="1")
        await registry.settled()
    assert clock.sleeps, "the registry backed off"
    kept = [event.repository for event in kept_events(tmp_path)]
    assert list(dict.fromkeys(kept)) == ["team/web0", "team/web1", "team/web2"]
    ids = [event.event_id for event in kept_events(tmp_path)]
    assert len(set(ids)) == len(ids)


async def test_a_thousand_requests_at_once_are_durable_in_far_fewer_transactions(
    client: httpx2.AsyncClient, journal: WatchedJournal, tmp_path: Path
) -> None:
    total = 1_000
    responses = await asyncio.gather(*(post(client, push(number)) for number in range(total)))
    assert {response.status_code for response in responses} == {202}
    kept = {event.event_id for event in kept_events(tmp_path)}
    assert kept == {f"e{number}" for number in range(total)}
    assert sum(journal.groups) == total
    assert len(journal.groups) <= total / 10


async def test_a_failing_group_refuses_all_of_its_requests_and_none_is_kept(
    client: httpx2.AsyncClient, journal: WatchedJournal, tmp_path: Path
) -> None:
    with broken_journal(tmp_path):
        journal.gate.clear()
        requests = asyncio.gather(*(post(client, push(number)) for number in range(20)))
        while not journal.groups:
            await asyncio.sleep(0)
        journal.gate.set()
        assert {response.status_code for response in await requests} == {503}
    assert kept_entries(tmp_path) == []
    assert (await post(client, push(5))).status_code == 202


async def test_the_answer_waits_for_the_disk(
    client: httpx2.AsyncClient, journal: WatchedJournal, tmp_path: Path
) -> None:
    journal.gate.clear()
    request = asyncio.create_task(post(client, push()))
    while not journal.groups:
        await asyncio.sleep(0)
    assert not request.done()
    assert kept_entries(tmp_path) == []
    journal.gate.set()
    assert (await request).status_code == 202
    assert json.loads((await request).content)["accepted"] == 1
