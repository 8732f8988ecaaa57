"""What a notification becomes: an event to keep, one of no interest, or one to reject."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indexer.model import JSON_DEPTH_MAX
from indexer.model.event import Action, Event, Pull, Rejected
from indexer.model.media_types import OCI_MANIFEST, OCTET_STREAM
from indexer.model.names import Digest, RepositoryName
from indexer.registry import USER_AGENT
from tests.captures import VERSIONS, read_captures
from tests.fakes.events import AT, Cause, Target, delete_event, envelope, event, push_event
from webhooks.senders.distribution import EVENTS_MAX, Notification, parse_notification

SAMPLES = Path(__file__).parents[2] / "samples" / "notifications"
EXPECTED = json.loads((SAMPLES / "expectations.json").read_text())["notifications"]


def is_worth_a_look(body: Mapping[str, Any]) -> bool:
    """Tell whether a recorded event says that a registry holds something else than before."""
    is_blob = body["target"].get("mediaType") == OCTET_STREAM
    return body["action"] == "delete" or (body["action"] == "push" and not is_blob)


CAPTURED = {
    f"{version}/{capture.name}/{file}": body
    for version in VERSIONS
    for capture in read_captures(version)[1].values()
    for file, body in zip(capture.files, capture.bodies, strict=True)
}
KEPT = {name: body for name, body in CAPTURED.items() if is_worth_a_look(body["events"][0])}
DIGEST = "sha256:" + "a" * 64


def is_kept(expected: dict[str, Any]) -> bool:
    """Only a push or a delete says that a registry holds something else than before."""
    return (expected["action"], expected["kind"] == "blob") in {("delete", False), ("push", False)}


def seen(item: Event | Rejected) -> dict[str, Any]:
    assert isinstance(item, Event), item
    return {
        "action": item.action.value,
        "repository": item.repository,
        "tag": item.tag,
        "digest": item.digest,
    }


def one_event(body: dict[str, Any]) -> Event:
    (item,) = parse_notification(envelope([body])).items
    assert isinstance(item, Event), item
    return item


def one_rejected(body: Any) -> Rejected:
    (item,) = parse_notification(json.dumps({"events": [body]}).encode()).items
    assert isinstance(item, Rejected), item
    return item


@pytest.mark.parametrize("sample", [pytest.param(each, id=each["file"]) for each in EXPECTED])
def test_samples_are_kept_or_dropped_as_their_meaning_asks(sample: dict[str, Any]) -> None:
    kept = [each for each in sample["events"] if is_kept(each)]
    notification = parse_notification((SAMPLES / sample["file"]).read_bytes())
    assert [seen(item) for item in notification.items if not isinstance(item, Pull)] == [
        {key: each[key] for key in ("action", "repository", "tag", "digest")} for each in kept
    ]
    assert notification.dropped == len(sample["events"]) - len(kept)


@pytest.mark.parametrize("name", KEPT)
def test_recorded_pushes_and_deletes_are_kept(name: str) -> None:
    notification = parse_notification(json.dumps(KEPT[name]).encode())
    (body,) = KEPT[name]["events"]
    (item,) = notification.items
    assert isinstance(item, Event)
    target = body["target"]
    assert seen(item) == {
        "action": body["action"],
        "repository": target["repository"],
        "tag": target.get("tag"),
        "digest": target.get("digest") or None,
    }
    assert item.event_id == body["id"]
    assert item.source == body["source"]["instanceID"]
    assert item.actor == body["actor"].get("name", "")
    assert item.occurred_at is not None
    # Go writes nanoseconds, of which Python keeps microseconds.
    assert item.occurred_at.isoformat()[:26] == body["timestamp"][:26]
    assert notification.dropped == 0


def test_all_else_that_was_recorded_is_dropped() -> None:
    for name in CAPTURED.keys() - KEPT.keys():
        notification = parse_notification(json.dumps(CAPTURED[name]).encode())
        assert notification == Notification((), 1), name


def test_recorded_events_have_ids_of_their_own() -> None:
    """The journal keeps one event for each id: with shared ids it would lose some."""
    ids = [event["id"] for body in CAPTURED.values() for event in body["events"]]
    assert len(set(ids)) == len(ids) == 457
    assert len(KEPT) == 114


def test_every_field_of_an_event_is_kept() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    body = push_event("team/web", DIGEST, tag="1.4", event_id="e1", actor="alice", at=at)
    item = one_event(body | {"source": {"instanceID": "run-1"}})
    assert item == Event(
        action=Action.PUSH,
        repository=item.repository,
        tag=item.tag,
        digest=item.digest,
        event_id="e1",
        occurred_at=at,
        actor="alice",
        source="run-1",
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(event("pull", Target("a", digest=DIGEST), Cause("GET")), id="pull"),
        pytest.param(event("mount", Target("a", digest=DIGEST), Cause("POST")), id="mount"),
        pytest.param(push_event("a", DIGEST, media_type=OCTET_STREAM), id="blob"),
        pytest.param(
            event("push", Target("a", "x/y", DIGEST), Cause("PUT", user_agent=USER_AGENT)),
            id="ours",
        ),
        pytest.param(
            event("pull", Target("a", digest=DIGEST), Cause("GET", user_agent="regsearch/9.9 (x)")),
            id="ours of another version",
        ),
        # What is of no interest is not looked at any further.
        pytest.param({"action": "pull", "target": {"repository": "NOT A NAME"}}, id="bad pull"),
        pytest.param({"action": "mount"}, id="mount of nothing"),
    ],
)
def test_what_is_of_no_interest_is_dropped(body: dict[str, Any]) -> None:
    assert parse_notification(envelope([body])) == Notification((), 1)


@pytest.mark.parametrize("v3", [False, True])
def test_downloads_of_manifests_are_pulls_where_they_are_counted(v3: bool) -> None:
    target = Target("team/web", OCI_MANIFEST, DIGEST, 500, "1.4")
    body = envelope([event("pull", target, Cause("GET"), v3=v3)])
    assert parse_notification(body) == Notification((), 1)
    kept = Pull(RepositoryName("team/web"), Digest(DIGEST), AT)
    notification = parse_notification(body, count_pulls=True)
    (item,) = notification.items
    assert isinstance(item, Pull)
    assert (replace(item, occurred_at=AT), notification.dropped) == (kept, 0)
    assert item.occurred_at is not None
    assert abs(item.occurred_at - AT) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            event("pull", Target("a", OCI_MANIFEST, DIGEST), Cause("HEAD")), id="asking for news"
        ),
        pytest.param(event("pull", Target("a", OCTET_STREAM, DIGEST), Cause("GET")), id="blob"),
        pytest.param(event("pull", Target("a", digest=DIGEST), Cause("GET")), id="no media type"),
        pytest.param(
            event("pull", Target("a", OCI_MANIFEST, DIGEST), Cause("GET", user_agent=USER_AGENT)),
            id="ours",
        ),
        pytest.param(
            event(
                "pull",
                Target("a", OCI_MANIFEST, DIGEST, tag=f"{DIGEST.replace(':', '-')}.sig"),
                Cause("GET"),
            ),
            id="signature",
        ),
        pytest.param(event("mount", Target("a", digest=DIGEST), Cause("POST")), id="mount"),
    ],
)
def test_all_other_pulls_are_dropped_where_they_are_counted(body: dict[str, Any]) -> None:
    assert parse_notification(envelope([body]), count_pulls=True) == Notification((), 1)


@pytest.mark.parametrize("v3", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_pulls_through_a_cache_are_events_that_name_digest_and_tag(v3: bool, method: str) -> None:
    target = Target("team/web", OCI_MANIFEST, DIGEST, 500, "1.4")
    body = envelope([event("pull", target, Cause(method), v3=v3)])
    (item,) = parse_notification(body, pull_through=True).items
    assert isinstance(item, Event)
    assert (item.action, item.repository, item.tag, item.digest) == (
        Action.PULL,
        "team/web",
        "1.4",
        DIGEST,
    )


def test_a_pull_through_a_cache_may_be_counted_too() -> None:
    body = envelope([event("pull", Target("a", OCI_MANIFEST, DIGEST), Cause("GET"))])
    notification = parse_notification(body, count_pulls=True, pull_through=True)
    assert [type(item) for item in notification.items] == [Pull, Event]
    assert notification.dropped == 0


def test_equal_pulls_within_ten_minutes_are_one_event() -> None:
    target = Target("a", OCI_MANIFEST, DIGEST, 500, "1")
    others = [replace(target, tag="2"), replace(target, repository="b")]

    def find_id(target: Target, minute: int) -> str:
        body = event("pull", target, Cause("GET"))
        body["timestamp"] = f"2026-03-01T12:{minute:02}:00Z"
        (item,) = parse_notification(envelope([body]), pull_through=True).items
        assert isinstance(item, Event)
        return item.event_id

    assert find_id(target, 0) == find_id(target, 9) != find_id(target, 10)
    assert len({find_id(one, 0) for one in (target, *others)}) == 3


@pytest.mark.parametrize(
    ("size", "method", "is_kept"),
    [(400, "GET", True), (400, "HEAD", False), (5 * 1024 * 1024, "GET", False)],
)
def test_a_blob_that_may_be_a_config_is_kept_behind_a_cache(
    size: int, method: str, is_kept: bool
) -> None:
    body = envelope([event("pull", Target("a", OCTET_STREAM, DIGEST, size), Cause(method))])
    notification = parse_notification(body, pull_through=True)
    assert [getattr(item, "action", None) for item in notification.items] == (
        [Action.PULL_BLOB] if is_kept else []
    )
    assert notification.dropped == (not is_kept)


@pytest.mark.parametrize(
    "body",
    [
        event("pull", Target("a", OCI_MANIFEST, DIGEST), Cause("GET", user_agent=USER_AGENT)),
        event("mount", Target("a", digest=DIGEST), Cause("POST")),
    ],
)
def test_what_we_read_of_a_cache_is_dropped(body: dict[str, Any]) -> None:
    assert parse_notification(envelope([body]), pull_through=True) == Notification((), 1)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target("NOT A NAME", OCI_MANIFEST, DIGEST), "NOT A NAME"),
        (Target("a", OCI_MANIFEST, "sha256:short"), "sha256:short"),
        (Target("a", OCI_MANIFEST), "''"),
    ],
)
def test_a_pull_of_what_cannot_be_is_rejected_where_it_would_be_counted(
    target: Target, reason: str
) -> None:
    body = envelope([event("pull", target, Cause("GET"))])
    (item,) = parse_notification(body, count_pulls=True).items
    assert isinstance(item, Rejected)
    assert reason in item.reason


def test_recorded_downloads_are_counted() -> None:
    """Of 2.8.3 and 3.1.1: what clients downloaded, each tag or digest of it."""
    found = [
        (name.split("/")[:2], item.repository)
        for name, body in CAPTURED.items()
        for item in parse_notification(json.dumps(body).encode(), count_pulls=True).items
        if isinstance(item, Pull)
    ]
    by_action = Counter(action for (_, action), _ in found)
    assert by_action["34-docker-pull"] == 1, "3.1.1 was asked when it was there already"
    assert by_action["37-skopeo-pull"] == 2
    assert by_action["38-skopeo-pull-index"] == 2 * 5, "an index and its four children"
    assert by_action["39-podman-pull"] == 2
    assert by_action["40-oras-pull"] == 2
    assert by_action["35-docker-pull-again"] == 0


def test_a_client_that_only_names_us_is_not_us() -> None:
    body = push_event("a", DIGEST, tag="1")
    body["request"]["useragent"] = "docker/27 (not regsearch/1)"
    assert one_event(body).tag == "1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("text", "an event is a str"),
        (None, "an event is a NoneType"),
        ([], "an event is a list"),
        ({}, "unknown action ''"),
        ({"action": 5}, "unknown action ''"),
        ({"action": "PUSH"}, "unknown action 'PUSH'"),
        ({"action": "x" * 5_000}, "unknown action"),
        # Ours alone: nobody may ask for a crawl or a rebuild from outside.
        ({"action": "crawl", "target": {"repository": "a"}}, "unknown action 'crawl'"),
        ({"action": "rebuild"}, "unknown action 'rebuild'"),
        ({"action": "push"}, "a push without tag and digest"),
        ({"action": "push", "target": {"repository": "a"}}, "a push without tag and digest"),
        ({"action": "push", "target": [1]}, "a push without tag and digest"),
        ({"action": "delete"}, "not a repository name: ''"),
        ({"action": "delete", "target": {"repository": 5}}, "not a repository name: ''"),
        ({"action": "delete", "target": {"repository": "../etc"}}, "not a repository name"),
        ({"action": "delete", "target": {"repository": "A/b"}}, "not a repository name: 'A/b'"),
        ({"action": "delete", "target": {"repository": "a", "tag": "a b"}}, "not a tag: 'a b'"),
        ({"action": "delete", "target": {"repository": "a", "digest": "sha256:1"}}, "not a digest"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason_and_body(body: Any, reason: str) -> None:
    rejected = one_rejected(body)
    assert rejected.reason.startswith(reason)
    assert len(rejected.reason) < 1_000
    assert json.loads(rejected.body) == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"<html>", "not JSON"),
        (b"[]", "a JSON list instead of an object"),
        (b"null", "a JSON NoneType instead of an object"),
        (b"{}", "no list of events"),
        (b'{"events": {}}', "no list of events"),
        (b'{"events": null}', "no list of events"),
        (b'{"events": "x"}', "no list of events"),
        (b'{"events": [' + b"1" * 5_000 + b"]}", "not JSON"),
        (b'{"events": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", "JSON nested deeper"),
        (b'{"a": ' * (JSON_DEPTH_MAX + 1) + b"1" + b"}" * (JSON_DEPTH_MAX + 1), "JSON nested"),
    ],
)
def test_a_body_that_is_no_notification_is_rejected_whole(body: bytes, reason: str) -> None:
    notification = parse_notification(body)
    (rejected,) = notification.items
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith(reason)
    assert rejected.body == body
    assert notification.dropped == 0


def test_no_events_are_fine() -> None:
    assert parse_notification(b'{"events": []}') == Notification((), 0)


def test_a_bad_event_takes_no_other_with_it() -> None:
    bodies = [
        push_event("a", DIGEST, tag="1"),
        {"action": "push", "target": 5},
        event("pull", Target("a"), Cause("GET")),
        delete_event("b"),
    ]
    notification = parse_notification(envelope(bodies))
    kinds = [type(item).__name__ for item in notification.items]
    assert kinds == ["Event", "Rejected", "Event"]
    assert notification.dropped == 1


def test_more_events_than_any_registry_sends_are_rejected_whole() -> None:
    most = parse_notification(b'{"events": [' + b"1," * (EVENTS_MAX - 1) + b"1]}")
    assert len(most.items) == EVENTS_MAX
    (rejected,) = parse_notification(b'{"events": [' + b"1," * EVENTS_MAX + b"1]}").items
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "10001 events in one notification"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5+02:00", datetime(2026, 1, 2, 1, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_the_time_of_an_event_is_read_or_left_out(text: str, moment: datetime | None) -> None:
    assert one_event(push_event("a", DIGEST) | {"timestamp": text}).occurred_at == moment


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"])
def test_gos_zero_time_is_no_time(text: str) -> None:
    """A time that no event can have must not be stored: as a push time it would sort first."""
    assert one_event(push_event("a", DIGEST) | {"timestamp": text}).occurred_at is None


def test_values_of_a_wrong_type_are_as_if_they_were_not_there() -> None:
    body = push_event("a", DIGEST, tag="1")
    wrong = {"id": 5, "timestamp": [], "request": "x", "actor": [1], "source": None}
    item = one_event(body | wrong)
    assert (item.event_id, item.occurred_at, item.actor, item.source) == ("", None, "", "")


def test_long_texts_are_cut_and_halves_of_characters_replaced() -> None:
    body = push_event("a", DIGEST, event_id="i" * 9_999, actor="n" * 9_999)
    item = one_event(body | {"source": {"instanceID": "s" * 9_999}})
    assert (len(item.event_id), len(item.actor), len(item.source)) == (256, 256, 256)
    half = one_event(push_event("a", DIGEST, actor="\ud800x"))
    half.actor.encode()
    assert half.actor.endswith("x")
