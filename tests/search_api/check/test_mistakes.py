"""Mistakes that people make: ``regsearch check`` names each, and its remedy makes it clean.

Each mistake is made with the real command, a real registry, and real files and ports.
"""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.end_to_end.ports import free_port
from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.end_to_end.service import WEBHOOK_SECRET
from tests.programs import NeedsProgram
from tests.search_api.check.stage import (
    Checked,
    ConfiguredNginx,
    FilledRegistry,
    Found,
    Stage,
    fill,
    make_service,
)
from tests.search_api.check.table import compare
from tests.series import series

HEADING = "### Settings, registry, notifications and disk"

Act = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Mistake:
    """How a mistake is made and mended, and what has to be said about it.

    ``value`` and ``remedy`` are parts of what is said. ``status`` is the exit status with the
    mistake. ``verdict`` is what the mistake is.
    """

    name: str
    make: Act
    mend: Act
    value: str
    remedy: str
    status: int = 1
    verdict: str = "wrong"
    hosts: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RealRegistry]]:
    """Run one registry for all mistakes that do not change it."""
    kept: list[FilledRegistry] = []

    def running(program: str) -> RealRegistry:
        if not kept:
            kept.append(FilledRegistry(tmp_path_factory.mktemp("registry"), program=program))
            kept[0].__enter__()
        return kept[0].registry

    yield running
    for one in kept:
        one.registry.stop()


@pytest.fixture
def stage(
    filled: Callable[[str], RealRegistry], needs_program: NeedsProgram, tmp_path: Path
) -> Iterator[Stage]:
    """Give settings without a mistake; the service is not started."""
    registry = filled(needs_program("docker-registry"))
    made = Stage(tmp_path, registry, secrets={registry.host: "127.0.0.1:5000"})
    port = free_port()
    made.secrets[f"127.0.0.1:{port}"] = "127.0.0.1:8080"
    made.set(
        registry=registry.url,
        data_dir=str(made.data),
        listen=f"127.0.0.1:{port}",
        webhook_secret=WEBHOOK_SECRET,
    )
    yield made
    made.close()


def set_to(name: str, value: str) -> Act:
    return lambda stage: stage.set(**{name: value})


def right_registry(stage: Stage) -> None:
    stage.set(registry=stage.registry.url)


def right_listen(stage: Stage) -> None:
    stage.set(listen=f"127.0.0.1:{free_port()}")


def in_file(text: str) -> Act:
    """Write settings into regsearch.toml, and nothing of the registry into the environment."""

    def make(stage: Stage) -> None:
        stage.unset("registry")
        stage.write("regsearch.toml", text.replace("URL", stage.registry.url))

    return make


GOOD_FILE = in_file('[[registry]]\nname = "main"\nurl = "URL"\n')


def away(stage: Stage) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stage.set(registry=f"http://127.0.0.1:{port}")


def behind_tls(**certificate: object) -> Act:
    """Put nginx with a certificate before the registry, and have its address in the settings."""

    def make(stage: Stage) -> None:
        made = make_certificate(stage.folder / "tls", **certificate)  # type: ignore[arg-type]
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx"
        folder = stage.folder / "nginx"
        folder.mkdir(exist_ok=True)
        nginx = ConfiguredNginx(folder, program=program)
        stage.closing.append(nginx.stop)
        nginx.start(
            f"server {{ listen {nginx.host} ssl; ssl_certificate {made.public};"
            f" ssl_certificate_key {made.key}; location / {{ proxy_pass {stage.registry.url};"
            " proxy_set_header Host $http_host; } }"
        )
        stage.secrets[nginx.host] = "127.0.0.1:8443"
        stage.set(registry=f"https://{nginx.host}")

    return make


def trust(stage: Stage) -> None:
    stage.settings["SSL_CERT_FILE"] = str(stage.folder / "tls" / "server.pem")


def trust_in_settings(stage: Stage) -> None:
    url = stage.settings["REGSEARCH_REGISTRY"]
    stage.unset("registry")
    file = stage.folder / "tls" / "server.pem"
    stage.write("regsearch.toml", f'[[registry]]\nurl = "{url}"\nca_file = "{file}"\n')


