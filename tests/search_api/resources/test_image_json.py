"""One image as JSON: all known facts, and no secret."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from indexer.extract import BUILT_IN
from indexer.store import Store
from search_api.resources import Resources
from search_api.resources.image_json import PLATFORMS_MAX, RELATED_SHOWN
from search_api.resources.images import DERIVED_COUNTED
from tests.builders import Blob, BuiltManifest, artifact, helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, Pushed, put

SECRET = "correct-horse-battery-staple"
BASE = image(seed="base", labels={"os": "alpine", "team": "base"})


def read(store: Store, built: BuiltManifest, *others: Pushed) -> dict[str, Any]:
    """Return an image that is tagged in ``team/web``, with others beside it."""
    clock = ManualClock()
    put(store, [*others, Pushed("team/web", built)], clock=clock)
    return Resources(store, now=clock.now(), kinds=BUILT_IN).image(built.digest)


def pairs(found: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(one.values()) for one in found]


def with_config(**settings: Any) -> BuiltManifest:
    """Return an image whose config has these settings."""
    return configured(image(), {"config": settings})


def configured(built: BuiltManifest, change: dict[str, Any]) -> BuiltManifest:
    """Return an image with some of its config changed."""
    blob = Blob(built.blobs[0].media_type, json.dumps(built.config | change).encode())
    manifest = built.json
    manifest["config"] |= {"digest": blob.digest, "size": len(blob.body)}
    return rebuilt(built, manifest, blobs=(blob, *built.blobs[1:]))


def rebuilt(
    built: BuiltManifest, body: dict[str, Any], *, blobs: Sequence[Blob] = ()
) -> BuiltManifest:
    encoded = json.dumps(body).encode()
    digest = Blob("", encoded).digest
    return BuiltManifest(
        digest, built.media_type, encoded, tuple(blobs) or built.blobs, built.children
    )


def test_an_image_is_told_with_what_it_is_and_where(store: Store) -> None:
    built = image(
        annotations={
            "org.opencontainers.image.title": "Web",
            "org.opencontainers.image.description": "Serves pages",
            "org.opencontainers.image.licenses": "Apache-2.0",
        }
    )
    found = read(store, built)
    assert {key: found[key] for key in ("registry", "repository", "digest", "reference")} == {
        "registry": "main",
        "repository": "team/web",
        "digest": built.digest,
        "reference": f"{MAIN}/team/web:latest",
    }
    assert (found["kind"], found["media_type"]) == ("image", built.media_type)
    assert (found["title"], found["description"], found["licenses"]) == (
        "Web",
        "Serves pages",
        ["Apache-2.0"],
    )
    assert found["created_at"].endswith("Z")
    assert found["size_bytes"] == sum(len(blob.body) for blob in built.blobs)
    assert found["is_index"] is False
    assert (found["pulls"], found["last_pulled_at"], found["pushed_at"]) == (0, None, None)


def test_an_image_in_a_cache_says_whether_it_may_have_expired(store: Store) -> None:
    built, clock, ttl = image(), ManualClock(), timedelta(hours=1)
    assert "pull_through" not in read(store, built), "not in other registries"
    registry_id = store.registries.registry_id("main")
    assert registry_id is not None
    with store.transaction():
        store.pulled.adopt(registry_id, at=clock.now())
    resources = Resources(store, now=clock.now(), kinds=BUILT_IN)
    assert resources.image(built.digest)["pull_through"] == "cached"
    with store.transaction():
        store.pulled.mark_doubtful(registry_id, before=clock.now() + ttl)
    assert resources.image(built.digest)["pull_through"] == "perhaps_expired"


def test_what_an_image_does_not_say_is_null_or_empty(store: Store) -> None:
    found = read(store, image())
    for key in ("artifact_type", "version", "vendor", "source", "license_expression", "category"):
        assert found[key] is None
    assert (found["authors"], found["labels"], found["annotations"]) == ([], [], [])
    assert found["title"] == "web"


def test_the_config_is_what_it_runs(store: Store) -> None:
    built = with_config(
        User="1000:1000",
        ExposedPorts={"80/tcp": {}, "53/udp": {}},
        Env=["PATH=/bin", "LANG=C"],
        Entrypoint=["/app"],
        Cmd=["--serve"],
        WorkingDir="/srv",
        Volumes={"/data": {}},
        StopSignal="SIGTERM",
        Healthcheck={"Test": ["CMD-SHELL", f"curl -u me:{SECRET} localhost"], "Interval": 1},
    )
    assert read(store, built)["config"] == {
        "user": "1000:1000",
        "exposed_ports": ["80/tcp", "53/udp"],
        "env": [{"name": "PATH", "value": "/bin"}, {"name": "LANG", "value": "C"}],
        "entrypoint": ["/app"],
        "cmd": ["--serve"],
        "working_dir": "/srv",
        "volumes": ["/data"],
        "stop_signal": "SIGTERM",
        "healthcheck": ["CMD-SHELL", "curl -u me:*** localhost"],
    }


def test_no_secret_of_what_it_runs_or_how_it_was_built_is_told(store: Store) -> None:
    built = with_config(
        Env=[f"DB_PASSWORD={SECRET}", f"URL=https://me:{SECRET}@host", f"MY_TOKEN={SECRET} x"],
        Entrypoint=["/app", "--api-key", SECRET],
        Cmd=[f"--password={SECRET}"],
    )
    history = [{"created_by": f"ARG TOKEN={SECRET}"}, {"created_by": "RUN a"}]
    secret = configured(built, {"history": history})
    for one in (built, secret, index([secret], attestations=True)):
        assert SECRET not in json.dumps(read(store, one))


def test_layers_are_told_base_first_with_the_steps_between(store: Store) -> None:
    built = image()
    first, second = built.config["history"]
    between = {"created_by": "USER app", "empty_layer": True}
    found = read(store, configured(built, {"history": [first, between, second]}))
    assert [(one["digest"], one["empty"], one["command"]) for one in found["layers"]] == [
        (built.blobs[1].digest, False, "COPY layer 0 / # buildkit"),
        (None, True, "USER app"),
        (built.blobs[2].digest, False, "COPY layer 1 / # buildkit"),
    ]
    assert found["layers"][0]["diff_id"] == built.config["rootfs"]["diff_ids"][0]
    assert found["layers"][0]["size_bytes"] == len(built.blobs[1].body)
    assert (found["layers"][1]["size_bytes"], found["layers"][1]["media_type"]) == (0, None)
    assert found["history"] == []


def test_labels_tell_which_came_with_the_base(store: Store) -> None:
    app = image(seed="app", base=BASE, labels={"os": "alpine", "team": "web"})
    found = read(store, app, Pushed("base", BASE))
    assert pairs(found["labels"]) == [
        ("os", "alpine", "config", True),
        ("team", "web", "config", False),
    ]
    [of_app] = found["bases"]
    assert [one["repository"] for one in of_app["bases"][0]["images"]] == ["base"]


def test_a_declared_base_is_told_beside_the_computed_one(store: Store) -> None:
    name = "org.opencontainers.image.base.name"
    app = image(seed="app", base=BASE, annotations={name: "docker.io/library/other:1"})
    [found] = read(store, app, Pushed("base", BASE))["bases"]
    assert found["declared"] == {
        "name": "docker.io/library/other:1",
        "digest": None,
        "differs": True,
    }


def test_annotations_tell_what_has_them(store: Store) -> None:
    one = image(annotations={"k": "manifest"})
    found = read(store, index([one], annotations={"k": "index"}))
    assert pairs(found["annotations"]) == [("k", "index", "index"), ("k", "manifest", "manifest")]


def test_an_index_tells_of_each_platform(store: Store) -> None:
    amd = image(user="root", layers=3)
    arm = image(architecture="arm64", variant="v7", user="app")
    found = read(store, index([arm, amd], attestations=True))
    assert found["is_index"] is True
    assert [
        (one["digest"], one["platform"], one["layer_count"], one["config"]["user"])
        for one in found["platforms"]
    ] == [
        (arm.digest, "linux/arm64/v7", 2, "app"),
        (amd.digest, "linux/amd64", 3, "root"),
    ]
    assert found["platforms"][1]["size_bytes"] == sum(len(blob.body) for blob in amd.blobs)
    assert (found["shown_digest"], found["config"]["user"]) == (amd.digest, "root")
    assert len(found["layers"]) == 3
    assert {one["kind"] for one in found["attachments"]} == {"sbom", "provenance"}


def test_a_platform_that_could_not_be_read_is_named(store: Store) -> None:
    arm = image(architecture="arm64")
    built = index([image(), arm])
    partly = BuiltManifest(built.digest, built.media_type, built.body, (), built.children[:1])
    missing = read(store, partly)["platforms"][1]
    assert (missing["digest"], missing["architecture"], missing["config"]) == (
        arm.digest,
        "arm64",
        None,
    )
    assert (missing["size_bytes"], missing["layer_count"]) == (None, None)


def test_an_index_of_very_many_platforms_tells_of_some(store: Store) -> None:
    one = image()
    body = index([one]).json
    body["manifests"] *= PLATFORMS_MAX + 1
    many = rebuilt(index([one]), body)
    assert len(read(store, many)["platforms"]) == PLATFORMS_MAX


@pytest.mark.parametrize("built", [helm_chart("web", "1.2.3", "Serves pages"), index([])])
def test_what_runs_nothing_has_an_empty_config(store: Store, built: BuiltManifest) -> None:
    found = read(store, built)
    assert found["config"]["env"] == []
    assert found["bases"] == []


def test_an_artifact_tells_its_type_and_its_files(store: Store) -> None:
    found = read(store, artifact("application/vnd.acme.set.v1", {"a.json": b"{}"}))
    assert (found["artifact_type"], found["kind"]) == ("application/vnd.acme.set.v1", "artifact")
    assert [(one["title"], one["size_bytes"]) for one in found["layers"]] == [("a.json", 2)]


@pytest.mark.parametrize(
    ("derived", "told"),
    [(3, (3, True, 3)), (DERIVED_COUNTED + 1, (DERIVED_COUNTED, False, RELATED_SHOWN))],
)
def test_derived_images_are_counted_as_far_as_is_looked(
    store: Store, derived: int, told: tuple[int, bool, int]
) -> None:
    apps = [image(seed=f"{n}", base=BASE, layers=1) for n in range(derived)]
    others = [Pushed("app", app, f"{n}") for n, app in enumerate(apps)]
    found = read(store, BASE, *others)["derived"]
    assert (found["count"], found["count_is_exact"], len(found["images"])) == told


def test_places_are_told_of_all_registries(store: Store) -> None:
    built = image()
    found = read(store, built, Pushed("a", built, "1", "second"), Pushed("b", index([built])))
    assert [(one["registry"], one["repository"], one["tags"]) for one in found["places"]] == [
        ("main", "b", ["latest"]),
        ("main", "team/web", ["latest"]),
        ("second", "a", ["1"]),
    ]
    assert found["places_have_more"] is False


def test_a_manifest_of_nothing_we_know_is_told_nevertheless(store: Store) -> None:
    built = BuiltManifest(Blob("", b"\x00\xff").digest, "application/x-odd", b"\x00\xff")
    found = read(store, built)
    assert (found["digest"], found["layers"], found["platforms"][0]["platform"]) == (
        built.digest,
        [],
        None,
    )
    assert found["warnings"]
