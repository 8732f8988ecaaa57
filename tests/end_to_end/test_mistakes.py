"""Mistakes in the settings of a registry: each message names the host, and what to change."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from indexer.clock import SystemClock
from indexer.errors import RegistryError
from indexer.registry import Credentials, RegistryClient, tls_context, with_meaning
from indexer.settings import RegistrySettings
from tests.certificates import Authority
from tests.end_to_end.ports import free_port
from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def registry(registry_program: str, tmp_path: Path) -> Iterator[RealRegistry]:
    """Give a registry that asks for a password, not started."""
    made = RealRegistry(tmp_path, program=registry_program, password_needed=True)
    yield made
    made.stop()


async def message(settings: RegistrySettings, credentials: Credentials | None = None) -> str:
    """Return what is said when the catalog cannot be read; no time passes between the tries."""
    client = RegistryClient(
        settings.url, clock=ManualClock(), credentials=credentials, tls=tls_context(settings)
    )
    try:
        with pytest.raises(RegistryError) as caught:
            await anext(client.repositories())
        return with_meaning(caught.value, client.explain(caught.value))
    finally:
        await client.aclose()


async def test_nobody_listens() -> None:
    host = f"127.0.0.1:{free_port()}"
    said = await message(RegistrySettings(url=f"http://{host}"))
    assert f"nothing listens at {host}: start it, or correct host and port in url" in said


async def test_nobody_knows_the_name() -> None:
    said = await message(RegistrySettings(url="http://registry.invalid:5000"))
    assert "the host registry.invalid is not known" in said
    assert "correct the host in url" in said


async def test_https_to_a_port_without(registry: RealRegistry) -> None:
    registry.start()
    said = await message(RegistrySettings(url=f"https://{registry.host}"))
    assert f"{registry.host} answers http, not https: write http:// in url" in said


def with_tls(
    registry: RealRegistry, folder: Path, *, host: str = "127.0.0.1", days: int = 2
) -> str:
    """Start a registry with TLS; return the file of its authority."""
    authority = Authority(folder)
    own = authority.issue("registry", host=host, days=days)
    registry.tls = {"certificate": str(own.public), "key": str(own.key)}
    registry.start()
    return str(authority.file)


async def test_http_to_a_port_with_tls(registry: RealRegistry, tmp_path: Path) -> None:
    with_tls(registry, tmp_path)
    said = await message(RegistrySettings(url=f"http://{registry.host}"))
    assert said.endswith(f"{registry.host} answers https, not http: write https:// in url")


@pytest.fixture
async def strict_host(tmp_path: Path) -> AsyncIterator[str]:
    """Give the host of a server that answers what is no TLS with an alert, and no more."""
    own = Authority(tmp_path, name="strict").issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.public, own.key)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_certificate_that_nobody_trusts(registry: RealRegistry, tmp_path: Path) -> None:
    with_tls(registry, tmp_path)
    said = await message(RegistrySettings(url=registry.url))
    assert f"the certificate of {registry.host} is of an unknown authority" in said
    assert "ca_file of the registry" in said


async def test_a_certificate_that_has_expired(registry: RealRegistry, tmp_path: Path) -> None:
    file = with_tls(registry, tmp_path, days=-1)
    said = await message(RegistrySettings(url=registry.url, ca_file=Path(file)))
    assert f"the certificate of {registry.host} has expired: renew it" in said


async def test_a_certificate_for_another_name(registry: RealRegistry, tmp_path: Path) -> None:
    file = with_tls(registry, tmp_path, host="10.0.0.1")
    said = await message(RegistrySettings(url=registry.url, ca_file=Path(file)))
    assert "is for another name: write the name that is in the certificate" in said


async def test_no_certificate_where_one_is_asked_for(
    registry: RealRegistry, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, name="clients")
    registry.tls["clientcas"] = [str(authority.file)]
    own = authority.issue("registry")
    registry.tls |= {"certificate": str(own.public), "key": str(own.key)}
    registry.start()
    settings = RegistrySettings(url=registry.url, ca_file=authority.file)
    other = Authority(tmp_path, name="other").issue("client")
    shown = {"client_cert": other.public, "client_key": other.key}
    for tried in (settings, settings.model_copy(update=shown)):
        said = await message(tried)
        assert f"{registry.host} wants the certificate of a client" in said


async def test_no_user(registry: RealRegistry) -> None:
    registry.start()
    said = await message(RegistrySettings(url=registry.url))
    assert "401" in said
    assert "none are set" in said
    assert "set username and password_file" in said


async def test_a_wrong_password(registry: RealRegistry) -> None:
    registry.start()
    said = await message(RegistrySettings(url=registry.url), Credentials(USERNAME, "wrong-one"))
    assert "refuses the user 'alice' with this password" in said
    assert "wrong-one" not in said


async def test_an_address_where_no_registry_is(registry: RealRegistry) -> None:
    registry.password_needed = False
    registry.start()
    said = await message(RegistrySettings(url=f"{registry.url}/registry"))
    assert "no registry answers at" in said


async def test_the_address_of_the_api_is_the_one_of_the_registry(registry: RealRegistry) -> None:
    """People paste what they asked with curl."""
    registry.start()
    settings = RegistrySettings(url=f"{registry.url}/v2/")
    assert settings.url == registry.url
    client = RegistryClient(
        settings.url, clock=SystemClock(), credentials=Credentials(USERNAME, PASSWORD)
    )
    assert await anext(client.repositories())
    await client.aclose()


async def test_http_to_a_server_that_speaks_only_tls(strict_host: str) -> None:
    said = await message(RegistrySettings(url=f"http://{strict_host}"))
    assert strict_host in said
    assert "write https:// in url if it speaks TLS" in said
