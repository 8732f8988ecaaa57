"""Old and broken content, one test for each oddity that registries really hold."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from indexer.extract import BUILT_IN, config_descriptor
from indexer.model import CONFIG_MAX, Content, media_types
from indexer.model.manifest import Platform, parse_manifest
from indexer.model.names import digest_of
from tests.indexer.extract.samples import as_body, child, facts, image, index, labelled, layer

AMD64 = Platform("linux", "amd64")
LINUX = {"os": "linux", "architecture": "amd64"}
WIDGET = "application/vnd.acme.widget.config.v1+json"


def retyped(content: Content, body: dict[str, Any], content_type: str = "") -> Content:
    encoded = as_body(body)
    return replace(content, digest=digest_of(encoded), body=encoded, content_type=content_type)


def without_type(content: Content) -> Content:
    """Return content whose body and answer do not say what it is."""
    body = json.loads(content.body)
    del body["mediaType"]
    return retyped(content, body)


# Indexes


def test_an_index_without_a_media_type_is_one_by_its_shape() -> None:
    part = labelled({"name": "inside"})
    found = facts(without_type(index([child(part, "linux/amd64")], [part])))
    assert (found.kind, found.media_type) == ("image", media_types.OCI_INDEX)
    assert (found.title, found.platforms) == ("inside", (AMD64,))


def test_an_image_without_a_media_type_is_one_by_its_shape() -> None:
    found = facts(without_type(labelled({"name": "bare"})))
    assert (found.kind, found.media_type, found.title) == (
        "image",
        media_types.OCI_MANIFEST,
        "bare",
    )


def test_an_index_in_an_index_of_an_index_has_the_platforms_and_kind_of_the_innermost() -> None:
    chart = image({"name": "deep"}, config_type="application/vnd.cncf.helm.config.v1+json")
    inner = index([child(chart)], [chart])
    middle = index([child(inner)], [inner])
    found = facts(index([child(middle)], [middle]))
    assert (found.kind, found.title) == ("helm-chart", "deep")


def test_both_forms_of_an_attestation_in_an_index_are_left_out() -> None:
    part = image({**LINUX}, layers=[layer("a", 100)])
    attestation = image(
        {"os": "unknown", "architecture": "unknown"},
        layers=[{**layer("sbom", 9_000), "mediaType": "application/vnd.in-toto+json"}],
    )
    old = child(
        attestation,
        "unknown/unknown",
        annotations={
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": part.digest,
        },
    )
    new = child(attestation, artifactType="application/vnd.docker.attestation.manifest.v1+json")
    alone = facts(index([child(part, "linux/amd64")], [part]))
    for extra in (old, new):
        found = facts(index([child(part, "linux/amd64"), extra], [part, attestation]))
        assert found.platforms == alone.platforms
        assert found.size_bytes == alone.size_bytes
        assert found.kind == "image"


def test_two_children_for_one_platform_both_take_room() -> None:
    parts = [image({**LINUX, "n": size}, layers=[layer(f"l{size}", size)]) for size in (100, 900)]
    found = facts(index([child(one, "linux/amd64") for one in parts], parts))
    assert found.size_bytes == 1_000 + sum(len(one.config or b"") for one in parts)


def test_a_layer_that_platforms_share_counts_once() -> None:
    shared = layer("shared", 1_000)
    parts = [
        image({"os": "linux", "architecture": one}, layers=[shared, layer(one, 10)])
        for one in ("amd64", "arm64")
    ]
    names = ("linux/amd64", "linux/arm64")
    found = facts(index([child(p, n) for p, n in zip(parts, names, strict=True)], parts))
    configs = [len(one.config or b"") for one in parts]
    assert found.size_bytes == 1_000 + 10 + 10 + sum(configs)


def test_a_missing_child_has_a_platform_and_no_size() -> None:
    part = image({**LINUX})
    found = facts(index([child(part, "linux/amd64")]))
    assert (found.platforms, found.size_bytes) == ((AMD64,), None)


@pytest.mark.parametrize(
    ("written", "normal", "original"),
    [
        ({"os": "linux", "architecture": "x86_64"}, "linux/amd64", "linux/x86_64"),
        ({"os": "Linux", "architecture": "aarch64"}, "linux/arm64", "Linux/aarch64"),
        (
            {"os": "linux", "architecture": "arm64", "variant": "v8"},
            "linux/arm64",
            "linux/arm64/v8",
        ),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7", ""),
    ],
)
def test_a_platform_is_normalised_and_remembers_how_it_was_written(
    written: dict[str, str], normal: str, original: str
) -> None:
    (platform,) = facts(image(written)).platforms
    assert (str(platform), platform.original) == (normal, original)


# Configs


@pytest.mark.parametrize("config", [{"config": None}, {"config": {}}, {}, {"config": []}])
def test_a_config_that_is_null_or_wrong_leaves_the_rest(config: dict[str, Any]) -> None:
    found = facts(image({**LINUX, **config, "author": "Ann"}))
    assert (found.platforms, found.authors, found.labels) == ((AMD64,), ("Ann",), {})


def test_keys_of_odd_case_are_read_and_the_exact_spelling_wins() -> None:
    found = facts(
        image(
            {
                "OS": "linux",
                "Architecture": "arm64",
                "architecture": "amd64",
                "CONFIG": {"labels": {"name": "odd"}, "env": ["A_VERSION=1"], "uSER": "app"},
            }
        )
    )
    assert (found.platforms, found.title, found.user) == ((AMD64,), "odd", "app")
    assert found.env_values == {"A_VERSION": "1"}


@pytest.mark.parametrize(
    "never", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z"]
)
def test_a_moment_that_means_unknown_gives_way_to_the_history(never: str) -> None:
    history = [{"created": never}, {"created": "2024-05-06T07:08:09Z"}]
    found = facts(image({"created": never, "history": history}))
    assert found.created_at is not None
    assert found.created_at.year == 2024
    assert facts(image({"created": never})).created_at is None


@pytest.mark.parametrize("config_type", [media_types.OCI_CONFIG, WIDGET])
def test_a_config_at_the_limit_is_read_and_one_over_it_is_not(config_type: str) -> None:
    def padded(size: int) -> Content:
        start = json.dumps({**LINUX, "author": "Ann", "pad": ""}).encode()
        body = start[:-2] + b"x" * (size - len(start)) + start[-2:]
        return replace(image({}, config_type=config_type), config=body)

    at_limit, over = facts(padded(CONFIG_MAX)), facts(padded(CONFIG_MAX + 1))
    assert (at_limit.authors, at_limit.warnings) == (("Ann",), ())
    assert over.authors == ()
    assert "is not read" in over.warnings[0]


@pytest.mark.parametrize("config_type", [media_types.OCI_CONFIG, WIDGET])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b'{"a":' * 100, b"{" * 10])
def test_a_config_that_is_not_a_json_object_is_one_warning(config_type: str, body: bytes) -> None:
    content = replace(image(config_type=config_type, annotations={"name": "here"}), config=body)
    found = facts(content)
    assert found.title == "here"
    assert len(found.warnings) == 1


# Content inside of descriptors


def inline(config: bytes, data: object, config_type: str = WIDGET) -> Content:
    """Return an artifact whose descriptor carries ``data`` as its config, which was not read."""
    body = as_body(
        {
            "mediaType": media_types.OCI_MANIFEST,
            "config": {
                "mediaType": config_type,
                "digest": digest_of(config),
                "size": len(config),
                "data": data,
            },
            "layers": [],
        }
    )
    return Content(digest_of(body), media_types.OCI_MANIFEST, body)


def test_a_config_inside_its_descriptor_needs_no_fetch() -> None:
    config = as_body({"name": "inside"})
    assert facts(inline(config, b64encode(config).decode())).title == "inside"
    labels = as_body({"config": {"Labels": {"name": "label"}}})
    found = facts(inline(labels, b64encode(labels).decode(), media_types.OCI_CONFIG))
    assert found.title == "label"


@pytest.mark.parametrize(
    "data",
    [
        b64encode(as_body({"name": "another"})).decode(),
        "not base64!",
        "e30",
        5,
        None,
        "A" * 400_000,
    ],
)
def test_data_that_is_not_what_the_digest_names_is_left_alone(data: object) -> None:
    content = inline(as_body({"name": "inside"}), data)
    assert facts(content).title == ""
    manifest = parse_manifest(content.body)
    assert manifest.config is not None
    assert manifest.config.data == b""


def test_an_empty_config_is_never_fetched_nor_read() -> None:
    content = image(config_type=media_types.EMPTY, artifactType="application/vnd.acme")
    assert config_descriptor(parse_manifest(content.body), kinds=BUILT_IN) is None
    assert facts(replace(content, config=b"broken")).warnings == ()


# Types that are gone


def test_an_artifact_manifest_has_its_files_and_its_subject() -> None:
    about = labelled({"name": "subject"})
    body = as_body(
        {
            "mediaType": media_types.ORAS_ARTIFACT,
            "artifactType": "application/spdx+json",
            "blobs": [
                {**layer("b", 3), "annotations": {"org.opencontainers.image.title": "b.json"}}
            ],
            "subject": child(about),
        }
    )
    found = facts(Content(digest_of(body), media_types.ORAS_ARTIFACT, body))
    assert (found.kind, found.role, found.contents) == ("sbom", "attachment", ("b.json",))


def test_a_manifest_that_only_says_what_it_is_about_is_attached_to_it() -> None:
    about = labelled({"name": "subject"})
    content = image(config_type=media_types.EMPTY, artifactType="application/vnd.acme.note")
    noted = retyped(content, {**json.loads(content.body), "subject": child(about)})
    assert (facts(content).role, facts(noted).role) == ("content", "attachment")


@pytest.mark.parametrize(
    "wrong",
    [
        {"annotations": ["a"]},
        {"annotations": {"name": 5}},
        {"layers": {"a": 1}},
        {"layers": [None, 5, {"digest": "no"}]},
        {"config": []},
        {"config": {"digest": 5, "mediaType": {}}},
        {"artifactType": 5},
        {"subject": "sha256:abc"},
        {"mediaType": []},
    ],
)
def test_a_field_of_the_wrong_type_drops_that_field_only(wrong: dict[str, Any]) -> None:
    content = image({**LINUX}, layers=[layer("a", 5)], annotations={"vendor": "Acme"})
    found = facts(retyped(content, {**json.loads(content.body), **wrong}))
    assert found.kind in ("image", "artifact")
    assert "annotations" in wrong or found.vendor == "Acme"
    assert "layers" in wrong or found.layer_counts == (1,)
    assert found.warnings or wrong == {"mediaType": []}


@pytest.mark.parametrize("name", ["annotations", "layers", "subject", "artifactType"])
def test_null_is_the_same_as_absent(name: str) -> None:
    content = image({**LINUX})
    with_null = retyped(content, {**json.loads(content.body), name: None}, content.content_type)
    found = facts(with_null)
    assert (found.kind, found.platforms, found.warnings) == ("image", (AMD64,), ())


def test_what_an_unknown_config_says_is_found_but_not_its_secrets() -> None:
    config = {"deep": {"list": [{"word": "needle"}]}, "api_key": "x", "run": "go --token=y"}
    found = facts(image(config, config_type=WIDGET))
    assert found.properties == {"config": ("run: go --token=***", "word: needle")}
