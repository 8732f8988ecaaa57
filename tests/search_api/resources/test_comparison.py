"""Two images side by side: layers shared and not, differences, platforms, what is not there."""

import json
from typing import Any

import pytest

from indexer.errors import InvalidValueError, NotFoundError
from indexer.extract import BUILT_IN
from indexer.store import Store
from search_api.resources import Resources, compare
from tests.builders import BuiltManifest, helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, SECOND, Pushed, put

VERSION = "org.opencontainers.image.version"
BASE = image(seed="base", labels={"maintainer": "Base"})
OLD = image(
    seed="old",
    base=BASE,
    labels={VERSION: "1.0", "team": "shop"},
    env=["PATH=/bin", "MODE=slow", "API_TOKEN=first"],
    cmd=["serve"],
    ports=["80/tcp"],
)
NEW = image(
    seed="new",
    base=BASE,
    layers=3,
    created="2026-02-01T00:00:00Z",
    labels={VERSION: "1.1", "owner": "shop"},
    env=["PATH=/bin", "MODE=fast", "API_TOKEN=second", "EXTRA=1"],
    cmd=["serve", "--fast"],
    ports=["80/tcp"],
    user="1000",
)
ARM_OLD = image(seed="old", architecture="arm64")
ARM_NEW = image(seed="new", architecture="arm64")
S390 = image(seed="s390x", architecture="s390x")
PUSHED = [
    Pushed("team/web", index([OLD, ARM_OLD]), "1.0"),
    Pushed("team/web", index([ARM_NEW, S390, NEW]), "1.1"),
    Pushed("team/web", NEW, "latest"),
    Pushed("team/web", OLD, "old"),
    Pushed("team/web", S390, "z"),
    Pushed("chart", helm_chart("gateway", "3.2.1", "Routes parcels"), "3"),
    Pushed("base", BASE, registry="second"),
    Pushed("empty", index([]), "1"),
]


@pytest.fixture
def read(store: Store) -> Resources:
    clock = ManualClock()
    put(store, PUSHED, clock=clock)
    return Resources(store, now=clock.now(), kinds=BUILT_IN)


def differences(found: dict[str, Any], group: str) -> dict[str, tuple[Any, Any]]:
    return {one["key"]: (one["a"], one["b"]) for one in found[group]}


def test_layers_are_told_in_order_with_what_is_shared(read: Resources) -> None:
    layers = compare(read, "team/web:old", "team/web:latest")["layers"]
    assert [(one["position"], one["shared"]) for one in layers["a"]] == [
        *((1, True), (2, True), (3, False), (4, False))
    ]
    assert [one["shared"] for one in layers["b"]] == [True, True, False, False, False]
    assert [one["digest"] for one in layers["a"]] == [blob.digest for blob in OLD.blobs[1:]]
    shared = [len(blob.body) for blob in BASE.blobs[1:]]
    assert (layers["common"], layers["shared_count"]) == (2, 2)
    assert layers["shared_size_bytes"] == sum(shared)
    assert [one["size_bytes"] for one in layers["b"]][:2] == shared
    assert layers["a"][0]["command"] == "COPY layer 0 / # buildkit"


def test_each_difference_has_both_values(read: Resources) -> None:
    found = compare(read, "team/web:old", "team/web:latest")
    assert differences(found, "labels") == {
        VERSION: ("1.0", "1.1"),
        "team": ("shop", None),
        "owner": (None, "shop"),
    }
    # What is masked is not told apart.
    assert differences(found, "env") == {"MODE": ("slow", "fast"), "EXTRA": (None, "1")}
    assert differences(found, "config") == {
        "user": (None, "1000"),
        "cmd": (["serve"], ["serve", "--fast"]),
    }
    facts = differences(found, "image")
    assert facts["version"] == ("1.0", "1.1")
    assert facts["layer_count"] == (4, 5)
    assert {"size_bytes", "created_at"} <= facts.keys()
    assert found["same"] is False


