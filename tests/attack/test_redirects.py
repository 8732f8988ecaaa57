"""A registry that redirects blobs to where they are not, to hear what is there."""

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.attack.stub_registry import Reply, StubRegistry
from tests.builders import BuiltManifest, image
from tests.end_to_end.ports import free_port
from tests.end_to_end.service import Service

SECRET = "the-inner-secret"
FORMS = ("127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0")
"""Hosts that lead to the loopback address."""
NEVER = ("169.254.169.254", "[::ffff:169.254.169.254]", "100.100.100.200", "[fe80::1]")
"""Link-local addresses, and those of metadata services."""


def own_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # Sends nothing.
        except OSError:
            pytest.skip("this machine has no address beside loopback")
        return str(probe.getsockname()[0])


@pytest.fixture
def outside() -> Iterator[StubRegistry]:
    """Give a registry that is not at loopback."""
    with StubRegistry(address=own_address()) as stub:
        yield stub


@pytest.fixture
def inner() -> Iterator[StubRegistry]:
    """Give a service of this machine, at loopback, that answers everything with a secret."""
    with StubRegistry() as stub:
        yield stub


def redirect(registry: StubRegistry, repository: str, location: str) -> BuiltManifest:
    """Hold an image whose config is redirected."""
    built = image(seed=repository)
    registry.push(repository, "1.0", built)
    redirected = Reply(307, headers={"Location": location, "Set-Cookie": "session=1"})
    registry.answer(f"/v2/{repository}/blobs/{built.blobs[0].digest}", redirected)
    return built


_POSTPONED = re.compile(r"event=refresh_postponed .*?repository=(\S+)")


def read_all(service: Service, repositories: int, *, seconds: float = 30) -> str:
    """Start, wait until each repository was tried; return all that the service shows and logs."""
    service.start()
    service.wait_until(
        lambda: len(set(_POSTPONED.findall(service.log_text()))) >= repositories,
        seconds,
        f"{repositories} refreshes failed",
    )
    shown = [service.get(path).text for path in ("/api/v1/status", "/api/v1/search", "/metrics")]
    return "\n".join([*shown, service.command("status").stdout, service.log_text()])


def test_a_registry_elsewhere_leads_to_nothing_at_loopback(
    service: Service, outside: StubRegistry, inner: StubRegistry, figure: Callable[[str], None]
) -> None:
    service.configure(REGSEARCH_REGISTRY=outside.url)
    for number, host in enumerate(FORMS):
        path = f"/secret/{number}"
        inner.answer(path, Reply(403, SECRET.encode()))
        redirect(outside, f"team/r{number}", f"http://{host}:{inner.port}{path}")
    shown = read_all(service, len(FORMS))
    assert inner.asked == []
    assert SECRET not in shown
    assert "a loopback address" in shown
    assert "blob_hosts = [" in shown
    figure(f"redirects to {len(FORMS)} spellings of loopback: {len(inner.asked)} requests arrived")


def test_link_local_addresses_are_never_asked(service: Service, registry: StubRegistry) -> None:
    """Not even of a registry at loopback, which may lead to any other address."""
    for number, host in enumerate(NEVER):
        redirect(registry, f"team/r{number}", f"http://{host}/latest/meta-data/?token=signature")
    shown = read_all(service, len(NEVER))
    assert "redirected to http://169.254.169.254/latest/meta-data/: a link-local address" in shown
    assert "the address of a cloud's metadata service" in shown
    assert "no answer in time" not in shown
    assert "signature" not in shown


SAID = (
    Reply(403, SECRET.encode(), {"X-Secret": SECRET}),
    Reply(200, SECRET.encode()),
    Reply(200, SECRET.encode(), {"Content-Encoding": SECRET}),
    Reply(302, SECRET.encode(), {"Location": f"http://169.254.1.1/{SECRET}"}),
    Reply(302, SECRET.encode(), {"Location": f"{SECRET}://nowhere"}),
    Reply(404, b'{"errors": [{"code": "BLOB_UNKNOWN", "message": "the-inner-secret"}]}'),
)
"""Answers of which nothing may be shown: refused, other content, and so on."""


def test_nothing_that_another_host_said_is_shown(
    service: Service, registry: StubRegistry, inner: StubRegistry
) -> None:
    for number, reply in enumerate(SAID):
        inner.answer(f"/{number}", reply)
        redirect(registry, f"team/r{number}", f"{inner.url}/{number}")
    with greeting(f"220 {SECRET} ESMTP\r\n".encode()) as port:
        redirect(registry, "team/mail", f"http://127.0.0.1:{port}/")
        shown = read_all(service, len(SAID) + 1)
    assert {asked.path for asked in inner.asked} == {f"/{number}" for number in range(len(SAID))}
    assert SECRET not in shown
    assert f"403 from {inner.url}" in shown
    assert f"Error from http://127.0.0.1:{port}" in shown


@contextmanager
def greeting(text: bytes) -> Iterator[int]:
    """Greet all connections, as a mail server does; yields the port."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        server.settimeout(0.1)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(text)
                    # To close before the request is read would take the greeting back.
                    connection.settimeout(5)
                    with suppress(OSError):
                        connection.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            is_over.set()
            thread.join()


def test_blob_hosts_are_asked_and_get_no_credentials(
    tmp_path: Path, service: Service, outside: StubRegistry, inner: StubRegistry
) -> None:
    """Also the storage of a registry that asks for a password and sets cookies."""
    built = redirect(outside, "team/web", f"http://localhost:{inner.port}/blob")
    inner.answer("/blob", Reply(body=built.blobs[0].body))
    outside.demand("Basic " + base64.b64encode(b"alice:secret").decode(), "Basic realm=x")
    file = tmp_path / "regsearch.toml"
    file.write_text(
        f"""
        [[registry]]
        url = "{outside.url}"
        username = "alice"
        password = "secret"
        access = "public"
        blob_hosts = ["localhost:{inner.port}"]
        """
    )
    service.configure(REGSEARCH_CONFIG=str(file))
    service.start()
    service.wait_until_idle()
    assert service.finds("repo:team/web")
    assert inner.asked
    for asked in inner.asked:
        names = {name.lower() for name in asked.headers}
        assert names.isdisjoint({"authorization", "cookie", "proxy-authorization"})
