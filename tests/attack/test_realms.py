"""A registry that names token services to collect the credentials of its readers."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attack.stub_registry import StubRegistry, as_json
from tests.attack.test_redirects import own_address
from tests.builders import image
from tests.end_to_end.processes import run
from tests.end_to_end.service import Service
from tests.fakes.events import push_event

BASIC = "Basic " + base64.b64encode(b"alice:secret").decode()
# All of 127.0.0.0/8 is loopback; to a client these are three hosts.
REGISTRY, HONEST, EVIL = "127.0.0.1", "127.0.0.2", "127.0.0.3"


class Town:
    """A registry with tokens, its token service, and another one that is not its own."""

    def __init__(self, stack: ExitStack, *, certificate: Path | None) -> None:
        self.registry, self.honest, self.evil = (
            stack.enter_context(StubRegistry(address=address, certificate=certificate))
            for address in (REGISTRY, HONEST, EVIL)
        )
        self.registry.push("team/web", "1.0", image(seed="web"))
        for service in (self.honest, self.evil):
            service.answer("/token", as_json({"token": "t1", "expires_in": 60}))

    def name(self, service: StubRegistry, path: str = "/token") -> None:
        """Let the registry name this token service from now on."""
        challenge = f'Bearer realm="{service.url}{path}",service="registry"'
        self.registry.demand("Bearer t1", challenge)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a file with a certificate for the three hosts, and its key."""
    file = tmp_path / "certificate.pem"
    hosts = ",".join(f"IP:{address}" for address in (REGISTRY, HONEST, EVIL))
    command = f"""
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry
        -addext subjectAltName={hosts} -keyout {file} -out {tmp_path / "public.pem"}
    """
    made = run(command.split(), seconds=60)
    assert made.returncode == 0, made.stderr
    file.write_text(file.read_text() + (tmp_path / "public.pem").read_text())
    return file


@pytest.fixture
def safe(certificate: Path) -> Iterator[Town]:
    """Give servers with TLS."""
    with ExitStack() as stack:
        yield Town(stack, certificate=certificate)


@pytest.fixture
def plain() -> Iterator[Town]:
    """Give servers without TLS."""
    with ExitStack() as stack:
        yield Town(stack, certificate=None)


@pytest.fixture
def configure(tmp_path: Path, service: Service) -> Callable[..., None]:
    """Give a function that sets the registry of the service, with more lines for it."""

    def set_registry(registry: StubRegistry, *lines: str, account: bool = True) -> None:
        file = tmp_path / "regsearch.toml"
        account_lines = ['username = "alice"', 'password = "secret"'] if account else []
        account_lines.append('access = "public"')
        file.write_text(
            "\n".join(["[[registry]]", f'url = "{registry.url}"', *account_lines, *lines])
        )
        trusted = tmp_path / "certificate.pem"
        service.configure(
            REGSEARCH_CONFIG=str(file),
            **({"SSL_CERT_FILE": str(trusted)} if trusted.exists() else {}),
        )

    return set_registry


def credentials_sent(service: StubRegistry) -> list[str]:
    return [asked.headers.get("Authorization", "") for asked in service.asked]


def wait_until_decided(service: Service, other: StubRegistry) -> None:
    """Wait until another token service was asked, or an error says why it was not."""
    service.wait_until(
        lambda: bool(other.asked or service.status()["error"]), 30, "the token service is decided"
    )
    assert other.asked == []


def wait_for_error(service: Service, *parts: str) -> None:
    def is_shown() -> bool:
        error = service.status()["error"] or ""
        return all(part in error for part in parts)

    service.wait_until(is_shown, 30, f"the status says {parts}")


def test_the_first_token_service_is_pinned_over_restarts(
    service: Service, safe: Town, configure: Callable[..., None], figure: Callable[[str], None]
) -> None:
    configure(safe.registry)
    safe.name(safe.honest)
    service.start()
    service.wait_until_idle()
    assert BASIC in credentials_sent(safe.honest)
    service.stop()
    safe.name(safe.evil)
    service.start()
    service.notify(push_event("team/web", image(seed="web").digest, tag="1.0"))
    wait_until_decided(service, safe.evil)
    figure(f"requests to another token service after a restart: {len(safe.evil.asked)}")
    wait_for_error(service, safe.honest.url, safe.evil.url, "token_realm", "nothing is sent")
    service.stop()

    configure(safe.registry, f'token_realm = "{safe.evil.url}/token"')
    service.start()
    service.backfill()
    assert BASIC in credentials_sent(safe.evil)


def test_the_token_service_of_the_settings_is_the_only_one(
    service: Service, safe: Town, configure: Callable[..., None]
) -> None:
    configure(safe.registry, f'token_realm = "{safe.honest.url}/token"')
    safe.name(safe.evil)
    service.start()
    wait_for_error(service, safe.honest.url, safe.evil.url, "token_realm")
    assert safe.evil.asked == []
    safe.name(safe.honest)
    service.backfill()
    assert service.finds("repo:team/web")


def test_credentials_go_nowhere_else_without_tls(
    service: Service, plain: Town, configure: Callable[..., None]
) -> None:
    configure(plain.registry)
    plain.name(plain.evil)
    service.start()
    wait_until_decided(service, plain.evil)
    wait_for_error(service, f"{plain.evil.url}/token has no TLS", "token_realm")


def test_a_token_service_is_not_further_inside_than_its_registry(
    service: Service, configure: Callable[..., None]
) -> None:
    with StubRegistry(address=own_address()) as registry, StubRegistry() as inner:
        registry.demand("Bearer t1", f'Bearer realm="http://0x7f.1:{inner.port}/token"')
        configure(registry, account=False)
        service.start()
        wait_until_decided(service, inner)
        wait_for_error(service, "the token service is at a loopback address", "token_realm")