def then(*acts: Act) -> Act:
    def act(stage: Stage) -> None:
        for one in acts:
            one(stage)

    return act


def without_tls_in_url(stage: Stage) -> None:
    stage.set(registry=stage.settings["REGSEARCH_REGISTRY"].replace("https:", "http:"))


def with_tls_in_url(stage: Stage) -> None:
    stage.set(registry=stage.settings["REGSEARCH_REGISTRY"].replace("http:", "https:"))


def with_passwords(stage: Stage) -> None:
    """Give the stage a registry of its own, which asks for a password."""
    folder = stage.folder / "private"
    folder.mkdir(exist_ok=True)
    program = shutil.which("docker-registry")
    assert program, "docker-registry"
    registry = RealRegistry(folder, program=program, password_needed=True)
    stage.closing.append(registry.stop)
    registry.start()
    fill(registry, auth=(USERNAME, PASSWORD))
    stage.secrets[registry.host] = "127.0.0.1:5000"
    stage.registry = registry


def as_user(name: str, password: str) -> Act:
    return in_file(
        f'[[registry]]\nname = "main"\nurl = "URL"\nusername = "{name}"\npassword = "{password}"\n'
    )


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve GET and HEAD with a function; gives host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()


def close(context: AbstractContextManager[str]) -> None:
    context.__exit__(None, None, None)


def answers_by(answer: Callable[[BaseHTTPRequestHandler], None]) -> Act:
    def make(stage: Stage) -> None:
        context = answering(answer)
        host = context.__enter__()
        stage.closing.append(partial(close, context))
        stage.secrets[host] = "127.0.0.1:5000"
        stage.set(registry=f"http://{host}")

    return make


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response_only(status)
    if "Date" not in headers:
        handler.send_header("Date", handler.date_time_string())
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def late(handler: BaseHTTPRequestHandler) -> None:
    """Answer as an empty registry whose clock is in the past."""
    body = b'{"repositories": []}' if "catalog" in handler.path else b"{}"
    is_there = handler.path == "/v2/" or "catalog" in handler.path
    error = b'{"errors": [{"code": "NAME_UNKNOWN", "message": "unknown"}]}'
    then = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    say(handler, 200 if is_there else 404, body if is_there else error, Date=then)


def without_catalog(handler: BaseHTTPRequestHandler) -> None:
    """Answer as a registry that has no catalog."""
    say(handler, 200 if handler.path == "/v2/" else 404, b"{}" if handler.path == "/v2/" else b"")


def to_sign_in(handler: BaseHTTPRequestHandler) -> None:
    say(handler, 302, b"", Location="https://login.example.org/start?to=v2")


def a_page(handler: BaseHTTPRequestHandler) -> None:
    say(handler, 200, b"<!doctype html><title>Registry</title>", Content_Type="text/html")


def occupied(stage: Stage) -> None:
    """Let another program have the port of the settings."""
    context = answering(a_page)
    host = context.__enter__()
    stage.closing.append(partial(close, context))
    stage.secrets[host] = "127.0.0.1:8080"
    stage.set(listen=host)


def of_regsearch(stage: Stage) -> None:
    """Give the address of a regsearch as that of the registry."""
    service = make_service(stage)
    service.configure(REGSEARCH_REGISTRY=stage.registry.url)
    service.start(90)
    service.wait_until_idle()
    stage.secrets[service.host] = "127.0.0.1:5000"
    stage.set(registry=service.url, data_dir=str(stage.folder / "other"))


def second_service(stage: Stage) -> None:
    """Let an indexer work in the data directory, with a web process at another port."""
    service = make_service(stage)
    service.configure(REGSEARCH_REGISTRY=stage.registry.url)
    service.start(90)
    service.wait_until_idle()
    stage.secrets[f"(process {service.child_pid('indexer')})"] = "(process 1234)"


def other_data(stage: Stage) -> None:
    stage.set(data_dir=str(stage.folder / "other"))


def without_tantivy(stage: Stage) -> None:
    """Let the library of the engine be one that cannot be imported."""
    folder = stage.folder / "broken"
    folder.mkdir()
    (folder / "tantivy.py").write_text('raise ImportError("No module named tantivy")\n')
    stage.settings["PYTHONPATH"] = f"{folder}:{Path(__file__).parents[3]}"
    stage.set(engine="tantivy")


