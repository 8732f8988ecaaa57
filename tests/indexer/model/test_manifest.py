"""Parsing manifests: their kind, and the parts that survive in a broken one."""

import json
from typing import Any

import pytest

from indexer.model import media_types as types
from indexer.model.manifest import (
    Descriptor,
    Manifest,
    ManifestKind,
    Platform,
    normalised_platform,
    parse_manifest,
)
from indexer.model.names import digest_of

A, B = digest_of(b"a"), digest_of(b"b")
OWN = "application/vnd.acme.thing.v1+json"


def parse(value: Any, *, media_type: str = "", content_type: str = "") -> Manifest:
    return parse_manifest(
        json.dumps(value).encode(), media_type=media_type, content_type=content_type
    )


def described(**fields: Any) -> dict[str, Any]:
    return {"mediaType": types.OCI_CONFIG, "digest": A, "size": 5, **fields}


@pytest.mark.parametrize(
    ("body", "descriptor_type", "content_type", "kind", "media_type"),
    [
        # The descriptor's type, then the body's, then the header's, then the shape.
        ({"mediaType": types.OCI_INDEX}, types.OCI_MANIFEST, "", "image", types.OCI_MANIFEST),
        ({"mediaType": types.OCI_INDEX}, "", types.OCI_MANIFEST, "index", types.OCI_INDEX),
        ({}, "", f"{types.DOCKER_LIST}; charset=utf-8", "index", types.DOCKER_LIST),
        ({}, "", types.DOCKER_MANIFEST.upper(), "image", types.DOCKER_MANIFEST),
        ({"manifests": []}, "", "", "index", types.OCI_INDEX),
        ({"manifests": []}, "", "application/json", "index", types.OCI_INDEX),
        ({"layers": []}, "", "text/plain", "image", types.OCI_MANIFEST),
        ({"config": {}}, "", "", "image", types.OCI_MANIFEST),
        ({"fsLayers": []}, "", "", "schema1", types.SCHEMA1),
        ({"blobs": []}, "", "", "artifact", types.OCI_ARTIFACT),
        ({"mediaType": types.ORAS_ARTIFACT}, "", "", "artifact", types.ORAS_ARTIFACT),
        ({"manifests": []}, OWN, "", "index", OWN),
        ({"mediaType": OWN, "layers": []}, "", "", "image", OWN),
        ({"mediaType": OWN}, "", "", "opaque", OWN),
        ({"mediaType": 5, "manifests": None}, "", "", "opaque", types.OCTET_STREAM),
    ],
)
def test_what_a_body_is(
    body: dict[str, Any], descriptor_type: str, content_type: str, kind: str, media_type: str
) -> None:
    found = parse(body, media_type=descriptor_type, content_type=content_type)
    assert (found.kind, found.media_type) == (ManifestKind(kind), media_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"<html></html>",
        b"\xff\xfe{\x00}\x00",
        b'{"a": 1} trailing',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 1_000_000,
        b'{"a": "' + b"\\" * 99_999,
        b'{"layers": [' + b"[]," * 1_000_000 + b"[]]}",
    ],
)
def test_what_is_no_json_object_is_opaque(body: bytes) -> None:
    found = parse_manifest(body, content_type="text/html")
    assert (found.kind, found.media_type) == (ManifestKind.OPAQUE, "text/html")
    assert len(found.warnings) == 1
    assert len(found.warnings[0]) < 300


def test_an_image_manifest() -> None:
    found = parse(
        {
            "schemaVersion": 2,
            "mediaType": types.OCI_MANIFEST,
            "config": described(),
            "layers": [described(digest=B, annotations={"k": "v"}, urls=["https://x"])],
            "subject": described(),
            "annotations": {"a": "b"},
            "unknown": {"deep": [1]},
        }
    )
    assert found == Manifest(
        kind=ManifestKind.IMAGE,
        media_type=types.OCI_MANIFEST,
        artifact_type=types.OCI_CONFIG,
        config=Descriptor(types.OCI_CONFIG, A, 5),
        layers=(Descriptor(types.OCI_CONFIG, B, 5, annotations={"k": "v"}),),
        subject=Descriptor(types.OCI_CONFIG, A, 5),
        annotations={"a": "b"},
    )
    assert found.is_image


def test_schema_1_layers_are_given_base_first() -> None:
    found = parse({"fsLayers": [{"blobSum": B}, {"blobSum": A}, 7, {"blobSum": 7}]})
    assert [layer.digest for layer in found.layers] == [A, B]
    assert found.is_image
    assert len(found.warnings) == 1


def test_an_artifact_manifest_has_blobs() -> None:
    found = parse({"blobs": [described()], "artifactType": "application/vnd.acme"})
    assert [blob.digest for blob in found.layers] == [A]
    assert not found.is_image


