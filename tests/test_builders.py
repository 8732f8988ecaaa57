"""Built content is valid: digests, sizes and references fit; equal arguments give equal bytes."""

import gzip
import hashlib
from typing import Any

import pytest

from indexer.model.manifest import ManifestKind, parse_manifest
from tests import builders
from tests.builders import Blob, BuiltManifest

MANIFESTS = {
    "image": builders.image(labels={"a": "b"}, annotations={"c": "d"}),
    "docker image": builders.image(docker=True, ports=["80/tcp"], entrypoint=["/run"], user="1"),
    "without layers": builders.image(layers=0),
    "built on a base": builders.image(base=builders.image(seed="base"), seed="top"),
    "index": builders.index([builders.image(), builders.image(architecture="arm64")]),
    "attested": builders.index([builders.image()], annotations={"a": "b"}, attestations=True),
    "docker list": builders.index([builders.image(docker=True)], docker=True),
    "artifact": builders.artifact("application/vnd.acme.x", {"a.txt": b"a", "b.txt": b"b"}),
    "artifact without files": builders.artifact("application/vnd.acme.x"),
    "artifact with config": builders.artifact("", config=Blob("application/x+json", b"{}")),
    "referrer": builders.artifact("application/spdx+json", {"s": b"{}"}, subject=builders.image()),
    "helm chart": builders.helm_chart("web", "1.2.3", "A chart", keywords=["http"]),
}


def descriptors(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    config = [manifest["config"]] if "config" in manifest else []
    return [*config, *manifest.get("layers", ()), *manifest.get("manifests", ())]


@pytest.mark.parametrize("name", MANIFESTS)
def test_everything_a_manifest_points_at_comes_with_it(name: str) -> None:
    built = MANIFESTS[name]
    sizes = {blob.digest: len(blob.body) for blob in built.blobs}
    sizes |= {child.digest: len(child.body) for child in built.children}
    pointed_at = {entry["digest"]: entry["size"] for entry in descriptors(built.json)}
    assert pointed_at == sizes
    assert built.digest == "sha256:" + hashlib.sha256(built.body).hexdigest()


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_service_reads_it_without_a_warning(name: str) -> None:
    built = MANIFESTS[name]
    manifest = parse_manifest(built.body, content_type=built.media_type)
    assert manifest.warnings == ()
    assert manifest.kind in (ManifestKind.IMAGE, ManifestKind.INDEX)


def test_equal_arguments_give_equal_bytes_and_others_do_not() -> None:
    assert builders.image(seed="a") == builders.image(seed="a")
    assert builders.image(seed="a").digest != builders.image(seed="b").digest
    assert builders.image(seed="a").digest != builders.image(seed="a", os="windows").digest


def test_layers_unpack_to_what_the_config_says() -> None:
    built = builders.image(layers=3)
    diff_ids = [builders.digest_of(gzip.decompress(layer.body)) for layer in built.blobs[1:]]
    assert built.config["rootfs"]["diff_ids"] == diff_ids
    assert len(built.config["history"]) == len(diff_ids) == 3


def test_an_image_built_on_a_base_starts_with_its_layers() -> None:
    base = builders.image(seed="base", layers=2)
    built = builders.image(base=base, seed="top", layers=1)
    assert built.blobs[1:3] == base.blobs[1:]
    assert built.config["rootfs"]["diff_ids"][:2] == base.config["rootfs"]["diff_ids"]
    assert len(built.config["rootfs"]["diff_ids"]) == 3


def test_an_attestation_is_about_its_image_and_no_platform() -> None:
    child = builders.image(architecture="arm64", variant="v8")
    image, attestation = builders.index([child], attestations=True).json["manifests"]
    assert image["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    assert attestation["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert attestation["annotations"]["vnd.docker.reference.digest"] == child.digest


def test_only_images_have_a_platform() -> None:
    children = [builders.index([builders.image()]), builders.helm_chart("web", "1")]
    entries = builders.index(children).json["manifests"]
    assert [entry.get("platform") for entry in entries] == [None, None]


@pytest.mark.parametrize("make", [builders.image, lambda **given: builders.index([], **given)])
def test_docker_content_cannot_be_annotated(make: Any) -> None:
    with pytest.raises(ValueError, match="no annotations"):
        make(docker=True, annotations={"a": "b"})


def test_files_of_an_artifact_are_titled_with_their_names() -> None:
    built: BuiltManifest = MANIFESTS["artifact"]
    titles = [layer["annotations"] for layer in built.json["layers"]]
    assert titles == [{"org.opencontainers.image.title": name} for name in ("a.txt", "b.txt")]


def test_the_config_of_a_chart_is_its_chart_yaml() -> None:
    chart = builders.helm_chart("web", "1.2.3", "A chart", app_version="9", maintainers=["Ada"])
    assert chart.config["name"] == "web"
    assert chart.config["maintainers"] == [{"name": "Ada"}]
    assert chart.json["annotations"]["org.opencontainers.image.version"] == "1.2.3"
