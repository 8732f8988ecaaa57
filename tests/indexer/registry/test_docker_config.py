"""Credentials as ``docker login`` keeps them."""

import base64
import json
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.registry import Credentials, docker_credentials

ALICE = base64.b64encode(b"alice:se:cret").decode()


def written(path: Path, auths: object) -> Path:
    file = path / "config.json"
    file.write_text(json.dumps({"auths": auths}))
    return file


@pytest.mark.parametrize(
    ("key", "registry_host"),
    [
        ("registry.example.org", "registry.example.org"),
        ("localhost:5000", "localhost:5000"),
        ("https://registry.example.org/v1/", "registry.example.org"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_a_host_is_found_as_docker_writes_it(tmp_path: Path, key: str, registry_host: str) -> None:
    file = written(tmp_path, {"other.example.org": {"auth": "x"}, key: {"auth": ALICE}})
    assert docker_credentials(file, registry_host) == Credentials("alice", "se:cret")


def test_user_and_password_may_stand_apart(tmp_path: Path) -> None:
    file = written(tmp_path, {"a.test": {"username": "bob", "password": "p"}})
    assert docker_credentials(file, "a.test") == Credentials("bob", "p")


@pytest.mark.parametrize("auths", [{}, None, [], {"a.test": "x"}, {"b.test": {"auth": ALICE}}])
def test_where_nothing_is_kept_for_a_host_there_is_nothing(tmp_path: Path, auths: object) -> None:
    assert docker_credentials(written(tmp_path, auths), "a.test") is None


@pytest.mark.parametrize(
    "entry", [{}, {"auth": "!"}, {"auth": "/w=="}, {"identitytoken": "t"}, {"auth": "YQ=="}]
)
def test_what_cannot_be_used_is_named(tmp_path: Path, entry: object) -> None:
    with pytest.raises(SettingsError, match=r"config\.json.*a\.test"):
        docker_credentials(written(tmp_path, {"a.test": entry}), "a.test")


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config\.json"):
        docker_credentials(tmp_path / "config.json", "a.test")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingsError, match="not JSON"):
        docker_credentials(tmp_path / "config.json", "a.test")