@pytest.mark.parametrize(
    ("body", "artifact_type", "is_image"),
    [
        ({"config": described(), "artifactType": OWN}, OWN, False),
        ({"config": described(mediaType=OWN)}, OWN, False),
        ({"config": described(mediaType=types.DOCKER_CONFIG)}, types.DOCKER_CONFIG, True),
        ({"config": described(mediaType=types.EMPTY)}, "", False),
        ({"config": described(mediaType=types.EMPTY), "artifactType": OWN}, OWN, False),
        ({"config": described(mediaType=None)}, "", True),
        ({"layers": []}, "", True),
        ({"manifests": [], "artifactType": OWN}, OWN, False),
        ({"manifests": [], "annotations": {"org.opencontainers.artifactType": OWN}}, OWN, False),
        ({"layers": [], "annotations": {"org.opencontainers.artifactType": OWN}}, "", True),
    ],
)
def test_artifact_type(body: dict[str, Any], artifact_type: str, is_image: bool) -> None:
    found = parse(body)
    assert (found.artifact_type, found.is_image) == (artifact_type, is_image)


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ({"layers": {}, "config": {}}, "layers is not a list"),
        ({"layers": [5]}, "layers is not an object"),
        ({"layers": [{"digest": "../../etc"}]}, "layers: not a digest"),
        ({"layers": [{"mediaType": "x"}]}, "layers: not a digest"),
        ({"layers": [], "subject": "x"}, "subject is not an object"),
        ({"layers": [], "annotations": []}, "annotations is not an object"),
        ({"layers": [], "annotations": {"a": 1, "b": "c"}}, "annotations: 1 pairs"),
        ({"layers": [], "annotations": {"": "c"}}, "annotations: 1 pairs"),
        ({"layers": [], "artifactType": ["x"]}, "artifactType is not a short text"),
        ({"layers": [], "mediaType": "x" * 2_000}, "mediaType is not a short text"),
        ({"layers": [described(mediaType=9)]}, "mediaType is not a short text"),
    ],
)
def test_a_wrong_type_drops_that_field_and_is_noted(body: dict[str, Any], warning: str) -> None:
    found = parse(body)
    assert found.kind is ManifestKind.IMAGE
    assert any(text.startswith(warning) for text in found.warnings), found.warnings


def test_null_is_as_absent() -> None:
    fields = ("mediaType", "artifactType", "config", "subject", "annotations")
    found = parse({"layers": [], **dict.fromkeys(fields)})
    assert found == Manifest(kind=ManifestKind.IMAGE, media_type=types.OCI_MANIFEST)


def test_a_type_that_disagrees_with_the_header_is_noted() -> None:
    found = parse({"mediaType": types.OCI_INDEX}, content_type=types.DOCKER_LIST)
    assert len(found.warnings) == 1
    assert not parse({"mediaType": types.OCI_INDEX}, content_type=types.OCI_INDEX).warnings


@pytest.mark.parametrize("size", [-1, 2**63, "5", 1.5, True, None])
def test_a_size_that_is_none_is_unknown(size: object) -> None:
    assert parse({"layers": [described(size=size)]}).layers[0].size_bytes is None


def test_everything_is_bounded() -> None:
    found = parse(
        {
            "layers": [described()] * 1_500,
            "annotations": {
                **{f"key {number}": "v" for number in range(1_500)},
                "k" * 2_000: "v",
            },
        },
        content_type="x" * 100_000,
    )
    assert (len(found.layers), len(found.annotations)) == (1_000, 1_000)
    assert len(parse({"manifests": [described()] * 1_500}).children) == 1_000
    assert len(parse({"layers": [5] * 1_000}).warnings) == 100
    long = parse({"layers": [], "annotations": {"k": "v" * 100_000}})
    assert len(long.annotations["k"]) == 65_536
    assert len(parse({}, content_type="x" * 100_000).media_type) <= 1_024


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("linux", "amd64"), "linux/amd64"),
        (("Linux", "X86_64"), "linux/amd64"),
        (("linux", "aarch64", "V8"), "linux/arm64"),
        (("linux", "arm64", "v9"), "linux/arm64/v9"),
        (("linux", "arm", "v7"), "linux/arm/v7"),
        (("windows", "amd64", "", "10.0.1"), "windows/amd64:10.0.1"),
        (("linux", "amd64", "", "5.4"), "linux/amd64"),
    ],
)
def test_platforms_have_one_spelling(parts: tuple[str, ...], name: str) -> None:
    assert str(normalised_platform(*parts)) == name


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ({"os": "linux", "architecture": "amd64", "features": ["x"]}, Platform("linux", "amd64")),
        ({"os": "linux"}, Platform("linux", "")),
        ({"os": 5, "architecture": None}, None),
        ({"os": "linux\x1b[2J", "architecture": "a/b"}, None),
        ({"os": "l" * 200, "architecture": "amd64"}, Platform("", "amd64")),
        ({}, None),
        ("linux/amd64", None),
    ],
)
def test_the_platform_of_a_descriptor(platform: object, expected: Platform | None) -> None:
    found = parse({"manifests": [described(platform=platform)]})
    assert found.children[0].platform == expected


@pytest.mark.parametrize(
    ("platform", "is_real"),
    [
        (Platform("linux", "amd64"), True),
        (Platform("unknown", "unknown"), False),
        (Platform("linux", "unknown"), False),
        (Platform("linux", ""), False),
    ],
)
def test_is_real(platform: Platform, is_real: bool) -> None:
    assert platform.is_real == is_real


@pytest.mark.parametrize(
    ("fields", "is_attestation"),
    [
        ({}, False),
        ({"platform": {"os": "linux", "architecture": "amd64"}}, False),
        ({"platform": {"os": "unknown", "architecture": "unknown"}}, True),
        ({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}, True),
        ({"annotations": {"vnd.docker.reference.type": ""}}, False),
        ({"artifactType": "application/vnd.docker.attestation.manifest.v1+json"}, True),
    ],
)
def test_is_attestation(fields: dict[str, Any], is_attestation: bool) -> None:
    assert parse({"manifests": [described(**fields)]}).children[0].is_attestation == is_attestation
