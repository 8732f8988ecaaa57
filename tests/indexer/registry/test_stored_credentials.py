"""Credentials as ``docker login`` and ``podman login`` keep them."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from indexer.errors import SettingsError
from indexer.registry import Credentials, credential_files, credentials_reader, find_credentials
from indexer.registry.auth import TOKEN_USER
from indexer.settings import RegistrySettings

ALICE = base64.b64encode(b"alice:se:cret").decode()
HOST = "a.test"
VARIABLES = ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home without any credentials."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # The folder that podman uses without one of the session is of the machine.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def written(file: Path, auths: object, **others: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"auths": auths, **others}))
    return file


def of(name: str) -> dict[str, dict[str, str]]:
    return {HOST: {"auth": base64.b64encode(f"{name}:p".encode()).decode()}}


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "test") -> None:
    program = folder / "bin" / f"docker-credential-{name}"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


# One file


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
    auths = {"other.example.org": {"auth": "x"}, key: {"auth": ALICE}}
    file = written(tmp_path / "config.json", auths)
    assert find_credentials(registry_host, file=file) == Credentials("alice", "se:cret")


def test_user_and_password_may_stand_apart(tmp_path: Path) -> None:
    file = written(tmp_path / "config.json", {HOST: {"username": "bob", "password": "p"}})
    assert find_credentials(HOST, file=file) == Credentials("bob", "p")


def test_an_identity_token_stands_in_place_of_a_password(tmp_path: Path) -> None:
    entry = {"auth": ALICE, "identitytoken": "t"}
    found = find_credentials(HOST, file=written(tmp_path / "config.json", {HOST: entry}))
    assert found == Credentials(TOKEN_USER, "t")
    assert found.identity_token == "t"


@pytest.mark.parametrize(
    "auths",
    [{}, None, [], {HOST: "x"}, {"b.test": {"auth": ALICE}}, {HOST: {}}, {HOST: {"auth": "YQ=="}}],
)
def test_where_nothing_is_kept_for_a_host_there_is_nothing(tmp_path: Path, auths: object) -> None:
    assert find_credentials(HOST, file=written(tmp_path / "config.json", auths)) is None


@pytest.mark.parametrize("entry", [{"auth": "!"}, {"auth": "/w=="}])
def test_what_cannot_be_used_is_named(tmp_path: Path, entry: object) -> None:
    file = written(tmp_path / "config.json", {HOST: entry})
    with pytest.raises(SettingsError, match=r"config\.json.*a\.test"):
        find_credentials(HOST, file=file)


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config\.json: no such file"):
        find_credentials(HOST, file=tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingsError, match="not JSON"):
        find_credentials(HOST, file=tmp_path / "config.json")


# Which file


def test_the_files_of_podman_come_before_that_of_docker(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_credentials(HOST) is None
    places = [
        home / ".docker" / "config.json",
        home / ".config" / "containers" / "auth.json",
        home / "run" / "containers" / "auth.json",
    ]
    assert credential_files() == places[::-1]
    for number, place in enumerate(places):
        written(place, of(f"user-{number}"))
        found = find_credentials(HOST)
        assert found is not None
        assert found.username == f"user-{number}"
    written(home / "named.json", of("named"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "named.json"))
    assert credential_files() == [home / "named.json"]
    assert find_credentials(HOST) == Credentials("named", "p")


def test_the_folder_of_docker_may_be_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(home / "elsewhere" / "config.json", of("alice"))
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "elsewhere"))
    assert find_credentials(HOST) == Credentials("alice", "p")


def test_a_file_without_the_host_is_passed_over(home: Path) -> None:
    written(home / "run" / "containers" / "auth.json", {"b.test": {"auth": ALICE}})
    written(home / ".docker" / "config.json", of("alice"))
    assert find_credentials(HOST) == Credentials("alice", "p")


# Helpers

GIVES = """read host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"$1\\"}" """


