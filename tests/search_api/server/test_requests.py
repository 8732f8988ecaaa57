"""Each request has an id that its answer, its errors and its log lines say."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from search_api.http_errors import exception_handlers
from search_api.processes import REQUEST_ID, configure_logging
from search_api.server import Refusals, Requests
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import make_client, searching_client, settings_for

pytestmark = pytest.mark.anyio


class Lines:
    """An access log that keeps its lines."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def info(self, event: str, **pairs: Any) -> None:
        self.kept.append({"event": event, **pairs})


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@asynccontextmanager
async def small(lines: Lines) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an application that answers, logs and fails."""

    async def answer(request: Request) -> Response:
        structlog.get_logger().info("answering")
        if "fail" in request.query_params:
            raise RuntimeError("oh no")
        return PlainTextResponse("12345")

    app = Starlette(routes=[Route("/{rest:path}", answer)], exception_handlers=exception_handlers())
    wrapped = Requests(app, refusals=Refusals(), access_log=lines)
    transport = httpx2.ASGITransport(
        app=wrapped, raise_app_exceptions=False, client=("192.0.2.1", 1)
    )
    async with httpx2.AsyncClient(transport=transport, base_url="http://a") as client:
        yield client


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "0" * 64])
async def test_a_plain_id_is_taken(given: str) -> None:
    async with small(Lines()) as client:
        response = await client.get("/", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "0" * 65, "a b", "a=b", 'a"', "a\u00e9", "{}"])
async def test_any_other_is_replaced(given: str) -> None:
    async with small(Lines()) as client:
        response = await client.get("/", headers={b"X-Request-ID": given.encode("latin-1")})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 16


async def test_each_request_has_its_own() -> None:
    async with small(Lines()) as client:
        found = {(await client.get("/")).headers["x-request-id"] for _ in range(100)}
    assert len(found) == 100
    assert REQUEST_ID.get() == ""


async def test_log_lines_name_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", process="web")
    async with small(Lines()) as client:
        await client.get("/", headers={"X-Request-ID": "one"})
        await client.get("/?fail", headers={"X-Request-ID": "two"})
    first, second, third = capsys.readouterr().err.splitlines()
    assert "event=answering request_id=one" in first
    assert "event=answering request_id=two" in second
    assert "event=request_failed" in third
    assert "request_id=two" in third


async def test_a_defect_has_an_id_and_the_headers_of_all_answers() -> None:
    async with small(Lines()) as client:
        response = await client.get("/?fail")
    assert response.status_code == 500
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_access_log_says_what_was_asked_and_no_secret() -> None:
    lines = Lines()
    async with small(lines) as client:
        response = await client.get(
            "/a%20b?q=secret",
            headers={"Authorization": "Bearer secret", "Cookie": "secret", "User-Agent": "x" * 999},
        )
        await client.get("/?fail")
    one, other = lines.kept
    assert one.pop("ms") >= 0
    assert one == {
        "event": "request",
        "address": "192.0.2.1",
        "method": "GET",
        "path": "/a b",
        "status": 200,
        "bytes": 5,
        "request_id": response.headers["x-request-id"],
        "user_agent": "x" * 200,
    }
    assert other["status"] == 500


async def test_lines_are_json_on_standard_output(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(filled).model_copy(update={"access_log": True})
    async with make_client(make_web(settings, clock=ManualClock())) as client:
        await client.get("/v2/?a=b")
    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "{" in one[:1]]
    assert (line["event"], line["path"], line["status"]) == ("request", "/v2/", 200)
    assert line["timestamp"].endswith("Z")


async def test_by_default_there_are_no_lines(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with searching_client(filled) as client:
        await client.get("/v2/")
    assert '"event"' not in capsys.readouterr().out


@pytest.mark.parametrize(
    "path", ["/api/v1/search", "/api/v1/docs", "/v1/search", "/healthz", "/metrics", "/nowhere"]
)
async def test_no_answer_may_be_sniffed(filled: Path, path: str) -> None:
    async with searching_client(filled) as client:
        response = await client.get(path)
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_a_request_of_two_lengths_is_refused(filled: Path) -> None:
    both = {"Content-Length": "3", "Transfer-Encoding": "chunked"}
    async with searching_client(filled) as client:
        response = await client.get("/v2/", headers=both)
        text = (await client.get("/metrics")).text
    assert (response.status_code, response.headers["connection"]) == (400, "close")
    assert response.json()["errors"][0]["code"] == "PARAMETER_INVALID"
    assert 'regsearch_requests_refused_total{reason="framing"} 1.0' in text
