"""Which key fills which field."""

from typing import Any

import pytest

from tests.indexer.extract.samples import child, facts, image, index, labelled

OCI = "org.opencontainers.image."
SCHEMA = "org.label-schema."
HUB = "io.artifacthub.package."
DIGEST = "sha256:" + "a" * 64

# The keys of each field in order, each with a value and what it means.
ORDER: dict[str, list[tuple[str, str, Any]]] = {
    "title": [
        (f"{OCI}title", "one", "one"),
        (f"{SCHEMA}name", "two", "two"),
        ("io.k8s.display-name", "three", "three"),
        ("com.docker.extension.title", "four", "four"),
        ("name", "five", "five"),
    ],
    "description": [
        (f"{OCI}description", "one", "one"),
        (f"{SCHEMA}description", "two", "two"),
        ("io.k8s.description", "three", "three"),
        ("description", "four", "four"),
        ("summary", "five", "five"),
        ("org.opencontainers.artifact.description", "six", "six"),
        ("io.buildpacks.base.description", "seven", "seven"),
    ],
    "version": [
        (f"{OCI}version", "1", "1"),
        (f"{SCHEMA}version", "2", "2"),
        ("version", "3", "3"),
    ],
    "revision": [
        (f"{OCI}revision", "a1", "a1"),
        (f"{SCHEMA}vcs-ref", "b2", "b2"),
        ("vcs-ref", "c3", "c3"),
        ("io.openshift.build.commit.id", "d4", "d4"),
    ],
    "source": [
        (f"{OCI}source", "https://a", "https://a"),
        (f"{SCHEMA}vcs-url", "git://b", "git://b"),
        ("vcs-url", "ssh://c", "ssh://c"),
        ("io.openshift.build.source-location", "http://d", "http://d"),
    ],
    "url": [
        (f"{OCI}url", "https://a", "https://a"),
        (f"{SCHEMA}url", "https://b", "https://b"),
        ("url", "oci://c", "oci://c"),
        ("io.buildpacks.base.homepage", "https://d", "https://d"),
    ],
    "documentation": [
        (f"{OCI}documentation", "https://a", "https://a"),
        (f"{SCHEMA}usage", "https://b", "https://b"),
        (f"{HUB}readme-url", "https://c", "https://c"),
        ("usage", "https://d", "https://d"),
    ],
    "vendor": [
        (f"{OCI}vendor", "one", "one"),
        (f"{SCHEMA}vendor", "two", "two"),
        ("vendor", "three", "three"),
    ],
    "authors": [
        (f"{OCI}authors", "Ann <a@x>, Bob", ("Ann <a@x>", "Bob")),
        (
            f"{HUB}maintainers",
            '[{"name": "Cy", "email": "c@x"}, {"email": "d@x"}]',
            ("Cy <c@x>", "d@x"),
        ),
        ("maintainer", "Example, Inc.", ("Example, Inc.",)),
        ("io.buildpacks.base.maintainer", "Eve", ("Eve",)),
    ],
    "licenses": [
        (f"{OCI}licenses", "MIT OR Apache-2.0", ("MIT", "Apache-2.0")),
        (f"{HUB}license", "BSD-3-Clause", ("BSD-3-Clause",)),
        (f"{SCHEMA}license", "ISC", ("ISC",)),
        ("license", "GPLv2, MIT", ("GPL-2.0-only", "MIT")),
        ("com.redhat.license_terms", "https://terms.example", ("https://terms.example",)),
    ],
    "keywords": [
        (f"{HUB}keywords", "web, proxy", ("web", "proxy")),
        ("io.openshift.tags", "builder python", ("builder", "python")),
        (f"{SCHEMA}labels", "a,b,a", ("a", "b")),
        ("com.docker.extension.categories", "database", ("database",)),
        ("io.cnab.keywords", '["x", 1, "y"]', ("x", "y")),
    ],
    "category": [(f"{HUB}category", "networking", "networking")],
    "deprecated": [(f"{HUB}deprecated", "true", True)],
    "prerelease": [(f"{HUB}prerelease", " True ", True)],
    "base_name": [
        (f"{OCI}base.name", "docker.io/library/debian:12", "docker.io/library/debian:12")
    ],
    "base_digest": [(f"{OCI}base.digest", DIGEST, DIGEST)],
    "component": [("com.redhat.component", "ubi9-container", "ubi9-container")],
}
CASES = [
    pytest.param(field, keys[position:], id=f"{field}-{position}")
    for field, keys in ORDER.items()
    for position in range(len(keys))
]


@pytest.mark.parametrize(("field", "keys"), CASES)
def test_the_first_key_of_a_field_wins(field: str, keys: list[tuple[str, str, Any]]) -> None:
    labels = {key: value for key, value, _ in reversed(keys)}
    assert getattr(facts(labelled(labels)), field) == keys[0][2]


@pytest.mark.parametrize(("field", "keys"), CASES)
def test_an_empty_text_is_as_absent(field: str, keys: list[tuple[str, str, Any]]) -> None:
    labels = {key: "" if key == keys[0][0] else value for key, value, _ in keys}
    expected = keys[1][2] if len(keys) > 1 else type(keys[0][2])()
    assert getattr(facts(labelled(labels)), field) == expected


