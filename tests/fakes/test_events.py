"""The bodies the fake registry sends have the shape of recorded ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import events
from tests.fakes.events import Cause, Target

SAMPLES = Path(__file__).parents[1] / "samples" / "events"


def recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())["events"][0]
    return event


@pytest.mark.parametrize("sample", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_an_event_is_what_distribution_sends(sample: str) -> None:
    expected = recorded(sample)
    given = expected["target"]
    target = Target(
        given["repository"],
        given.get("mediaType", ""),
        given.get("digest", ""),
        given.get("size", 0),
        given.get("tag", ""),
        given.get("fromRepository", ""),
    )
    request = expected["request"]
    cause = Cause(
        request["method"],
        host=request["host"],
        address=request["addr"],
        user_agent=request["useragent"],
        request_id=request["id"],
    )
    event = events.event(
        expected["action"],
        target,
        cause,
        event_id=expected["id"],
        instance_id=expected["source"]["instanceID"],
        v3=sample.startswith("3"),
    )
    expected["source"]["addr"] = event["source"]["addr"]
    expected["timestamp"] = event["timestamp"]
    assert json.dumps(event) == json.dumps(expected), "the order of the keys counts, too"


def test_delete_events_name_a_digest_or_a_tag_never_both() -> None:
    assert events.delete_event("a/b", tag="1")["target"] == {"repository": "a/b", "tag": "1"}
    assert events.delete_event("a/b", tag="1", v3=True)["target"] == {
        "mediaType": "",
        "digest": "",
        "size": 0,
        "repository": "a/b",
        "tag": "1",
    }


def test_each_event_gets_an_id_of_its_own_unless_one_is_given() -> None:
    first, second = (events.push_event("a", "sha256:00", tag="1") for _ in range(2))
    assert first["id"] != second["id"]
    assert events.push_event("a", "sha256:00", event_id="x", actor="eve")["id"] == "x"
    assert events.push_event("a", "sha256:00", actor="eve")["actor"] == {"name": "eve"}
