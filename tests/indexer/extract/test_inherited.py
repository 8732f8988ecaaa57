"""What a base image said about itself is not said about the images built on it."""

import pytest

from indexer.extract import BUILT_IN, Facts, extract
from indexer.model import Content
from tests.indexer.extract.samples import NOW, child, image, index, labelled

OCI = "org.opencontainers.image."
BASE = {
    f"{OCI}title": "ubuntu",
    f"{OCI}description": "Ubuntu is a Linux distribution.",
    f"{OCI}version": "22.04",
    f"{OCI}revision": "abc",
    f"{OCI}created": "2022-04-21T00:00:00Z",
    f"{OCI}source": "https://git.example.com/ubuntu",
    f"{OCI}documentation": "https://docs.example.com/ubuntu",
    f"{OCI}base.name": "scratch",
    f"{OCI}vendor": "Canonical",
    f"{OCI}authors": "Base Team",
    f"{OCI}licenses": "GPL-2.0-only",
    f"{OCI}url": "https://ubuntu.example.com",
    "summary": "A distribution",
    "io.artifacthub.package.keywords": "linux,distribution",
    "io.artifacthub.package.deprecated": "true",
    "com.redhat.component": "ubuntu-container",
}


def facts(content: Content, base: dict[str, str] | None = BASE) -> Facts:
    return extract(content, now=NOW, base_labels=base, kinds=BUILT_IN)


def test_without_a_known_base_all_labels_count() -> None:
    found = facts(labelled(BASE), None)
    assert (found.title, found.version, found.vendor) == ("ubuntu", "22.04", "Canonical")
    assert (found.inherited_labels, found.inherited_fields) == ((), ())
    assert facts(labelled(BASE), {}) == found


def test_labels_inherited_from_a_base_fill_four_fields_only() -> None:
    found = facts(labelled(BASE, created="2025-01-01T00:00:00Z"))
    silent = ("title", "description", "summary", "version", "revision", "source", "documentation")
    assert {name: getattr(found, name) for name in silent} == dict.fromkeys(silent, "")
    assert (found.base_name, found.component, found.keywords) == ("", "", ())
    assert found.deprecated is False
    assert found.created_at is not None
    assert found.created_at.year == 2025
    assert (found.vendor, found.url) == ("Canonical", "https://ubuntu.example.com")
    assert (found.authors, found.licenses) == (("Base Team",), ("GPL-2.0-only",))
    assert found.license_expression == "GPL-2.0-only"
    assert found.inherited_fields == ("authors", "licenses", "url", "vendor")


def test_inherited_labels_stay_among_the_raw_ones_and_are_marked() -> None:
    found = facts(labelled({**BASE, "own": "yes"}))
    assert found.labels == {**BASE, "own": "yes"}
    assert found.inherited_labels == tuple(sorted(BASE))


def test_a_label_with_another_value_is_the_image_s_own() -> None:
    found = facts(labelled({**BASE, f"{OCI}version": "1.0", f"{OCI}title": "shop"}))
    assert (found.title, found.version) == ("shop", "1.0")
    assert f"{OCI}version" not in found.inherited_labels


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"vendor": "Acme"}, "Acme"),
        ({"org.label-schema.vendor": "Acme"}, "Acme"),
        ({}, "Canonical"),
    ],
)
def test_an_inherited_vendor_is_the_last_resort(own: dict[str, str], expected: str) -> None:
    """Even a weak key of its own is stronger than a strong one of the base."""
    found = facts(labelled({**BASE, **own}))
    assert found.vendor == expected
    assert ("vendor" in found.inherited_fields) == (expected == "Canonical")


def test_annotations_are_never_inherited() -> None:
    content = image({"config": {"Labels": BASE}}, annotations={f"{OCI}version": "22.04"})
    found = facts(content)
    assert found.version == "22.04"
    assert found.annotations == {f"{OCI}version": "22.04"}


def test_the_author_of_the_config_is_stronger_than_an_inherited_label() -> None:
    found = facts(labelled(BASE, author="Ann"))
    assert found.authors == ("Ann",)
    assert "authors" not in found.inherited_fields


def test_annotations_that_contradict_labels_win_and_the_index_over_both() -> None:
    part = image(
        {"os": "linux", "architecture": "amd64", "config": {"Labels": {f"{OCI}title": "label"}}},
        annotations={f"{OCI}title": "manifest"},
    )
    descriptor = child(part, "linux/amd64", annotations={f"{OCI}title": "descriptor"})
    assert facts(part).title == "manifest"
    assert facts(index([child(part, "linux/amd64")], [part])).title == "manifest"
    assert facts(index([descriptor], [part])).title == "descriptor"
    own = {f"{OCI}title": "index"}
    assert facts(index([descriptor], [part], annotations=own)).title == "index"


def test_labels_of_every_platform_are_marked() -> None:
    parts = [
        image({"os": "linux", "architecture": one, "config": {"Labels": {**BASE, "arch": one}}})
        for one in ("amd64", "arm64")
    ]
    both = [
        child(one, f"linux/{name}") for one, name in zip(parts, ("amd64", "arm64"), strict=True)
    ]
    found = facts(index(both, parts))
    assert found.inherited_labels == tuple(sorted(BASE))
    assert found.title == ""
