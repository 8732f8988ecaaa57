"""What docker sends to a search after each kind of login, and what it is shown then."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from search_api.access import add_token, make_token
from search_api.web import make_web
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.processes import run
from tests.end_to_end.service import COMMAND, PROJECT
from tests.fakes.clock import START
from tests.fakes.serving import serving
from tests.search_api.access.asking import FOR_ALL, OF_TEAM, PASSWORD, settings_with, write_users
from tests.search_api.filling import MAIN, fill
from tests.search_api.sample_content import CONTENT

IDENTITY = "identity-of-alice"


class Front:
    """One host as a proxy makes it: a registry at ``/v2/``, or not, and the search beside it.

    The token service of the registry gives identity tokens, which docker keeps for a password.
    """

    def __init__(self, directory: Path, *, challenge: bool) -> None:
        users = write_users(directory / "users", "alice")
        access = {"htpasswd_file": users, "challenge": challenge}
        self._web = make_web(settings_with(directory, access=access))
        self._registry = Starlette(
            routes=[
                Route("/token", self._token, methods=["GET", "POST"]),
                Route("/v2/", self._open),
            ]
        )
        self.has_registry = True
        self.host = ""
        self.sent: list[str] = []
        """The ``Authorization`` of each search, "" for none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if self.has_registry and path.startswith(("/v2/", "/token")):
            await self._registry(scope, receive, send)
            return
        if path == "/v1/search":
            self.sent.append(Request(scope).headers.get("authorization", ""))
        await self._web(scope, receive, send)

    async def _open(self, request: Request) -> Response:
        if request.headers.get("authorization", "").startswith("Bearer "):
            return JSONResponse({})
        challenge = f'Bearer realm="http://{self.host}/token",service="registry"'
        headers = {
            "WWW-Authenticate": challenge,
            "Docker-Distribution-API-Version": "registry/2.0",
        }
        return JSONResponse({}, 401, headers=headers)

    async def _token(self, request: Request) -> Response:
        token = {"token": "of-the-registry", "access_token": "of-the-registry"}
        return JSONResponse(token | {"refresh_token": IDENTITY, "expires_in": 300})


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    """Give a host; its parameter tells whether the search asks for credentials at ``/v2/``."""
    asyncio.run(fill(tmp_path, CONTENT))
    made = Front(tmp_path, challenge=getattr(request, "param", False))
    with serving(made) as address:
        made.host = address.removeprefix("http://")
        yield made


def searched(docker: Docker, host: str) -> list[str]:
    rows = docker.search(host, "registry:main")
    return sorted(row.name.removeprefix(f"{MAIN}/") for row in rows)


def log_in(docker: Docker, front: Front) -> None:
    assert docker.log_in(front.host, "alice", PASSWORD)
    kept = (docker.config / "config.json").read_text()
    assert IDENTITY in kept, "docker keeps the identity token, and no password"


def test_an_identity_token_becomes_a_token_of_the_registry(docker: Docker, front: Front) -> None:
    """It is for the registry alone, and answered 401: anything else would look like no result."""
    log_in(docker, front)
    try:
        with pytest.raises(AssertionError, match="401"):
            docker.search(front.host, "nginx")
        assert set(front.sent) == {"Bearer of-the-registry"}
    finally:
        docker.log_out(front.host)


@pytest.mark.parametrize(
    ("front", "is_asked"),
    [(False, False), (True, True)],
    indirect=["front"],
    ids=["open", "challenge"],
)
def test_without_a_token_service_there_is_nothing_to_give_an_identity_token_for(
    docker: Docker, front: Front, *, is_asked: bool
) -> None:
    log_in(docker, front)
    front.has_registry = False
    try:
        if not is_asked:
            assert searched(docker, front.host) == FOR_ALL, "what everybody sees"
            assert set(front.sent) == {""}
        else:
            with pytest.raises(AssertionError, match="no basic auth credentials"):
                docker.search(front.host, "nginx")
            assert front.sent == []
    finally:
        docker.log_out(front.host)


def regsearch(docker: Docker, *words: str, given: str = "") -> None:
    ended = subprocess.run(
        [*COMMAND, *words],
        input=given,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "DOCKER_CONFIG": str(docker.config)},
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("with_token", [False, True], ids=["password", "token"])
def test_docker_searches_with_what_regsearch_login_keeps(
    docker: Docker, front: Front, tmp_path: Path, *, with_token: bool
) -> None:
    front.has_registry = False
    url = f"http://{front.host}"
    text, token = make_token("alice", (), metrics=False, now=START, expires_at=None)
    add_token(tmp_path / "tokens.json", token)
    name = [] if with_token else ["--username", "alice"]
    secret = text if with_token else PASSWORD
    regsearch(docker, "login", url, *name, "--password-stdin", given=secret)
    assert searched(docker, front.host) == FOR_ALL + OF_TEAM
    assert all(sent.startswith("Basic ") for sent in front.sent)
    regsearch(docker, "logout", url)
    assert searched(docker, front.host) == FOR_ALL


def test_the_command_line_uses_what_docker_login_keeps(docker: Docker, front: Front) -> None:
    front.has_registry = False
    assert docker.log_in(front.host, "alice", PASSWORD)
    try:
        ended = run(
            [*COMMAND, "search", "--url", f"http://{front.host}", "web"],
            seconds=120,
            folder=PROJECT,
            environment={"PATH": "/usr/bin:/bin", "DOCKER_CONFIG": str(docker.config)},
        )
        assert "team/web" in ended.stdout, ended.stderr
    finally:
        docker.log_out(front.host)
