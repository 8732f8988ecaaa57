"""Image configs as builders really write them."""

from dataclasses import replace
from typing import Any

import pytest

from indexer.extract.image_config import (
    ImageConfig,
    Step,
    read_image_config,
    read_schema1_config,
)
from indexer.model import Content, media_types, parse_config
from indexer.model.manifest import Platform
from indexer.model.names import digest_of
from tests.indexer.extract.samples import as_body, facts, image


def read(config: dict[str, Any]) -> ImageConfig:
    return read_image_config(parse_config(as_body(config)).object)


def test_every_field() -> None:
    assert read(
        {
            "created": "2026-01-01T00:00:00Z",
            "author": "Ann",
            "architecture": "aarch64",
            "os": "Linux",
            "variant": "v8",
            "config": {
                "User": "app",
                "ExposedPorts": {"80": {}, "80/tcp": {}, "53/udp": {}, "8000-8010/tcp": {}},
                "Env": ["PATH=/bin", "A_VERSION=1", "EMPTY=", "BARE", "PATH=/usr/bin"],
                "Entrypoint": ["/run", "--it"],
                "Cmd": ["serve"],
                "Volumes": {"/data": {}, "/logs": {}},
                "Labels": {"a": "b"},
            },
            "history": [{"created": "2025-01-01T00:00:00Z"}, {"created": None}, {}, 3],
        }
    ) == ImageConfig(
        platform=Platform("linux", "arm64"),
        author="Ann",
        created="2026-01-01T00:00:00Z",
        history=(Step("2025-01-01T00:00:00Z"), Step(), Step(), Step()),
        user="app",
        ports=("80/tcp", "53/udp", "8000-8010/tcp"),
        volumes=("/data", "/logs"),
        entrypoint=("/run", "--it"),
        cmd=("serve",),
        env_names=("PATH", "A_VERSION", "EMPTY", "BARE"),
        versions={"A_VERSION": "1"},
        labels={"a": "b"},
    )


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"config": None, "history": None, "created": None},
        {"config": {"Labels": None, "Env": None, "ExposedPorts": None, "User": None, "Cmd": None}},
        {"config": {}, "rootfs": 7, "unknown": [1]},
    ],
)
def test_null_and_absent_mean_nothing_and_are_fine(config: dict[str, Any]) -> None:
    assert read(config) == ImageConfig()


def test_keys_of_any_case_are_read() -> None:
    found = read(
        {
            "Architecture": "amd64",
            "OS": "linux",
            "Config": {"labels": {"Key": "v"}, "USER": "u", "exposedports": {"1/tcp": {}}},
        }
    )
    assert found == ImageConfig(
        platform=Platform("linux", "amd64"), user="u", ports=("1/tcp",), labels={"Key": "v"}
    )


@pytest.mark.parametrize("keys", [("User", "user"), ("user", "User")])
def test_the_exact_spelling_wins(keys: tuple[str, str]) -> None:
    values = {"User": "exact", "user": "other"}
    assert read({"config": {key: values[key] for key in keys}}).user == "exact"


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        ({"created": 5}, "created is not a text"),
        ({"architecture": ["amd64"]}, "architecture is not a text"),
        ({"config": []}, "config is not an object"),
        ({"config": {"User": 1000}}, "config.User is not a text"),
        ({"config": {"Env": {"A": "b"}}}, "config.Env is not a list"),
        ({"config": {"Cmd": ["a", 1]}}, "config.Cmd is not a list of texts only"),
        ({"config": {"Volumes": ["/data"]}}, "config.Volumes is not an object"),
        ({"config": {"ExposedPorts": {"web": {}}}}, "config.ExposedPorts has entries"),
        ({"config": {"Labels": {"a": 1}}}, "config.Labels: 1 pairs"),
        ({"history": {}}, "history is not a list"),
    ],
)
def test_a_wrong_type_drops_that_field_only(config: dict[str, Any], warning: str) -> None:
    found = read({"author": "Ann", **config})
    assert found.author == "Ann"
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(warning)


def test_a_list_with_a_wrong_entry_keeps_the_others() -> None:
    assert read({"config": {"Cmd": ["a", 1, "b"]}}).cmd == ("a", "b")


def test_old_images_have_a_text_for_a_command() -> None:
    found = read({"config": {"Cmd": "run it", "Entrypoint": ""}})
    assert (found.cmd, found.entrypoint, found.warnings) == (("run it",), (), ())


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b'{"a":' * 100, b"{" * 10])
def test_an_unreadable_config_leaves_the_rest_of_the_image(body: bytes) -> None:
    content = replace(image(annotations={"name": "still here"}), config=body)
    found = facts(content)
    assert (found.kind, found.title) == ("image", "still here")
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("config: ")


def test_a_config_over_the_limit_is_not_read() -> None:
    body = b'{"author": "' + b"a" * (4 * 1024 * 1024) + b'"}'
    found = facts(replace(image(), config=body))
    assert (found.authors, len(found.warnings)) == ((), 1)


def test_long_lists_are_cut() -> None:
    found = read(
        {
            "config": {
                "Cmd": ["x" * 9_000, *("y" for _ in range(1_500))],
                "Volumes": {f"/{number}": {} for number in range(1_500)},
            }
        }
    )
    assert (len(found.cmd), len(found.cmd[0]), len(found.volumes)) == (1_000, 4_096, 1_000)


def test_the_config_of_an_artifact_is_not_taken_for_an_image_config() -> None:
    content = image(
        {"os": "linux", "architecture": "amd64", "config": {"Labels": {"title": "x"}}},
        config_type="application/vnd.cncf.helm.config.v1+json",
    )
    found = facts(content)
    assert (found.platforms, found.labels) == ((), {})


def schema1(**fields: object) -> Content:
    body = as_body({"schemaVersion": 1, "fsLayers": [], **fields})
    return Content(digest_of(body), media_types.SCHEMA1, body)


def test_schema_1_takes_the_manifests_architecture_and_linux() -> None:
    entry = {"v1Compatibility": '{"architecture": "amd64", "author": "Ann"}'}
    found = facts(schema1(architecture="s390x", history=[entry]))
    assert (found.platforms, found.authors) == ((Platform("linux", "s390x"),), ("Ann",))


def test_schema_1_without_an_architecture_has_that_of_its_newest_entry() -> None:
    entry = {"v1Compatibility": '{"architecture": "arm", "os": "windows"}'}
    assert facts(schema1(history=[entry])).platforms == (Platform("windows", "arm"),)


def test_schema_1_with_a_broken_newest_entry_never_takes_a_layers_for_it() -> None:
    history = [{"v1Compatibility": "{"}, {"v1Compatibility": '{"author": "of a layer"}'}]
    found = facts(schema1(history=history))
    assert (found.authors, len(found.warnings)) == ((), 1)


def test_the_entries_of_schema_1_have_one_limit_together() -> None:
    large = {"v1Compatibility": '{"a":[' + "[]," * 4_000 + '[]],"author": "Ann"}'}
    found = facts(schema1(history=[large] * 20))
    assert found.authors == ("Ann",)
    assert "keys and values" in found.warnings[0]


@pytest.mark.parametrize("history", [None, "x", [], [None], [{"v1Compatibility": 5}]])
def test_schema_1_with_a_history_of_any_type(history: object) -> None:
    found = facts(schema1(architecture="amd64", history=history))
    assert (found.kind, found.platforms) == ("image", (Platform("linux", "amd64"),))


def test_schema_1_that_is_not_json() -> None:
    assert read_schema1_config(b"no").warnings[0].startswith("schema 1: ")