@pytest.mark.parametrize(
    ("names", "username"),
    [
        ({"credHelpers": {HOST: "test"}}, HOST),
        ({"credsStore": "test"}, HOST),
        ({"credHelpers": {"b.test": "test"}}, "alice"),
    ],
)
def test_a_helper_comes_before_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, object], username: str
) -> None:
    helper(home, monkeypatch, GIVES)
    found = find_credentials(HOST, file=written(home / "config.json", of("alice"), **names))
    assert found is not None
    assert found.username == username


def test_a_helper_of_docker_hub_is_asked_as_docker_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(home, monkeypatch, GIVES)
    file = written(home / "config.json", {}, credsStore="test")
    found = find_credentials("registry-1.docker.io", file=file)
    assert found == Credentials("https://index.docker.io/v1/", "get")


def test_a_helper_that_has_nothing_leaves_it_to_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(home, monkeypatch, "echo credentials not found in native keychain; exit 1")
    file = written(home / "config.json", of("alice"), credsStore="test")
    assert find_credentials(HOST, file=file) == Credentials("alice", "p")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no session >&2; exit 3", "status 3: no session"),
        ("echo secret", "its answer is no JSON object"),
    ],
)
def test_a_helper_that_fails_is_named_with_what_it_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    helper(home, monkeypatch, script)
    file = written(home / "config.json", {}, credsStore="test")
    with pytest.raises(SettingsError) as caught:
        find_credentials(HOST, file=file)
    assert f"docker-credential-test get: {said} ({file} names it for a.test)" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_helper_that_is_not_installed_is_named(home: Path) -> None:
    file = written(home / "config.json", {}, credsStore="not-there")
    with pytest.raises(SettingsError, match="docker-credential-not-there: there is no such"):
        find_credentials(HOST, file=file)


@pytest.mark.parametrize("name", ["../x", "a b", "a/b", ".", "a;b", 1, ["x"]])
def test_what_is_no_name_of_a_helper_is_never_run(home: Path, name: object) -> None:
    file = written(home / "config.json", {}, credsStore=name)
    with pytest.raises(SettingsError, match="is no name of a credential helper"):
        find_credentials(HOST, file=file)


# As whom a registry is read


def test_a_registry_is_read_as_whom_its_settings_say(home: Path) -> None:
    written(home / ".docker" / "config.json", of("alice"))
    read = credentials_reader(RegistrySettings(url=f"https://{HOST}"))
    assert read() is None, "what a login kept is only used where the settings say it"
    read = credentials_reader(RegistrySettings(url=f"https://{HOST}", docker_config=Path("auto")))
    assert read() == Credentials("alice", "p")
    named = {"username": "bob", "password": "b", "docker_config": Path("auto")}
    assert credentials_reader(RegistrySettings(url=f"https://{HOST}", **named))() == Credentials(
        "bob", "b"
    )


def test_a_password_is_read_from_its_file_each_time(home: Path) -> None:
    (home / "password").write_text("old\n")
    named = {"username": "bob", "password_file": home / "password"}
    read = credentials_reader(RegistrySettings(url=f"https://{HOST}", **named))
    assert read() == Credentials("bob", "old")
    (home / "password").write_text("new\n")
    assert read() == Credentials("bob", "new")


def test_a_login_that_is_missing_is_told(home: Path) -> None:
    read = credentials_reader(RegistrySettings(url=f"https://{HOST}", docker_config=Path("auto")))
    with pytest.raises(SettingsError) as caught:
        read()
    assert f"nothing is kept for {HOST} in {home}/run" in str(caught.value)
    assert f"run docker login {HOST}" in str(caught.value)


def test_a_file_that_cannot_be_used_is_told_at_once(home: Path) -> None:
    (home / "config.json").write_text("no JSON")
    settings = RegistrySettings(url=f"https://{HOST}", docker_config=home / "config.json")
    with pytest.raises(SettingsError, match=r"docker_config of registry 'default'.*not JSON"):
        credentials_reader(settings)