@pytest.mark.parametrize("field", [field for field, keys in ORDER.items() if len(keys) > 1])
def test_a_weak_annotation_beats_a_strong_label(field: str) -> None:
    keys = ORDER[field]
    content = image(
        {"config": {"Labels": {keys[0][0]: keys[0][1]}}}, annotations={keys[-1][0]: keys[-1][1]}
    )
    assert getattr(facts(content), field) == keys[-1][2]


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("title", f"{OCI}title"),
        ("description", "description"),
        ("vendor", "vendor"),
        ("version", f"{OCI}version"),
        ("authors", f"{OCI}authors"),
        ("licenses", "license"),
        ("keywords", f"{HUB}keywords"),
    ],
)
@pytest.mark.parametrize("value", ['{"json": true}', ' ["a"]'])
def test_json_is_no_text(field: str, key: str, value: str) -> None:
    found = facts(labelled({key: value}))
    assert not getattr(found, field)
    assert found.labels == {key: value}


@pytest.mark.parametrize("field", ["source", "url", "documentation"])
@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "git@example.com:team/x.git",
        "https://",
        "https://a b",
        "https://a\u202eb",
        'https://a"onload=',
        "see https://a",
        "https://" + "a" * 3_000,
    ],
)
def test_what_is_no_safe_url_gives_way_to_the_next_source(field: str, value: str) -> None:
    key = ORDER[field][0][0]
    content = image({"config": {"Labels": {key: "https://good"}}}, annotations={key: value})
    found = facts(content)
    assert getattr(found, field) == "https://good"
    assert found.annotations == {key: value}


def test_red_hat_release_belongs_to_the_version_of_the_same_source() -> None:
    assert facts(labelled({"version": "9.4", "release": "1214"})).version == "9.4-1214"
    apart = image({"config": {"Labels": {"release": "7"}}}, annotations={"version": "9"})
    assert facts(apart).version == "9"


def test_the_author_of_the_config_stands_after_the_maintainer() -> None:
    assert facts(labelled({}, author="Ann")).authors == ("Ann",)
    assert facts(labelled({"maintainer": "Bob"}, author="Ann")).authors == ("Bob",)
    last = {"io.buildpacks.base.maintainer": "Cy"}
    assert facts(labelled(last, author="Ann")).authors == ("Ann",)


def test_the_summary_is_the_label_or_the_first_sentence() -> None:
    description = "Serves files, e.g. pages. Fast. Small."
    assert facts(labelled({"description": description})).summary == "Serves files, e.g. pages."
    both = facts(labelled({"description": description, "summary": "Short"}))
    assert (both.description, both.summary) == (description, "Short")


def test_a_broken_base_digest_is_left_out() -> None:
    assert facts(labelled({f"{OCI}base.digest": "sha256:abc"})).base_digest == ""


def test_the_name_inside_an_image_layout_and_misspelt_prefixes_are_raw_only() -> None:
    labels = {f"{OCI}ref.name": "22.04", "oci.opencontainers.image.title": "x"}
    found = facts(labelled(labels))
    assert (found.version, found.title, found.labels) == ("", "", labels)


@pytest.mark.parametrize(
    ("environment", "labels", "version", "component"),
    [
        (["APP_VERSION=1.2", "NODE_VERSION=20.1"], {}, "1.2", ""),
        (["NGINX_VERSION=1.27.0"], {}, "1.27.0", ""),
        (["NODE_VERSION=20.1", "YARN_VERSION=1.22"], {}, "", ""),
        (["NODE_VERSION=20.1", "YARN_VERSION=1.22"], {"name": "yarn"}, "1.22", ""),
        (["BITNAMI_APP_NAME=redis", "APP_VERSION=7.2"], {}, "7.2", "redis"),
        (["BITNAMI_APP_NAME=redis"], {"com.redhat.component": "r"}, "", "r"),
        (["APP_VERSION=1.2"], {"version": "3"}, "3", ""),
        (["TOKEN_VERSION=hunter2", "PASSWORD=1.2"], {}, "", ""),
        (["APP_VERSION=", "_VERSION=1.0"], {}, "1.0", ""),
    ],
)
def test_the_environment_backs_up_version_and_component(
    environment: list[str], labels: dict[str, str], version: str, component: str
) -> None:
    found = facts(image({"config": {"Env": environment, "Labels": labels}}))
    assert (found.version, found.component) == (version, component)


def test_an_index_overrules_its_descriptor_its_child_and_the_labels() -> None:
    """Each source is silent about one field more than the one before."""
    names = ["title", "vendor", "revision", "version"]
    part = image(
        {"config": {"Labels": {f"{OCI}{name}": "label" for name in names}}},
        annotations={f"{OCI}{name}": "manifest" for name in names[:3]},
    )
    descriptor = child(
        part, "linux/amd64", annotations={f"{OCI}{name}": "descriptor" for name in names[:2]}
    )
    found = facts(index([descriptor], [part], annotations={f"{OCI}title": "index"}))
    assert (found.title, found.vendor, found.revision, found.version) == (
        "index",
        "descriptor",
        "manifest",
        "label",
    )
    assert found.annotations == {
        f"{OCI}title": "index",
        f"{OCI}vendor": "descriptor",
        f"{OCI}revision": "manifest",
    }
    assert found.labels == {f"{OCI}{name}": "label" for name in names}


def test_generic_keys_of_an_index_beat_specific_ones_of_a_child() -> None:
    part = labelled({f"{OCI}title": "child"})
    found = facts(index([child(part, "linux/amd64")], [part], annotations={"name": "index"}))
    assert found.title == "index"
