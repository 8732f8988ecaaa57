"""What a failure of reaching a registry means, over real connections."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer.errors import RegistryError
from indexer.registry import Credentials, Failure, RegistryClient, explain
from tests.certificates import Certificate, make_certificate
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

UNAUTHORIZED = b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}'
DENIED = b'{"errors": [{"code": "DENIED", "message": "access denied"}]}'
REGSEARCH = b'{"errors": [{"message": "/v2/x: this is a search service, not a registry"}]}'


@contextmanager
def server(
    status: int = 404,
    body: bytes = b"404 page not found",
    *,
    headers: dict[str, str] | None = None,
    certificate: Certificate | None = None,
) -> Iterator[str]:
    """Answer every request alike; gives host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value.format(host=self.headers["Host"]))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # Clients break off, which these tests want.

    listening = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.public, certificate.key)
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(timeout=10)


async def failure(url: str, *, username: str = "") -> Failure:
    """Return what the failure of reading the catalog means."""
    credentials = Credentials(username, "password") if username else None
    client = RegistryClient(url, clock=ManualClock(), credentials=credentials)
    try:
        with pytest.raises(RegistryError) as raised:
            async for _ in client.repositories():
                pass
    finally:
        await client.aclose()
    return explain(raised.value, url=url, username=username)


async def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
        found = await failure(f"http://{where}")
    assert found.problem == f"nothing listens at {where}"
    assert found.remedy.startswith("start it, or correct host and port in url")
    assert str(found) == f"{found.problem}: {found.remedy}"


async def test_a_host_is_not_known() -> None:
    found = await failure("http://nowhere.invalid:5000")
    assert found.problem.startswith("the host nowhere.invalid is not known")
    assert found.remedy.startswith("correct the host in url")


async def test_https_is_asked_where_http_is_spoken() -> None:
    with server() as where:
        found = await failure(f"https://{where}")
    assert found.problem == f"{where} answers http, not https"
    assert "write http://" in found.remedy


@pytest.mark.parametrize(
    "body",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.",
    ],
)
async def test_http_is_asked_where_https_is_spoken_as_servers_say_it(body: bytes) -> None:
    with server(400, body) as where:
        found = await failure(f"http://{where}")
    assert found == Failure(f"{where} answers https, not http", "write https:// in url")


async def test_http_is_asked_where_a_connection_is_broken_off(tmp_path: Path) -> None:
    with server(certificate=make_certificate(tmp_path)) as where:
        found = await failure(f"http://{where}")
    assert found.problem == f"{where} ends the connection without an answer in HTTP"
    assert found.remedy.startswith("write https:// in url if it speaks TLS")


async def test_a_certificate_is_self_signed(tmp_path: Path) -> None:
    with server(certificate=make_certificate(tmp_path)) as where:
        found = await failure(f"https://{where}")
    assert found.problem == f"the certificate of {where} is self-signed"
    assert "ca_file of the registry" in found.remedy
    assert "SSL_CERT_FILE" in found.remedy


@pytest.mark.parametrize(
    ("certificate", "problem", "remedy"),
    [
        ({"ends": timedelta(days=-1)}, "has expired", "renew it"),
        ({"starts": timedelta(hours=12)}, "is not valid yet", "set the clock of this host"),
        ({"name": "registry.example.org"}, "is for another name", "that is in the certificate"),
    ],
)
async def test_a_certificate_of_a_known_authority_is_not_believed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: dict[str, str],
    problem: str,
    remedy: str,
) -> None:
    made = make_certificate(tmp_path, **certificate)  # type: ignore[arg-type]
    monkeypatch.setenv("SSL_CERT_FILE", str(made.public))
    with server(certificate=made) as where:
        found = await failure(f"https://{where}")
    assert found.problem == f"the certificate of {where} {problem}"
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("status", "body", "username", "problem", "remedy"),
    [
        (401, UNAUTHORIZED, "", "asks for credentials, and none are set", "set username and"),
        (401, UNAUTHORIZED, "alice", "refuses the user 'alice' with this password", "correct"),
        (403, DENIED, "alice", "does not allow this to the user 'alice'", "give that user"),
        (403, DENIED, "", "allows this to users alone, and none are set", "set username"),
        (404, b"404 page not found", "", "no registry answers at http://", "address of the regis"),
        (404, REGSEARCH, "", "is a regsearch, not a registry", "the address of the registry"),
        (200, b"<!doctype html><p>hello", "", "with a page for people (200)", "answers /v2/"),
        (500, b"", "", "fails (GET /v2/_catalog?n=1000: 500)", "look at the log"),
        (502, b"", "", "a proxy before", "start the registry"),
        (429, b"", "", "asks for a pause", "wait"),
    ],
)
async def test_an_answer_is_explained(
    status: int, body: bytes, username: str, problem: str, remedy: str
) -> None:
    headers = {"WWW-Authenticate": 'Basic realm="test"'} if status == 401 else None
    with server(status, body, headers=headers) as where:
        found = await failure(f"http://{where}", username=username)
    assert problem in found.problem
    assert remedy in found.remedy


async def test_a_catalog_may_be_shown_to_nobody() -> None:
    with server(403, DENIED) as where:
        found = await failure(f"http://{where}", username="alice")
    assert found.remedy.endswith('shows its catalog to nobody, set repositories = ["team/app"]')


@pytest.mark.parametrize("end", ["/v2", "/v2/", "/v1/", "/v2/_catalog"])
async def test_a_url_ends_in_what_requests_begin_with(end: str) -> None:
    with server() as where:
        found = await failure(f"http://{where}{end}")
    assert "requests begin with /v2/ already" in found.problem
    assert found.remedy == f"write http://{where} in url"


async def test_a_redirect_leads_from_http_to_https() -> None:
    with server(301, headers={"Location": "https://127.0.0.1:8443/v2/"}) as where:
        found = await failure(f"http://{where}")
    assert found == Failure(
        f"{where} redirects http to https", "write https://127.0.0.1:8443 in url"
    )


async def test_a_redirect_leads_to_a_page_for_signing_in() -> None:
    with server(302, headers={"Location": "https://login.example.org/?to=1"}) as where:
        found = await failure(f"http://{where}")
    assert found.problem == f"{where} redirects to https://login.example.org/"
    assert "page for signing in" in found.remedy


async def test_a_token_service_that_is_away_is_named(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        realm = f"127.0.0.1:{probe.getsockname()[1]}"
        asks = {"WWW-Authenticate": f'Bearer realm="http://{realm}/token",service="registry"'}
        with server(401, UNAUTHORIZED, headers=asks) as where:
            found = await failure(f"http://{where}")
    assert found.problem == f"nothing listens at {realm}"


async def test_a_token_service_that_may_not_be_asked_comes_with_the_setting() -> None:
    asks = {"WWW-Authenticate": 'Bearer realm="http://169.254.1.1/token",service="registry"'}
    with server(401, UNAUTHORIZED, headers=asks) as where:
        found = await failure(f"http://{where}", username="alice")
    assert found.problem
    assert found.remedy
