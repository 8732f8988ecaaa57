"""Signing in at a service elsewhere, and searching there."""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from search_api.cli.main import main
from search_api.web import make_web
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.search_api.access.asking import (
    FOR_ALL,
    OF_TEAM,
    PASSWORD,
    SECOND_PUBLIC,
    settings_with,
    write_users,
)

Run = Callable[..., tuple[int, str, str]]

HELPER = """\
#!{python}
import json, pathlib, sys
kept = pathlib.Path({kept!r})
sent, verb = sys.stdin.read(), sys.argv[1]
all = json.loads(kept.read_text()) if kept.exists() else {{}}
if verb == "store":
    one = json.loads(sent)
    all[one["ServerURL"]] = one
elif verb == "get" and sent.strip() in all:
    print(json.dumps(all[sent.strip()]))
elif verb == "get":
    print("credentials not found in native keychain")
    sys.exit(1)
else:
    all.pop(sent.strip())
kept.write_text(json.dumps(all))
"""


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REGSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("COLUMNS", "200")
    # Nothing here needs settings or a data directory.
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run_it(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        status = 0
        reading, writing = os.pipe()
        os.write(writing, stdin.encode())
        os.close(writing)
        with os.fdopen(reading) as file, monkeypatch.context() as changed:
            changed.setattr(sys, "stdin", file)
            try:
                main(list(arguments))
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_it


@pytest.fixture
def url(filled: Path, tmp_path: Path) -> Iterator[str]:
    """Serve with rules, for a user of its own."""
    users = write_users(tmp_path / "users", "alice")
    settings = settings_with(filled, access={"htpasswd_file": users})
    with serving(make_web(settings, clock=ManualClock())) as address:
        yield address


def host(url: str) -> str:
    return url.partition("://")[2]


def log_in(run: Run, url: str, password: str = PASSWORD) -> tuple[int, str, str]:
    return run("login", url, "-u", "alice", "--password-stdin", stdin=f"{password}\n")


def names(run: Run, *arguments: str) -> list[str]:
    status, out, err = run("search", "--registry", "main", "--sort", "name", "--names", *arguments)
    assert (status, err) == (0, "")
    return [line.partition("/")[2].partition(":")[0] for line in out.splitlines()]


def test_log_in_search_and_log_out(run: Run, url: str, config: Path) -> None:
    assert names(run, "--url", url) == FOR_ALL
    status, out, _ = log_in(run, url)
    assert (status, out) == (0, f"signed in at {host(url)}; kept in {config}\n")
    assert names(run, "--url", url) == FOR_ALL + OF_TEAM
    assert names(run, "--url", url, "--all", "--limit", "1") == FOR_ALL + OF_TEAM
    assert run("logout", url)[1] == f"signed out of {host(url)}\n"
    assert names(run, "--url", url) == FOR_ALL
    assert run("logout", url)[1] == f"nothing was kept for {host(url)}\n"


def test_the_address_may_be_in_the_environment(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGSEARCH_URL", f"{url}/")
    assert names(run) == FOR_ALL
    # It is no setting, but no mistake either.
    assert "unknown environment variable" not in run("status")[2]


def test_a_table_and_json_are_those_of_a_search_here(run: Run, url: str) -> None:
    status, out, _ = run("search", "--url", url, "web", "--registry", "main")
    assert status == 0
    assert "0 of 0 shown" in out
    assert "only what you may see was searched" in out
    log_in(run, url)
    _, out, _ = run("search", "--url", url, "web", "--registry", "main", "--facets", "kind")
    assert "team/web" in out
    assert "kind: " in out
    body = json.loads(run("search", "--url", url, "web", "--json", "--type", "image")[1])
    assert body["type"] == "image"
    assert body["total"] == len(body["results"]) > 0


def test_the_file_of_docker_keeps_all_else(run: Run, url: str, config: Path) -> None:
    config.parent.mkdir()
    others = {"auths": {"r.example": {"auth": "eDp5"}}, "proxies": {"default": {}}, "new": [1]}
    config.write_text(json.dumps(others))
    config.chmod(0o644)
    assert log_in(run, url)[0] == 0
    assert config.stat().st_mode & 0o777 == 0o600
    kept = json.loads(config.read_text())
    entry = kept["auths"].pop(host(url))
    assert base64.b64decode(entry["auth"]).decode() == f"alice:{PASSWORD}"
    assert kept == others
    assert list(config.parent.iterdir()) == [config]
    run("logout", url)
    assert json.loads(config.read_text()) == others


def test_a_link_stays_a_link(run: Run, url: str, config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    real = tmp_path / "real.json"
    real.write_text("{}")
    config.symlink_to(real)
    log_in(run, url)
    assert config.is_symlink()
    assert host(url) in json.loads(real.read_text())["auths"]


def test_wrong_passwords_are_not_kept(run: Run, url: str, config: Path) -> None:
    status, _, err = log_in(run, url, "wrong")
    assert status == 1
    assert "wrong user name or password" in err
    assert not config.exists()


def test_a_credential_helper_keeps_it(
    run: Run, url: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "docker-credential-of-tests"
    program.parent.mkdir()
    kept = tmp_path / "kept.json"
    program.write_text(HELPER.format(python=sys.executable, kept=str(kept)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    config.parent.mkdir()
    config.write_text('{"credsStore": "of-tests"}')
    assert "kept in the credential helper of-tests" in log_in(run, url)[1]
    assert json.loads(kept.read_text())[host(url)]["Username"] == "alice"
    assert json.loads(config.read_text())["auths"] == {host(url): {}}
    assert names(run, "--url", url) == FOR_ALL + OF_TEAM
    run("logout", url)
    assert json.loads(kept.read_text()) == {}
    assert names(run, "--url", url) == FOR_ALL


@pytest.mark.parametrize("name", ["../evil", "a b", "a/b", "", "-", "x;y", "é"])
def test_no_other_program_is_run(run: Run, url: str, config: Path, name: str) -> None:
    config.parent.mkdir()
    config.write_text(json.dumps({"credHelpers": {host(url): name}}))
    status, _, err = log_in(run, url)
    if name == "":
        assert status == 0
    elif name == "-":
        assert "docker-credential--" in err
    else:
        assert (status, "is no name of a credential helper" in err) == (2, True)


@pytest.mark.parametrize("text", ["[]", "{", '{"auths": {"HOST": {"auth": "!"}}}'])
def test_a_file_that_is_none_of_docker_is_said(run: Run, url: str, config: Path, text: str) -> None:
    config.parent.mkdir()
    config.write_text(text.replace("HOST", host(url)))
    status, _, err = run("search", "--url", url)
    assert status == 2
    assert str(config) in err


@pytest.mark.parametrize(
    "address", ["search.example.org", "ftp://x", "http://", "https://a:b@c", "http://x:99999"]
)
def test_what_is_no_address_is_said(run: Run, address: str) -> None:
    for command in (["search", "--url", address], ["login", address, "--password-stdin"]):
        status, _, err = run(*command, stdin="x")
        assert status == 1
        assert "is no address such as" in err
        assert "a:b" not in err


def test_a_service_that_is_away_is_said(run: Run) -> None:
    status, _, err = run("search", "--url", f"http://127.0.0.1:{free_port()}")
    assert status == 1
    assert "no answer" in err


def test_a_mistake_in_the_query_is_told_by_the_service(run: Run, url: str) -> None:
    status, _, err = run("search", "--url", url, 'a "b')
    assert status == 1
    assert "is not closed" in err


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", media_type="text/html"),
        JSONResponse({}),
        JSONResponse({"results": [{}], "next": None, "total": 1, "freshness": {}}),
        JSONResponse({"results": "x", "next": None, "total": 1, "freshness": {}}),
        Response(status_code=302, headers={"Location": "https://evil.example"}),
        JSONResponse({"errors": ["x"]}, status_code=500),
    ],
)
def test_a_server_that_is_no_service_is_said(run: Run, answer: Response) -> None:
    async def give(_: Request) -> Response:
        return answer

    with serving(Starlette(routes=[Route("/api/v1/search", give)])) as address:
        status, out, err = run("search", "--url", address)
    assert (status, out) == (1, "")
    assert address in err


def test_a_terminal_obeys_no_service(run: Run, filled: Path) -> None:
    settings = settings_with(filled, registries=[SECOND_PUBLIC])
    app = make_web(settings, clock=ManualClock())
    with serving(app) as address:
        _, out, _ = run("search", "--url", address, "--json")
    body = json.loads(out)
    body["results"][0]["reference"] = "a\x1b[31mb"

    async def give(_: Request) -> Response:
        return JSONResponse(body)

    with serving(Starlette(routes=[Route("/api/v1/search", give)])) as address:
        for form in ([], ["--names"]):
            assert "\x1b" not in run("search", "--url", address, *form)[1]


def test_without_tls_a_warning(run: Run) -> None:
    status, _, err = run("login", "http://search.invalid", "-u", "a", "--password-stdin", stdin="x")
    assert status == 1
    assert "without TLS" in err
