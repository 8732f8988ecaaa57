"""Facets: what is counted, as it is shown, and not without end."""

from dataclasses import replace

from indexer.documents import (
    FACET_VALUE_MAX,
    LABEL_FACETS_MAX,
    PAIRS_MAX,
    VALUES_MAX,
    Attached,
    image_document,
)
from indexer.extract import Claim, ClaimType
from indexer.model.names import Digest, RepositoryName
from tests import builders
from tests.indexer.documents.made import (
    FULL,
    OCI,
    ROW,
    SYSTEM_TAG,
    described,
    image_of,
    on_base,
    repository_of,
)


def values(found: frozenset[tuple[str, str]], facet: str) -> set[str]:
    return {value for name, value in found if name == facet}


def test_an_image_s_facets_are_as_they_are_shown() -> None:
    found = image_of(FULL).facets
    assert {pair for pair in found if not pair[0].startswith("label:")} == {
        ("registry", "Default"),
        ("namespace", "team"),
        ("kind", "image"),
        ("platform", "linux/arm64/v9"),
        ("arch", "arm64"),
        ("os", "linux"),
        ("tag", "latest"),
        ("license", "MIT"),
        ("vendor", "Example Ltd"),
    }
    assert values(found, "label:com.example.Team") == {"Payments"}


def test_what_is_attached_is_counted() -> None:
    def attached(claim: Claim) -> Attached:
        return Attached(Digest(f"sha256:{0:064}"), Digest(FULL.digest), claim, "", None)

    claims = [Claim(ClaimType.SIGNATURE), Claim(ClaimType.SBOM, "spdx"), Claim(ClaimType.OTHER)]
    image = replace(described(FULL, "1", SYSTEM_TAG), attached=tuple(map(attached, claims)))
    found = image_document(ROW, image).facets
    assert values(found, "has") == {"signed", "sbom"}
    assert values(found, "tag") == {"1"}


def test_a_repository_without_a_path_has_no_namespace() -> None:
    row = replace(ROW, name=RepositoryName("nginx"))
    assert values(image_document(row, described(FULL)).facets, "namespace") == set()
    deep = replace(ROW, name=RepositoryName("a/b/c"))
    assert values(image_document(deep, described(FULL)).facets, "namespace") == {"a/b"}


def test_what_comes_from_the_base_is_not_counted() -> None:
    labels = {f"{OCI}vendor": "Distro", f"{OCI}licenses": "MIT", "team": "base"}
    built = builders.image(labels={**labels, "own": "x"})
    found = image_document(ROW, on_base(built, labels)).facets
    for facet in ("vendor", "license", "label:team", f"label:{OCI}vendor"):
        assert values(found, facet) == set()
    assert values(found, "label:own") == {"x"}


def test_values_are_one_line_and_long_or_empty_labels_are_no_facets() -> None:
    labels = {
        f"{OCI}vendor": "A\n\x1b[31m" + "x" * 500,
        "two": " a\n b ",
        "long": "x" * (FACET_VALUE_MAX + 1),
        "empty": "",
        "k" * (FACET_VALUE_MAX + 1): "x",
    }
    found = image_of(builders.image(labels=labels)).facets
    [vendor] = values(found, "vendor")
    assert vendor.isprintable()
    assert len(vendor) == FACET_VALUE_MAX
    assert {pair for pair in found if pair[0].startswith("label:")} == {("label:two", "a b")}


def test_one_image_has_so_many_label_facets() -> None:
    found = image_of(builders.image(labels={f"k{n:03}": "x" for n in range(200)})).facets
    labels = {name for name, _ in found if name.startswith("label:")}
    assert labels == {f"label:k{n:03}" for n in range(LABEL_FACETS_MAX)}


def test_a_repository_has_so_many_values_of_its_newest_images_and_so_many_pairs() -> None:
    images = [
        described(
            builders.image(labels={f"k{i}": f"{n:03}" for i in range(50)}, seed=str(n)),
            pushed_at=f"2026-01-01T00:{n // 60:02}:{n % 60:02}.000000Z",
        )
        for n in range(200)
    ]
    found = repository_of(*images).facets
    assert len(found) == PAIRS_MAX
    assert len(values(found, "label:k0")) <= VALUES_MAX
    assert "199" in values(found, "label:k0")
    few = repository_of(*(described(one) for one in many_teams())).facets
    assert values(few, "label:team") == {f"{n:03}" for n in range(150, 200)}


def many_teams() -> list[builders.BuiltManifest]:
    return [
        builders.image(
            labels={"team": f"{n:03}"},
            seed=str(n),
            created=f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z",
        )
        for n in range(200)
    ]