def install(stage: Stage) -> None:
    del stage.settings["PYTHONPATH"]


def a_file(stage: Stage) -> None:
    stage.set(data_dir=str(stage.write("regsearch-file", "")))


def right_data(stage: Stage) -> None:
    stage.set(data_dir=str(stage.data))


def to_missing_config(stage: Stage) -> None:
    stage.set(config=str(stage.folder / "missing.toml"))


def make_config(stage: Stage) -> None:
    stage.unset("registry")
    stage.write("missing.toml", f'[[registry]]\nurl = "{stage.registry.url}"\n')


def password_file(stage: Stage) -> None:
    with_passwords(stage)
    in_file(
        '[[registry]]\nname = "main"\nurl = "URL"\n'
        f'username = "{USERNAME}"\npassword_file = "{stage.folder / "password"}"\n'
    )(stage)


def make_password_file(stage: Stage) -> None:
    stage.write("password", f"{PASSWORD}\n")


MISTAKES = [
    Mistake(
        "no setting",
        lambda stage: stage.unset("registry"),
        right_registry,
        "no registry is set",
        "REGSEARCH_REGISTRY=http://localhost:5000 names one",
        status=2,
    ),
    Mistake(
        "URL without a scheme",
        set_to("registry", "localhost:5000"),
        right_registry,
        "",
        "write a URL such as https://registry.example.org",
        status=2,
    ),
    Mistake("registry away", away, right_registry, "nothing listens at", "start it, or correct"),
    Mistake(
        "unknown host",
        set_to("registry", "http://registry.invalid:5000"),
        right_registry,
        "the host registry.invalid is not known",
        "correct the host in url",
    ),
    Mistake(
        "https to a port of http",
        lambda stage: stage.set(registry=stage.registry.url.replace("http:", "https:")),
        right_registry,
        "answers http, not https",
        "write http:// in url",
    ),
    Mistake(
        "http to a port of https",
        then(behind_tls(), trust, without_tls_in_url),
        with_tls_in_url,
        "answers https, not http",
        "write https:// in url",
    ),
    Mistake("self-signed", behind_tls(), trust_in_settings, "is self-signed", "ca_file"),
    Mistake(
        "certificate expired",
        then(behind_tls(ends=timedelta(days=-1)), trust),
        then(behind_tls(), trust),
        "has expired",
        "renew it",
    ),
    Mistake(
        "certificate of another name",
        then(behind_tls(name="registry.example.org"), trust),
        then(behind_tls(), trust),
        "is for another name",
        "write the name that is in the certificate",
    ),
    Mistake(
        "wrong password",
        then(with_passwords, as_user(USERNAME, "guess")),
        as_user(USERNAME, PASSWORD),
        "refuses the user 'alice' with this password",
        "correct username and password",
    ),
    Mistake(
        "no password",
        then(with_passwords, GOOD_FILE),
        as_user(USERNAME, PASSWORD),
        "asks for credentials, and none are set",
        "set username and password_file",
    ),
    Mistake(
        "URL of the catalog",
        lambda stage: stage.set(registry=f"{stage.registry.url}/v2/_catalog"),
        right_registry,
        "requests begin with /v2/ already",
        "write http://",
    ),
    Mistake(
        "URL of regsearch itself",
        of_regsearch,
        right_registry,
        "is a regsearch, not a registry",
        "write the address of the registry",
    ),
    Mistake(
        "URL of a web page",
        answers_by(a_page),
        right_registry,
        "answers with a page for people",
        "at which the registry answers /v2/",
    ),
    Mistake(
        "registry behind a page for signing in",
        answers_by(to_sign_in),
        right_registry,
        "redirects to https://login.example.org/start",
        "must not lead to a page for signing in",
    ),
    Mistake(
        "registry without a catalog",
        answers_by(without_catalog),
        right_registry,
        "it has none",
        "set repositories = [...]",
    ),
    Mistake(
        "clock of the registry",
        answers_by(late),
        right_registry,
        "behind the clock of this host",
        "set both by NTP",
        status=0,
        verdict="warning",
    ),
    Mistake(
        "port in use",
        occupied,
        right_listen,
        "another program listens at",
        "set listen to a free port",
    ),
    Mistake(
        "listen without a host",
        set_to("listen", "8080"),
        right_listen,
        "",
        "",
        status=2,
    ),
    Mistake(
        "listen at an address of another host",
        set_to("listen", "192.0.2.1:8080"),
        right_listen,
        "Cannot assign requested address",
        "set listen to an address of this host",
        status=2,
    ),
    Mistake(
        "duration as words",
        set_to("journal_retention", "7days"),
        set_to("journal_retention", "7d"),
        "",
        "write a number and a unit, such as 30s, 15m, 6h or 7d",
        status=2,
    ),
    Mistake(
        "unknown variable",
        set_to("datadir", "/srv"),
        lambda stage: stage.unset("datadir"),
        "unknown environment variable REGSEARCH_DATADIR",
        "did you mean REGSEARCH_DATA_DIR?",
        status=2,
    ),
    Mistake(
        "unknown key in regsearch.toml",
        in_file('dta_dir = "/srv"\n[[registry]]\nname = "main"\nurl = "URL"\n'),
        GOOD_FILE,
        "unknown setting 'dta_dir'",
        "did you mean data_dir?",
        status=2,
    ),
    Mistake(
        "[registry] with one bracket",
        in_file('[registry]\nname = "main"\nurl = "URL"\n'),
        GOOD_FILE,
        "",
        "write [[registry]], with two brackets",
        status=2,
    ),
    Mistake(
        "regsearch.toml is not TOML",
        in_file("registry: URL\n"),
        GOOD_FILE,
        "line 1, column 9",
        "",
        status=2,
    ),
    Mistake(
        "settings file missing",
        to_missing_config,
        make_config,
        "no such file",
        "make that file, or correct the setting",
        status=2,
    ),
    Mistake(
        "data directory is a file",
        a_file,
        right_data,
        "is a file, not a folder",
        "correct data_dir",
        status=2,
    ),
    Mistake(
        "data directory below /proc",
        set_to("data_dir", "/proc/regsearch"),
        right_data,
        "'/proc' takes no files",
        "set data_dir to a folder on a disk",
        status=2,
    ),
    Mistake(
        "password file missing",
        password_file,
        make_password_file,
        "No such file",
        "make that file, or correct the setting",
        status=2,
    ),
    Mistake(
        "second service with the same data directory",
        second_service,
        other_data,
        "works in",
        "or set another data_dir",
    ),
    Mistake(
        "engine not installed",
        without_tantivy,
        install,
        "engine 'tantivy' is not installed",
        "pip install 'regsearch[tantivy]'",
        status=2,
    ),
    Mistake(
        "two URLs in the environment",
        lambda stage: stage.set(registry=f"{stage.registry.url} {stage.registry.url}"),
        right_registry,
        "",
        "write",
        status=2,
    ),
    Mistake(
        "short webhook secret",
        set_to("webhook_secret", "secret"),
        set_to("webhook_secret", WEBHOOK_SECRET),
        "",
        "openssl rand -hex 32",
        status=2,
    ),
]


def named(checked: Checked, mistake: Mistake) -> Found:
    """Return what names a mistake; fail if nothing does."""
    found = [
        one
        for one in checked.found
        if one.verdict == mistake.verdict
        and mistake.value in one.value
        and mistake.remedy in one.remedy
    ]
    assert found, checked.text
    return found[0]


@pytest.mark.parametrize("mistake", series(MISTAKES, short=4), ids=lambda mistake: mistake.name)
def test_a_mistake_is_named_and_its_remedy_helps(
    stage: Stage, mistake: Mistake, needs_program: NeedsProgram
) -> None:
    needs_program("nginx")
    mistake.make(stage)
    checked = stage.check()
    one = named(checked, mistake)
    assert one.remedy
    assert checked.status == mistake.status, checked.text
    compare(stage.row(mistake.name, one), below=HEADING)

    mistake.mend(stage)
    mended = stage.check()
    assert (mended.status, mended.wrong) == (0, [])
    # Of a service that is stopped it is said, and of nothing else.
    assert {(other.area, other.thing) for other in mended.not_ok} <= {("service", "running")}