def test_an_image_does_not_differ_from_itself(read: Resources) -> None:
    found = compare(read, "team/web:old", f"main/team/web@{OLD.digest}")
    assert found["same"]
    assert not any(found[group] for group in ("image", "config", "env", "labels", "annotations"))
    assert all(one["shared"] for one in found["layers"]["a"])
    assert found["a"]["reference"] == f"{MAIN}/team/web:old"


@pytest.mark.parametrize(
    ("a", "b", "platform", "compared"),
    [
        ("team/web:1.0", "team/web:1.1", "", (OLD, NEW)),
        ("team/web:1.0", "team/web:1.1", "linux/arm64", (ARM_OLD, ARM_NEW)),
        ("team/web:1.1", "team/web:z", "", (S390, S390)),
        ("team/web:z", "team/web:1.1", "", (S390, S390)),
        ("team/web:z", "team/web:1.1", "linux/amd64", (S390, NEW)),
        ("team/web:1.0", "team/web:z", "", (OLD, S390)),
        ("team/web:1.0", ARM_NEW.digest, "", (ARM_OLD, ARM_NEW)),
    ],
)
def test_of_an_index_a_platform_is_compared_that_the_other_has(
    read: Resources, a: str, b: str, platform: str, compared: tuple[BuiltManifest, BuiltManifest]
) -> None:
    found = compare(read, a, b, platform=platform)
    sides = (found["a"]["compared_digest"], found["b"]["compared_digest"])
    assert sides == tuple(one.digest for one in compared)
    digests = [layer["digest"] for layer in found["layers"]["b"]]
    assert digests == [blob.digest for blob in compared[1].blobs[1:]]


def test_the_platforms_of_two_indexes_are_told(read: Resources) -> None:
    found = compare(read, "team/web:1.0", "team/web:1.1")
    assert found["platforms"] == ["linux/amd64", "linux/arm64"]
    assert found["a"]["platform"] == "linux/amd64"
    assert found["b"]["platforms"] == ["linux/arm64", "linux/s390x", "linux/amd64"]
    assert found["b"]["digest"] == PUSHED[1].built.digest


def test_images_are_named_in_every_way(read: Resources) -> None:
    for text in ("team/web", f"{MAIN}/team/web:latest", f"team/web@{NEW.digest}", NEW.digest):
        found = compare(read, text, "second/base")
        assert found["a"]["digest"] == NEW.digest
        assert found["b"]["reference"] == f"{SECOND}/base:latest"


@pytest.mark.parametrize(("one", "other"), [("chart:3", "team/web"), ("empty:1", "team/web:1.0")])
def test_anything_can_be_compared(read: Resources, one: str, other: str) -> None:
    for a, b in ((one, other), (other, one), (one, one)):
        assert json.loads(json.dumps(compare(read, a, b)))["same"] == (a == b)


@pytest.mark.parametrize(
    ("a", "b", "platform", "message"),
    [
        ("nothing", "team/web", "", "a: no repository 'nothing' in any registry"),
        ("team/web", "team/web:no", "", "b: no tag 'no' in repository 'team/web' of 'main'"),
        ("base:1", "team/web", "", "a: no tag '1' in repository 'base' of 'second'"),
        ("chart", "team/web", "", "a: no tag 'latest' in repository 'chart' of 'main'"),
        ("team/web", f"sha256:{'0' * 64}", "", f"b: no image 'sha256:{'0' * 64}'"),
        ("team/web", f"base@{NEW.digest}", "", f"b: no image '{NEW.digest}' in repository 'base'"),
        (
            *("team/web:1.0", "team/web:1.1", "linux/s390x"),
            "a: no platform 'linux/s390x': it has linux/amd64, linux/arm64",
        ),
    ],
)
def test_what_is_not_there_is_named_with_its_side(
    read: Resources, a: str, b: str, platform: str, message: str
) -> None:
    with pytest.raises(NotFoundError) as found:
        compare(read, a, b, platform=platform)
    assert str(found.value).startswith(message)


def test_what_is_no_reference_is_named_with_its_side(read: Resources) -> None:
    with pytest.raises(InvalidValueError, match="b: not a reference: 'Not This'"):
        compare(read, "team/web", "Not This")
