"""Every field of whole objects, recorded and made."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from indexer.extract import BUILT_IN, EXTRACT_VERSION, config_descriptor
from indexer.model import Content, media_types
from indexer.model.manifest import Platform, parse_manifest
from indexer.model.names import Digest, digest_of
from tests.indexer.extract.samples import (
    SAMPLES,
    as_body,
    blob,
    child,
    facts,
    image,
    index,
    labelled,
    layer,
    recorded,
)

WEBAPP = "sha256:b237613bb0197d3a6d4fd24d43a88cd43ec618703fd5a081e3ca5c5d7dcaf918"
MULTI = "sha256:87cdfeea69a9e49837d84cc5470f4653567726a928a6026f870ebfe1f42d0114"
EMPTY_OBJECT = digest_of(b"{}")
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

NOTHING: dict[str, Any] = {
    "kind": "artifact",
    "kind_names": ("artifact",),
    "is_image": False,
    "role": "content",
    "artifact_type": "",
    "artifact_name": "",
    "media_type": "",
    "media_types": (),
    "title": "",
    "description": "",
    "summary": "",
    "version": "",
    "revision": "",
    "source": "",
    "url": "",
    "documentation": "",
    "vendor": "",
    "authors": (),
    "licenses": (),
    "license_expression": "",
    "keywords": (),
    "category": "",
    "base_name": "",
    "base_digest": "",
    "component": "",
    "deprecated": False,
    "prerelease": False,
    "inherited_fields": (),
    "properties": {},
    "contents": (),
    "created_at": None,
    "moments": (),
    "platforms": (),
    "ports": (),
    "volumes": (),
    "entrypoint": (),
    "cmd": (),
    "env_names": (),
    "env_values": {},
    "user": "",
    "labels": {},
    "inherited_labels": (),
    "annotations": {},
    "size_bytes": 0,
    "layer_counts": (),
    "children": (),
    "warnings": (),
}
LABELS = {
    "org.opencontainers.image.title": "webapp",
    "org.opencontainers.image.description": "webapp: demo service for search tests",
    "org.opencontainers.image.version": "1.0",
    "org.opencontainers.image.source": "https://git.example.com/team/webapp",
    "org.opencontainers.image.revision": "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567",
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.vendor": "Example GmbH — Zürich",
    "com.example.team": "platform",
    "com.example.tier": "backend",
    "maintainer": "platform@example.com",
}


WEBAPP_FACTS = NOTHING | {
    "kind": "image",
    "kind_names": ("image",),
    "is_image": True,
    "media_type": media_types.OCI_MANIFEST,
    "media_types": (media_types.OCI_MANIFEST, media_types.OCI_CONFIG, OCI_LAYER),
    "title": "webapp",
    "description": "webapp: demo service for search tests",
    "summary": "webapp: demo service for search tests",
    "version": "1.0",
    "revision": "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567",
    "source": "https://git.example.com/team/webapp",
    "vendor": "Example GmbH — Zürich",
    "authors": ("platform@example.com",),
    "licenses": ("Apache-2.0",),
    "license_expression": "Apache-2.0",
    "created_at": datetime(2026, 11, 2, 10, tzinfo=UTC),
    "moments": (datetime(2026, 11, 2, 10, tzinfo=UTC),),
    "platforms": (AMD64,),
    "ports": ("8080/tcp", "9090/udp"),
    "volumes": ("/data",),
    "entrypoint": ("/app/run",),
    "cmd": ("--serve",),
    "env_names": ("PATH", "APP_VERSION", "LANG"),
    "env_values": {"APP_VERSION": "1.0"},
    "user": "1000:1000",
    "labels": LABELS,
    "annotations": {"org.opencontainers.image.version": "1.0"},
    "size_bytes": 176 + 144 + 121 + 1458,
    "layer_counts": (3,),
}


def every_field(content: Content) -> dict[str, Any]:
    """Return all facts, platforms as they are rather than as mappings."""
    found = facts(content)
    return asdict(found) | {"platforms": found.platforms}


def test_an_oci_image() -> None:
    assert every_field(recorded("webapp", WEBAPP, media_types.OCI_MANIFEST)) == WEBAPP_FACTS


def test_its_docker_twin_means_the_same_but_for_annotations() -> None:
    text = blob("webapp", WEBAPP).decode()
    config = recorded("webapp", WEBAPP, media_types.OCI_MANIFEST).config
    for oci, docker in (
        (media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST),
        (media_types.OCI_CONFIG, media_types.DOCKER_CONFIG),
        ('"annotations"', '"ignored"'),
    ):
        text = text.replace(oci, docker)
    body = text.encode()
    twin = Content(digest_of(body), media_types.DOCKER_MANIFEST, body, config=config)
    assert every_field(twin) == WEBAPP_FACTS | {
        "media_type": media_types.DOCKER_MANIFEST,
        "media_types": (media_types.DOCKER_MANIFEST, media_types.DOCKER_CONFIG, OCI_LAYER),
        "annotations": {},
    }


def test_a_recorded_index_with_an_attestation() -> None:
    found = every_field(recorded("multi", MULTI, media_types.OCI_INDEX))
    labels = {key: value.replace("webapp", "multi") for key, value in LABELS.items()}
    assert found == WEBAPP_FACTS | {
        "media_type": media_types.OCI_INDEX,
        "media_types": (media_types.OCI_INDEX, *WEBAPP_FACTS["media_types"]),
        "title": "multi",
        "description": "multi-platform demo",
        "summary": "multi-platform demo",
        "source": "https://git.example.com/team/multi",
        "created_at": datetime(2026, 11, 1, 10, tzinfo=UTC),
        "moments": (datetime(2026, 11, 1, 10, tzinfo=UTC),),
        "platforms": (AMD64, ARM64, Platform("linux", "arm", "v7")),
        "labels": labels,
        "annotations": {
            "org.opencontainers.image.title": "multi",
            "org.opencontainers.image.description": "multi-platform demo",
        },
        "size_bytes": 176 + (139 + 1317) + (139 + 1332) + (138 + 1330),
        "layer_counts": (2,),
        "children": (
            "sha256:1657cf9342165abbd839b6fe16bcf508931af7337157f0753c184ec32caa6006",
            "sha256:50b87963ccf2ef9fb0c93e67b111b2ea505bc8d5afbcdb35697484800afd8696",
            "sha256:f116e6403d0b2790ab172c6c486c2407b2f320f494df33038051c7f53514d972",
            "sha256:668a2f18d45ba0a26d6f39cf588c8cd84aa9acba88d3b730761f0be4086a350b",
        ),
    }


def test_a_signed_schema_1_manifest_reports_the_base_first() -> None:
    body = (SAMPLES / "schema1" / "webapp.json").read_bytes()
    content = Content(digest_of(body), media_types.SCHEMA1_SIGNED, body)
    found = every_field(content)
    created = datetime(2026, 11, 3, 10, tzinfo=UTC)
    layers = (
        "sha256:48ba5b3fbf325f684ab7c1d6b279f516708535dd286ecf849099e4e83f24aee1",
        "sha256:7946f0b5d61fb89377a957da8f3e49413a0c8c916cda2ab59682480d64f2e2d4",
        "sha256:aa7bd8a90ae32fd1ecbc50918fa5a79eaa0c3212de95fe269e303647d9c173a6",
    )
    assert found == WEBAPP_FACTS | {
        "media_type": media_types.SCHEMA1_SIGNED,
        "media_types": (media_types.SCHEMA1_SIGNED, media_types.DOCKER_LAYER),
        "version": "1.1",
        "created_at": created,
        "moments": (created,),
        "env_values": {"APP_VERSION": "1.1"},
        "labels": LABELS | {"org.opencontainers.image.version": "1.1"},
        "annotations": {},
        "size_bytes": None,
    }
    assert tuple(one.digest for one in content.manifest.layers) == layers


def test_an_artifact_with_an_empty_config_and_an_artifact_type() -> None:
    content = image(
        config_type=media_types.EMPTY,
        layers=[layer("readme", 11)],
        artifactType="application/vnd.acme.rocket.config.v1+json",
        annotations={
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            "org.opencontainers.image.title": "Rocket",
        },
    )
    assert every_field(content) == NOTHING | {
        "artifact_type": "application/vnd.acme.rocket.config.v1+json",
        "artifact_name": "acme rocket",
        "kind_names": ("artifact", "acme-rocket"),
        "media_type": media_types.OCI_MANIFEST,
        "media_types": (media_types.OCI_MANIFEST, media_types.EMPTY, OCI_LAYER),
        "title": "Rocket",
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "moments": (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),),
        "annotations": {
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            "org.opencontainers.image.title": "Rocket",
        },
        "size_bytes": 13,
        "layer_counts": (1,),
    }


def test_a_manifest_of_an_unknown_type_is_read_by_its_shape() -> None:
    content = image(
        {"os": "linux", "architecture": "amd64"},
        config_type="application/vnd.acme.widget.config.v1+json",
        media_type="application/vnd.acme.manifest.v9+json",
        annotations={"description": "A widget. It turns."},
        layers=[layer("a", 5)],
    )
    assert every_field(content) == NOTHING | {
        "artifact_type": "application/vnd.acme.widget.config.v1+json",
        "artifact_name": "acme widget",
        "kind_names": ("artifact", "acme-widget"),
        "properties": {"config": ("os: linux", "architecture: amd64")},
        "media_type": "application/vnd.acme.manifest.v9+json",
        "media_types": (
            "application/vnd.acme.manifest.v9+json",
            "application/vnd.acme.widget.config.v1+json",
            OCI_LAYER,
        ),
        "description": "A widget. It turns.",
        "summary": "A widget.",
        "annotations": {"description": "A widget. It turns."},
        "size_bytes": 5 + len(content.config or b""),
        "layer_counts": (1,),
    }


def test_a_body_that_is_not_json_is_opaque() -> None:
    body = b"\x89PNG\r\n"
    found = every_field(Content(digest_of(body), "application/vnd.acme.picture.v2", body))
    warnings = found.pop("warnings")
    assert "not UTF-8" in warnings[0]
    assert len(warnings) == 1
    assert found | {"warnings": ()} == NOTHING | {
        "media_type": "application/vnd.acme.picture.v2",
        "media_types": ("application/vnd.acme.picture.v2",),
        "artifact_name": "acme picture",
        "size_bytes": None,
        "kind_names": ("artifact", "acme-picture"),
    }


def test_an_artifact_manifest_of_the_release_candidates() -> None:
    body = as_body(
        {
            "mediaType": media_types.OCI_ARTIFACT,
            "artifactType": "application/vnd.acme.sbom",
            "blobs": [layer("b", 3), layer("c", 4)],
            "annotations": {"org.opencontainers.image.description": "parts"},
        }
    )
    found = facts(Content(digest_of(body), media_types.OCI_ARTIFACT, body))
    assert (found.kind, found.artifact_type) == ("artifact", "application/vnd.acme.sbom")
    assert found.layer_counts == (2,)
    assert (found.size_bytes, found.description) == (7, "parts")


@pytest.mark.parametrize(
    ("media_type", "size", "digest", "is_worth_it"),
    [
        (media_types.OCI_CONFIG, 1_000, digest_of(b"a"), True),
        (media_types.DOCKER_CONFIG, 1_000, digest_of(b"a"), True),
        ("application/vnd.cncf.helm.config.v1+json", 4 * 1024 * 1024, digest_of(b"a"), True),
        ("application/vnd.unknown.config.v1+json", 20, digest_of(b"a"), True),
        ("application/json", 20, digest_of(b"a"), True),
        ("", 20, digest_of(b"a"), True),
        (media_types.OCI_CONFIG, 4 * 1024 * 1024 + 1, digest_of(b"a"), False),
        (media_types.EMPTY, 2, EMPTY_OBJECT, False),
        (media_types.EMPTY, 3, digest_of(b"a"), False),
        ("application/vnd.unknown.config.v1+json", 2, EMPTY_OBJECT, False),
        ("application/vnd.fermyon.spin.application.v1+config", 20, digest_of(b"a"), True),
        ("application/vnd.cncf.artifacthub.config.v1+yaml", 20, digest_of(b"a"), False),
        (media_types.OCTET_STREAM, 20, digest_of(b"a"), False),
    ],
)
def test_which_configs_are_worth_fetching(
    media_type: str, size: int, digest: Digest, is_worth_it: bool
) -> None:
    body = as_body(
        {"config": {"mediaType": media_type, "digest": digest, "size": size}, "layers": []}
    )
    found = config_descriptor(parse_manifest(body), kinds=BUILT_IN)
    assert (found is not None) == is_worth_it
    assert found is None or found.digest == digest


@pytest.mark.parametrize("body", [b'{"manifests": []}', b'{"fsLayers": []}', b"{}", b"no"])
def test_what_has_no_config_needs_none(body: bytes) -> None:
    assert config_descriptor(parse_manifest(body), kinds=BUILT_IN) is None


def test_a_config_that_was_not_read_leaves_the_annotations() -> None:
    content = replace(labelled({"title": "x"}), config=None)
    found = facts(content)
    assert (found.kind, found.labels, found.platforms, found.warnings) == ("image", {}, (), ())


def test_sizes_stay_within_what_a_database_holds() -> None:
    content = image(layers=[layer("a", 2**63 - 1), layer("b", 2**63 - 1)])
    assert facts(content).size_bytes == 2**63 - 1


def test_the_same_blob_twice_is_stored_and_counted_once() -> None:
    found = facts(image(layers=[layer("a", 10), layer("a", 10)]))
    assert found.layer_counts == (2,)
    assert found.size_bytes == 10 + len(b"{}")


def test_warnings_are_bounded() -> None:
    content = index([child(image(), "linux/amd64", annotations=[1])] * 500, [image()])
    found = facts(content)
    assert found.warnings == ("manifests annotations is not an object",)
    many = image(layers=[{"digest": f"bad {number}"} for number in range(900)])
    assert len(facts(many).warnings) == 100


def test_the_version_of_the_extractor_counts_from_one() -> None:
    assert EXTRACT_VERSION >= 1
