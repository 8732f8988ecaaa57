"""Real registries that are read with what a login or a helper program keeps."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from indexer.errors import DeniedError, UnreachableError
from indexer.model import RepositoryName
from indexer.registry import RegistryClient, registry_client
from indexer.registry.auth import READ_AGAIN_PAUSE
from indexer.settings import RegistrySettings
from tests.builders import image
from tests.end_to_end.processes import run
from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.fakes.token_service import ISSUER, SERVICE, TokenService
from tests.indexer.registry.test_stored_credentials import VARIABLES
from tests.programs import NeedsProgram
from tests.push import push

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home without any credentials."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def registry(registry_program: str, tmp_path: Path) -> Iterator[RealRegistry]:
    """Give a registry that asks for a password, running."""
    made = RealRegistry(tmp_path, program=registry_program, password_needed=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def settings_of(registry: RealRegistry, docker_config: Path = Path("auto")) -> RegistrySettings:
    return RegistrySettings(url=registry.url, docker_config=docker_config)


async def read(client: RegistryClient) -> list[str]:
    return [name async for page in client.repositories() for name in page.names]


def install_helper(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a program that prints what is in a file; return that file."""
    kept = home / "kept.json"
    program = home / "bin" / "docker-credential-kept"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho asked >> {home}/asked\ncat "{kept}"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return kept


def keep(kept: Path, secret: str) -> None:
    kept.write_text(json.dumps({"Username": USERNAME, "Secret": secret}))


async def test_an_expired_secret_of_a_helper_is_renewed_when_it_is_refused(
    registry: RealRegistry, home: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a registry of a cloud: its helper gives passwords that live for hours."""
    kept = install_helper(home, monkeypatch)
    keep(kept, PASSWORD)
    config = home / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"credHelpers": {registry.host: "kept"}}))
    client = registry_client(settings_of(registry), clock=clock)
    try:
        for _ in range(3):
            assert await read(client) == []
        assert (home / "asked").read_text().count("asked") == 1, "it is not run for each request"
        registry.change_password("second")
        with pytest.raises(DeniedError):
            await read(client)
        keep(kept, "second")
        # A helper that gives what is refused is not run again and again.
        clock.advance(READ_AGAIN_PAUSE.total_seconds())
        assert await read(client) == []
        assert (home / "asked").read_text().count("asked") == 3
    finally:
        await client.aclose()


async def test_a_password_that_was_replaced_in_its_file_is_used_from_the_refusal_on(
    registry: RealRegistry, home: Path, clock: ManualClock
) -> None:
    (home / "password").write_text(PASSWORD)
    named = {"username": USERNAME, "password_file": home / "password"}
    client = registry_client(RegistrySettings(url=registry.url, **named), clock=clock)
    try:
        assert await read(client) == []
        registry.change_password("second")
        (home / "password").write_text("second")
        assert await read(client) == []
    finally:
        await client.aclose()


async def test_what_a_login_kept_is_used(
    registry: RealRegistry, home: Path, clock: ManualClock, needs_program: NeedsProgram
) -> None:
    """A real login, into ``auth.json`` of the session."""
    skopeo = needs_program("skopeo")
    (home / "run").mkdir()
    words = ["login", "--tls-verify=false", "-u", USERNAME, "-p", PASSWORD, registry.host]
    ended = run([skopeo, *words], seconds=60)
    assert ended.returncode == 0, ended.stderr
    assert (home / "run" / "containers" / "auth.json").is_file()
    client = registry_client(settings_of(registry), clock=clock)
    try:
        assert await read(client) == []
    finally:
        await client.aclose()


async def test_a_helper_that_fails_says_so_and_is_tried_again(
    registry: RealRegistry, home: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = install_helper(home, monkeypatch)
    (home / "config.json").write_text('{"credsStore": "kept"}')
    client = registry_client(settings_of(registry, home / "config.json"), clock=clock)
    try:
        with pytest.raises(UnreachableError) as caught:
            await read(client)
        said = client.explain(caught.value)
        assert "docker_config of registry 'default': docker-credential-kept get:" in said.problem
        keep(kept, PASSWORD)
        assert await read(client) == []
    finally:
        await client.aclose()


@pytest.fixture
def tokens(registry: RealRegistry, tmp_path: Path) -> Iterator[TokenService]:
    """Give the token service of the registry, which knows one identity token."""
    registry.stop()
    registry.password_needed = False
    registry.start()
    push(registry.url, "team/web", image(seed="web"), "1.0")
    registry.stop()
    service = TokenService(
        rights={USERNAME: {"team/web"}}, listers={USERNAME}, identity_tokens={"first": USERNAME}
    )
    certificate = tmp_path / "tokens.pem"
    certificate.write_bytes(service.signer.certificate)
    with serving(service.app) as address:
        registry.token_auth = {
            "realm": f"{address}/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(certificate),
        }
        registry.start()
        yield service


async def test_an_identity_token_is_exchanged_and_a_new_one_is_read_when_it_is_refused(
    registry: RealRegistry, tokens: TokenService, home: Path, clock: ManualClock
) -> None:
    file = home / "config.json"

    def login(token: str) -> None:
        file.write_text(json.dumps({"auths": {registry.host: {"identitytoken": token}}}))

    login("first")
    client = registry_client(settings_of(registry, file), clock=clock)
    try:
        assert await read(client) == ["team/web"]
        assert await client.manifest(RepositoryName("team/web"), "1.0")
        tokens.identity_tokens = {"second": USERNAME}
        login("second")
        # The token for this scope is at its end.
        clock.advance(timedelta(hours=1).total_seconds())
        assert await client.manifest(RepositoryName("team/web"), "1.0")
    finally:
        await client.aclose()
    assert {user for user, _ in tokens.requests} == {USERNAME}
