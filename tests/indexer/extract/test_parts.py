"""Indexes: which children count, which one speaks, and hostile nesting."""

from typing import Any

import pytest

from indexer.model import Content, media_types
from indexer.model.manifest import Platform
from indexer.model.names import digest_of
from tests.indexer.extract.samples import child, facts, image, index, labelled, layer

ATTESTATION = {"vnd.docker.reference.type": "attestation-manifest"}
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def for_platform(architecture: str, title: str = "") -> Content:
    labels = {"title": title, f"only.{architecture}": title, "name": title}
    return image(
        {"os": "linux", "architecture": architecture, "config": {"Labels": labels}},
        layers=[layer("base", 100), layer(architecture, 10)],
    )


def test_linux_amd64_speaks_for_an_index_wherever_it_stands() -> None:
    arm, amd = for_platform("arm64", "arm"), for_platform("amd64", "amd")
    found = facts(index([child(arm, "linux/arm64"), child(amd, "linux/amd64")], [arm, amd]))
    assert found.title == "amd"
    assert found.platforms == (ARM64, AMD64)
    assert found.labels == {
        "title": "amd",
        "name": "amd",
        "only.amd64": "amd",
        "only.arm64": "arm",
    }


def test_without_linux_amd64_the_first_platform_speaks() -> None:
    attestation, arm = for_platform("unknown", "no"), for_platform("arm64", "arm")
    other = for_platform("s390x", "other")
    found = facts(
        index(
            [
                child(attestation, "unknown/unknown", annotations=ATTESTATION),
                child(arm, "linux/arm64"),
                child(other, "linux/s390x"),
            ],
            [attestation, arm, other],
        )
    )
    assert (found.title, len(found.children)) == ("arm", 3)
    assert "only.unknown" not in found.labels


@pytest.mark.parametrize(
    "extra",
    [
        {"platform": {"os": "unknown", "architecture": "unknown"}},
        {"annotations": ATTESTATION},
        {"annotations": {"vnd.docker.reference.type": "something-else"}},
        {"artifactType": "application/vnd.docker.attestation.manifest.v1+json"},
    ],
)
def test_attestations_in_every_form_are_no_platform_and_no_size(extra: dict[str, object]) -> None:
    amd, attestation = for_platform("amd64"), image(layers=[layer("sbom", 10_000)])
    found = facts(
        index([child(amd, "linux/amd64"), child(attestation) | extra], [amd, attestation])
    )
    assert found.platforms == (AMD64,)
    assert found.size_bytes == 110 + len(amd.config or b"")


def test_a_missing_child_keeps_its_platform_and_fails_nothing() -> None:
    amd, arm = for_platform("amd64", "amd"), for_platform("arm64", "arm")
    found = facts(index([child(amd, "linux/amd64"), child(arm, "linux/arm64")], [arm]))
    assert found.platforms == (AMD64, ARM64)
    assert found.title == "arm"
    assert found.layer_counts == (2,)
    assert found.children == (amd.digest, arm.digest)
    assert found.warnings == ("1 children are not in the store",)


def test_an_index_without_any_stored_child_has_its_descriptors() -> None:
    amd = for_platform("amd64")
    found = facts(index([child(amd, "linux/amd64", annotations={"name": "from descriptor"})]))
    assert (found.kind, found.title, found.platforms) == ("image", "from descriptor", (AMD64,))


def test_an_empty_index_has_its_own_annotations() -> None:
    found = facts(index([], annotations={"name": "hollow"}))
    assert (found.kind, found.title, found.annotations) == ("image", "hollow", {"name": "hollow"})
    assert (found.platforms, found.children, found.size_bytes) == ((), (), 0)


def test_duplicate_platforms_are_named_once_in_index_order() -> None:
    parts = [for_platform("amd64", name) for name in ("first", "second")]
    arm = for_platform("arm64")
    descriptors = [child(parts[0], "linux/amd64"), child(arm, "linux/arm64/v8")]
    found = facts(index([*descriptors, child(parts[1], "linux/x86_64")], [*parts, arm]))
    assert found.platforms == (AMD64, ARM64)
    assert found.title == "first"


def test_the_index_names_the_platform_and_the_config_fills_gaps() -> None:
    """Cross-built configs often claim the builder's platform; clients choose by the index."""
    wrong = image({"os": "linux", "architecture": "amd64"})
    exact = image({"os": "linux", "architecture": "arm", "variant": "v7"})
    bare = image({"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"})
    descriptors = [child(wrong, "linux/riscv64"), child(exact, "linux/arm"), child(bare)]
    found = facts(index(descriptors, [wrong, exact, bare]))
    assert [str(platform) for platform in found.platforms] == [
        "linux/riscv64",
        "linux/arm/v7",
        "windows/amd64:10.0.17763.1",
    ]


def test_a_nested_index_is_walked_and_its_annotations_count() -> None:
    amd, arm = for_platform("amd64", "amd"), for_platform("arm64", "arm")
    inner = index([child(amd, "linux/amd64")], [amd], annotations={"name": "in", "vendor": "in"})
    outer = index([child(arm, "linux/arm64"), child(inner)], [arm, inner])
    found = facts(outer)
    assert (found.title, found.vendor) == ("in", "in")
    assert found.platforms == (ARM64, AMD64)
    assert found.children == (arm.digest, inner.digest)


def test_indexes_deeper_than_four_are_not_walked() -> None:
    content = for_platform("amd64")
    for _ in range(6):
        content = index([child(content)], [content])
    found = facts(content)
    assert found.platforms == ()
    assert "indexes are nested deeper than 4" in found.warnings


def test_an_index_that_lists_an_index_a_thousand_times_costs_little() -> None:
    """Walked in full, these four levels would be visited a million million times."""
    content = for_platform("amd64")
    for _ in range(4):
        content = index([child(content)] * 1_000, [content])
    found = facts(content)
    assert "more than 1000 children over all levels" in found.warnings


def test_a_child_of_an_unknown_type_is_opaque_and_no_error() -> None:
    amd = for_platform("amd64", "amd")
    odd = Content(digest_of(b"odd"), "application/vnd.acme.thing", b"odd")
    found = facts(index([child(odd), child(amd, "linux/amd64")], [odd, amd]))
    assert (found.kind, found.title, found.platforms) == ("image", "amd", (AMD64,))
    assert any("not JSON" in warning for warning in found.warnings)


def test_an_index_of_artifacts_is_an_artifact() -> None:
    chart = image(config_type="application/vnd.acme.chart.config.v1+json")
    found = facts(index([child(chart)], [chart]))
    assert (found.kind, found.artifact_name) == ("artifact", "acme chart")


@pytest.mark.parametrize(
    "own",
    [
        {"artifactType": "application/vnd.acme.bundle"},
        {"annotations": {"org.opencontainers.artifactType": "application/vnd.acme.bundle"}},
    ],
)
def test_an_index_with_a_type_of_its_own_is_an_artifact(own: dict[str, Any]) -> None:
    amd = for_platform("amd64")
    found = facts(index([child(amd, "linux/amd64")], [amd], **own))
    assert (found.kind, found.artifact_type) == ("artifact", "application/vnd.acme.bundle")
    assert found.artifact_name == "acme bundle"


def test_a_docker_list_is_an_index() -> None:
    amd = labelled({"name": "docker"})
    content = index([child(amd, "linux/amd64")], [amd], media_type=media_types.DOCKER_LIST)
    found = facts(content)
    assert (found.media_type, found.title) == (media_types.DOCKER_LIST, "docker")
