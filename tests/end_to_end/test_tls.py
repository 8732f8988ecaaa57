"""Real registries with TLS: certificates of a private authority, of clients, and none checked."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from indexer.clock import SystemClock
from indexer.errors import RegistryError, SettingsError
from indexer.registry import GrantClient, RegistryClient, Scheme, tls_context
from indexer.settings import RegistrySettings
from tests.builders import image
from tests.certificates import Authority
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.service import Service
from tests.end_to_end.versions import on_both
from tests.push import push

pytestmark = pytest.mark.anyio


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give an authority that nobody trusts by itself."""
    return Authority(tmp_path)


@pytest.fixture
def registry(registry_program: str, authority: Authority, tmp_path: Path) -> Iterator[RealRegistry]:
    """Give a registry whose certificate that authority signed, not started."""
    own = authority.issue("registry")
    (tmp_path / "registry").mkdir()
    made = RealRegistry(tmp_path / "registry", program=registry_program)
    made.tls = {"certificate": str(own.public), "key": str(own.key)}
    yield made
    made.stop()


async def read_catalog(settings: RegistrySettings) -> None:
    client = RegistryClient(settings.url, clock=SystemClock(), tls=tls_context(settings))
    try:
        assert [page async for page in client.repositories()]
    finally:
        await client.aclose()


@on_both
async def test_a_private_authority_is_trusted_where_the_settings_name_it(
    registry: RealRegistry, authority: Authority
) -> None:
    registry.start()
    await read_catalog(RegistrySettings(url=registry.url, ca_file=authority.file))
    with pytest.raises(RegistryError, match="CERTIFICATE_VERIFY_FAILED"):
        await read_catalog(RegistrySettings(url=registry.url))


async def test_the_authorities_of_the_system_stay_trusted(
    registry: RealRegistry, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the settings comes beside what is trusted already, as docker and podman do it."""
    registry.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    other = Authority(tmp_path, name="other")
    await read_catalog(RegistrySettings(url=registry.url, ca_file=other.file))


@on_both
async def test_a_registry_that_asks_for_a_certificate_is_shown_one(
    registry: RealRegistry, authority: Authority
) -> None:
    registry.tls["clientcas"] = [str(authority.file)]
    registry.start()
    shown = authority.issue("client")
    named = {"url": registry.url, "ca_file": authority.file, "client_cert": shown.public}
    await read_catalog(RegistrySettings(**named, client_key=shown.key))
    shown.public.write_bytes(shown.public.read_bytes() + shown.key.read_bytes())
    await read_catalog(RegistrySettings(**named))
    with pytest.raises(RegistryError):
        await read_catalog(RegistrySettings(url=registry.url, ca_file=authority.file))


async def test_an_insecure_registry_is_read_without_a_check(registry: RealRegistry) -> None:
    registry.start()
    await read_catalog(RegistrySettings(url=registry.url, insecure=True))


async def test_what_callers_may_see_is_asked_with_the_same_trust(
    registry: RealRegistry, authority: Authority
) -> None:
    registry.start()
    settings = RegistrySettings(url=registry.url, ca_file=authority.file)
    client = GrantClient(settings.url, clock=SystemClock(), tls=tls_context(settings))
    try:
        assert (await client.find_way()).scheme is Scheme.NONE
    finally:
        await client.aclose()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    for setting in ({"ca_file": file}, {"client_cert": file}):
        settings = RegistrySettings(name="main", url="https://a.test", **setting)
        with pytest.raises(SettingsError) as caught:
            tls_context(settings)
        (name,) = setting
        assert name in str(caught.value)
        assert "registry 'main'" in str(caught.value)
        assert str(file) in str(caught.value)


def test_a_service_reads_chosen_repositories_over_tls(
    registry: RealRegistry, authority: Authority, tmp_path: Path
) -> None:
    """All settings together: a private authority, a client's certificate, no catalog."""
    registry.start()
    verify = httpx2.create_ssl_context()
    verify.load_verify_locations(authority.file)
    for name in ("team/app", "team/other"):
        with httpx2.Client(base_url=registry.url, verify=verify, trust_env=False) as client:
            push(client, name, image(seed=name), "1.0")
    shown = authority.issue("client")
    registry.tls["clientcas"] = [str(authority.file)]
    registry.restart()
    (tmp_path / "regsearch.toml").write_text(
        f"""
        [[registry]]
        url = "{registry.url}"
        ca_file = "{authority.file}"
        client_cert = "{shown.public}"
        client_key = "{shown.key}"
        repositories = ["team/app", "team/gone"]
        notifications = false
        """
    )
    with ExitStack() as stack:
        service = Service(tmp_path)
        stack.callback(service.close)
        service.configure(REGSEARCH_CONFIG=str(tmp_path / "regsearch.toml"))
        service.start()
        service.wait_until_idle()
        assert [row.repository for row in service.docker_rows("team")] == ["team/app"]
        assert service.get("/api/v1/search", q="").json()["freshness"]["complete"]
