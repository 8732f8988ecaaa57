"""Proxies that are set up wrongly: ``regsearch check`` names what, and its remedy makes it clean.

A real nginx stands before a real registry and a real service, as docker and podman would meet them.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from indexer.settings import RegistrySettings, Settings
from search_api.check import Finding, Verdict, run_checks
from tests.certificates import Certificate, make_certificate
from tests.end_to_end.ports import free_port
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.service import WEBHOOK_SECRET, Service
from tests.end_to_end.waiting import wait_until
from tests.programs import NeedsProgram
from tests.search_api.check.stage import ConfiguredNginx, fill
from tests.search_api.check.table import Row, compare
from tests.series import series
from webhooks.auth import kept_secrets

HEADING = "### Proxies"
STREAM_SECONDS = 5.0
BASE = "/regsearch"

# What is right; each mistake changes a part of it.
HEADERS = """\
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
"""
SEARCH = "location /v1/ { proxy_pass http://SERVICE; HEADERS }"
REGISTRY = "location /v2/ { client_max_body_size 0; proxy_pass http://REGISTRY; HEADERS }"
PAGE = "location /regsearch/ { proxy_pass http://SERVICE; proxy_buffering off; HEADERS }"
OTHERS = "location / { return 404; }"
PASSWORD = "auth_basic users; auth_basic_user_file /dev/null;"
HTML = "default_type text/html; return 200 '<!doctype html><title>Our registry</title>';"


@dataclass(frozen=True, slots=True)
class Broken:
    """A mistake in a proxy: other texts in place of the right ones, and what is said of it.

    ``replaces`` are texts of the configuration with what stands in their place. ``settings`` are
    those of the service that are not right, ``value`` and ``remedy`` parts of what is said.
    """

    name: str
    value: str
    remedy: str
    replaces: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict = Verdict.WRONG
    is_tls: bool = False
    certificate: Mapping[str, str] = field(default_factory=dict)


BROKEN = [
    Broken(
        "web page for all that is not known",
        "a page for people (HTML), not JSON",
        "let the proxy pass /v1/search on to regsearch before it sends everything else",
        {SEARCH: "", OTHERS: f"location / {{ {HTML} }}"},
    ),
    Broken(
        "redirect from http to https",
        "docker drops its credentials there",
        "write https:// in public_url",
        {SEARCH: "location /v1/ { return 301 https://$http_host$request_uri; }"},
    ),
    Broken(
        "redirect to a page for signing in",
        "a redirect to https://login.example.org/start",
        "leave /v1/ and /v2/ out of signing in",
        {SEARCH: "location /v1/ { return 302 https://login.example.org/start; }"},
    ),
    Broken(
        "redirect to the address with a slash",
        "docker drops its credentials there",
        "without a slash behind it",
        {SEARCH: f"location = /v1/search {{ return 301 /v1/search/$is_args$args; }}\n{SEARCH}"},
    ),
    Broken(
        "password for searches",
        "the proxy asks for a password before /v1/",
        "nginx: auth_basic off",
        {
            SEARCH: SEARCH.replace(
                "HEADERS", "HEADERS auth_basic x; auth_basic_user_file /dev/null;"
            )
        },
    ),
    Broken(
        "no /v2/",
        "podman refuses to search without 200 or 401 there",
        "let the proxy pass /v2/ on to the registry",
        {REGISTRY: ""},
    ),
    Broken(
        "page for /v2/",
        "podman refuses to search without 200 or 401 there",
        "let the proxy pass /v2/ on to the registry",
        {REGISTRY: f"location /v2/ {{ {HTML} }}"},
    ),
    Broken(
        "only /v1/search passed on",
        "docker sends an empty password",
        "let the proxy pass /v1/_ping on to regsearch, too",
        {"location /v1/": "location = /v1/search"},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "no /v1/",
        "404 of something else than regsearch",
        "let the proxy pass /v1/search on to regsearch",
        {SEARCH: ""},
    ),
    Broken(
        "/v1/ passed on to the registry",
        "404 of something else than regsearch",
        "let the proxy pass /v1/search on to regsearch",
        {SEARCH: SEARCH.replace("SERVICE", "REGISTRY")},
    ),
    Broken(
        "own host passed on",
        "in place of",
        "nginx: proxy_set_header Host $http_host",
        {SEARCH: SEARCH.replace("HEADERS", "NO_HOST")},
    ),
    Broken(
        "host without its port passed on",
        "regsearch sees the host '127.0.0.1' in place of",
        "with its port",
        {SEARCH: SEARCH.replace("HEADERS", "BARE_HOST")},
    ),
    Broken(
        "X-Forwarded-Host of a proxy that is not believed",
        "in X-Forwarded-Host, and is not believed",
        'trusted_proxies = ["127.0.0.1"]',
        {
            SEARCH: SEARCH.replace(
                "HEADERS", "NO_HOST proxy_set_header X-Forwarded-Host $http_host;"
            )
        },
        {"REGSEARCH_TRUSTED_PROXIES": "10.0.0.0/8"},
    ),
    Broken(
        "no X-Forwarded-For",
        "the proxy does not tell who asks",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for",
        {"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;": ""},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "X-Forwarded-For of a proxy that is not believed",
        "tells who asks, and is not believed",
        'trusted_proxies = ["127.0.0.1"]',
        settings={"REGSEARCH_TRUSTED_PROXIES": ""},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "query lost",
        "what is searched for is lost",
        "proxy_pass without a path behind the port, no rewrite",
        {SEARCH: SEARCH.replace("proxy_pass", "rewrite ^ /v1/search? break; proxy_pass")},
    ),
    Broken(
        "another query passed on",
        "what is searched for arrives as",
        "pass path and query on as they are",
        {SEARCH: SEARCH.replace("proxy_pass", "set $args q=other&n=1; proxy_pass")},
    ),
    Broken(
        "/v1/ cut off",
        "regsearch: the proxy c",
        "proxy_pass without a path behind the port",
        {SEARCH: SEARCH.replace("http://SERVICE;", "http://SERVICE/;")},
    ),
    Broken(
        "size of pushes limited",
        "the proxy refuses large bodies below /v2/ (413)",
        "nginx: client_max_body_size 0",
        {"client_max_body_size 0;": ""},
    ),
    Broken(
        "long queries refused",
        "the proxy refuses a query of 3000 characters: 414",
        "nginx: large_client_header_buffers 4 16k",
        {OTHERS: f"{OTHERS} client_header_buffer_size 1k; large_client_header_buffers 2 2k;"},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "requests limited",
        "the proxy refuses requests that come fast",
        "take limits such as limit_req away from",
        {SEARCH: SEARCH.replace("HEADERS", "HEADERS limit_req zone=slow;")},
    ),
    Broken(
        "regsearch not reached",
        "502, the proxy does not reach regsearch",
        "nginx: proxy_pass",
        {SEARCH: SEARCH.replace("SERVICE", "CLOSED")},
    ),
    Broken(
        "registry not reached",
        "502, the proxy does not reach the registry",
        "start the registry",
        {REGISTRY: REGISTRY.replace("REGISTRY", "CLOSED")},
    ),
    Broken(
        "streams held back",
        "the proxy holds back what a stream sends",
        "nginx: proxy_buffering off",
        {"proxy_buffering off;": "proxy_ignore_headers X-Accel-Buffering;"},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "streams ended",
        "the proxy ends a stream within",
        "nginx: proxy_read_timeout 1h",
        {"proxy_buffering off;": "proxy_buffering off; proxy_read_timeout 2s;"},
        verdict=Verdict.WARNING,
    ),
    Broken(
        "another path than that of public_url",
        "of something else: the proxy does not pass it on as it should",
        "public_url and the proxy must have the same path",
        {"location /regsearch/": "location /search/"},
    ),
    Broken(
        "path of public_url twice",
        "of regsearch: the proxy does not pass it on as it should",
        "with that path or without it",
        {PAGE: PAGE.replace("http://SERVICE;", "http://SERVICE/regsearch/regsearch/;")},
    ),
    Broken(
        "no X-Forwarded-Proto",
        "regsearch does not know that clients came over https",
        "nginx: proxy_set_header X-Forwarded-Proto $scheme",
        {"proxy_set_header X-Forwarded-Proto $scheme;": ""},
        verdict=Verdict.WARNING,
        is_tls=True,
    ),
    Broken(
        "certificate that clients do not know",
        "is self-signed",
        "/etc/docker/certs.d/",
        is_tls=True,
        certificate={"known": "no"},
    ),
]


class Proxied:
    """A registry, a service and a proxy before both, which is started anew for each mistake."""

    def __init__(self, folder: Path, stack: ExitStack, needs_program: NeedsProgram) -> None:
        self.folder = folder
        self.registry = RealRegistry(folder, program=needs_program("docker-registry"))
        stack.callback(self.registry.stop)
        self.registry.start()
        fill(self.registry)
        self.proxy = ConfiguredNginx(folder, program=needs_program("nginx"))
        stack.callback(self.proxy.stop)
        self.certificate: Certificate = make_certificate(folder / "tls")
        self.service = Service(folder)
        stack.callback(self.service.close)
        self._given: Mapping[str, str] | None = None

    def settings(self, scheme: str, given: Mapping[str, str]) -> dict[str, str]:
        """The settings of the service as environment."""
        file = self.folder / "regsearch.toml"
        file.write_text(
            f'[[registry]]\nurl = "{self.registry.url}"\nregistry_host = "{self.proxy.host}"\n'
            "notifications = false\n"
        )
        return {
            "REGSEARCH_CONFIG": str(file),
            "REGSEARCH_PUBLIC_URL": f"{scheme}://{self.proxy.host}{BASE}",
            "REGSEARCH_TRUSTED_PROXIES": "127.0.0.0/8",
            **given,
        }

    def serve(self, given: Mapping[str, str]) -> None:
        """Have the service run with these settings, started anew if it has others."""
        if self._given == given:
            return
        if self._given is not None:
            self.service.stop()
        self._given = given
        self.service.configure(**given)
        # It is started anew beside all that other tests run.
        self.service.start(90)
        self.service.wait_until_complete()

    def pass_on(self, replaces: Mapping[str, str], *, is_tls: bool) -> None:
        """Start the proxy with the right configuration but for some texts."""
        parts = f"{SEARCH}\n{REGISTRY}\n{PAGE}\n{OTHERS}"
        for right, wrong in replaces.items():
            parts = parts.replace(right, wrong)
        headers = HEADERS
        for right, wrong in replaces.items():
            headers = headers.replace(right, wrong)
        closed = f"127.0.0.1:{free_port()}"
        no_host = headers.replace("proxy_set_header Host $http_host;", "")
        bare_host = headers.replace("$http_host", "$host")
        texts = {
            "NO_HOST": no_host,
            "BARE_HOST": bare_host,
            "HEADERS": headers,
            "SERVICE": self.service.host,
            "REGISTRY": self.registry.host,
            "CLOSED": closed,
        }
        for name, text in texts.items():
            parts = parts.replace(name, text)
        tls = (
            f"ssl_certificate {self.certificate.public};"
            f" ssl_certificate_key {self.certificate.key};"
        )
        ssl = " ssl" if is_tls else ""
        self.proxy.start(
            "limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;\n"
            f"server {{ listen {self.proxy.host}{ssl}; {tls if is_tls else ''}\n{parts}\n}}"
        )

    def check(self, given: Mapping[str, str]) -> list[Finding]:
        """Return what the check finds, with the settings of the service."""
        registry = RegistrySettings(
            url=self.registry.url, registry_host=self.proxy.host, notifications=False
        )
        proxies = given["REGSEARCH_TRUSTED_PROXIES"]
        settings = Settings(
            registry=(registry,),
            data_dir=self.service.data,
            listen=self.service.host,
            webhook_secret=WEBHOOK_SECRET,
            public_url=given["REGSEARCH_PUBLIC_URL"],
            trusted_proxies=(proxies,) if proxies else (),
        )
        run = run_checks(
            settings, read_secrets=partial(kept_secrets, settings), stream_seconds=STREAM_SECONDS
        )
        return asyncio.run(run)

    def plain(self, text: str) -> str:
        """Return a text with samples in place of what differs from run to run."""
        samples = {self.proxy.host: "hub.example.org", self.service.host: "127.0.0.1:8080"}
        for real, sample in samples.items():
            text = text.replace(real, sample)
        return text


@pytest.fixture(scope="module")
def make_setup(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[NeedsProgram], Proxied]]:
    """Make one set-up for all mistakes, once a test has its programs."""
    made: list[Proxied] = []
    with ExitStack() as stack:

        def make(needs_program: NeedsProgram) -> Proxied:
            if not made:
                made.append(Proxied(tmp_path_factory.mktemp("proxied"), stack, needs_program))
            return made[0]

        yield make


@pytest.fixture
def setup(make_setup: Callable[[NeedsProgram], Proxied], needs_program: NeedsProgram) -> Proxied:
    """Give the set-up of the module."""
    return make_setup(needs_program)


def not_ok(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.verdict is not Verdict.OK]


@pytest.mark.parametrize("broken", series(BROKEN, short=3), ids=lambda broken: broken.name)
def test_a_broken_proxy_is_named_and_its_remedy_helps(
    setup: Proxied, broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = "https" if broken.is_tls else "http"
    is_known = broken.is_tls and not broken.certificate
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(setup.certificate.public))
    given = setup.settings(scheme, broken.settings)
    setup.serve(given)
    setup.pass_on(broken.replaces, is_tls=broken.is_tls)
    found = setup.check(given)
    named = [
        one
        for one in found
        if one.verdict is broken.verdict
        and broken.value in one.value
        and broken.remedy in one.remedy
    ]
    assert named, "\n".join(map(str, not_ok(found)))
    one = named[0]
    said = f"{one.verdict.value}: {one.area}, {one.thing}: {one.value}"
    compare(Row(broken.name, setup.plain(said), setup.plain(one.remedy)), below=HEADING)

    monkeypatch.setenv("SSL_CERT_FILE", str(setup.certificate.public))
    right = setup.settings(scheme, {})
    setup.serve(right)
    setup.pass_on({}, is_tls=broken.is_tls)
    assert not_ok(setup.check(right)) == []


def test_without_a_proxy_all_is_well(setup: Proxied) -> None:
    """The host is that of the service itself, and no proxy is missed."""
    given = setup.settings("http", {})
    given["REGSEARCH_PUBLIC_URL"] = ""
    setup.serve(given)
    status, text = run_command(setup, "--host", setup.service.host)
    assert status == 0, text
    assert "there is none: searches arrive as they were sent" in text


def test_a_host_that_nobody_has_is_named(setup: Proxied) -> None:
    given = setup.settings("http", {})
    setup.serve(given)
    status, text = run_command(setup, "--host", "registry.invalid")
    assert status == 1
    assert "public host registry.invalid, address: nothing answers" in text


def run_command(setup: Proxied, *words: str) -> tuple[int, str]:
    wait_until(setup.service.is_ready, 20, "the service is ready")
    ended = setup.service.command("check", *words, seconds=90)
    return ended.returncode, ended.stdout + ended.stderr
