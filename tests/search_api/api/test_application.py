"""What all operations of the API share: its document, its errors, HEAD, and compression."""

import re
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request
from starlette.routing import Mount, Route

from indexer.clock import rfc3339
from indexer.settings import Settings
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import make_client, searching_client, settings_for

pytestmark = pytest.mark.anyio

DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "search-api.md").read_text()


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    response = await client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


async def test_the_document_says_how_to_sign_in_and_that_nobody_has_to(
    document: dict[str, Any],
) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {(one["type"], one.get("scheme") or one["in"]) for one in schemes.values()} == {
        ("http", "basic"),
        ("http", "bearer"),
        ("apiKey", "cookie"),
    }
    assert document["security"] == [{}, *({name: []} for name in schemes)]
    for methods in document["paths"].values():
        assert "WWW-Authenticate" in methods["get"]["responses"]["401"]["headers"]


async def test_the_document_is_openapi_3_1_and_says_where_it_holds(
    document: dict[str, Any],
) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": "/api/v1"}]


async def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_operations_have_names_that_a_generated_client_can_live_with(
    document: dict[str, Any],
) -> None:
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)?", name)] == []


async def test_times_and_digests_say_how_they_are_written(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for key, found in schema.get("properties", {}).items():
            if key.endswith("_at"):
                formats = {one.get("format") for one in found.get("anyOf", [found])} - {None}
                assert formats == {"date-time"}, f"{name}.{key}"
            if key == "digest":
                assert "sha256:" in str(found), f"{name}.{key}"


async def test_every_operation_has_words_a_shape_and_its_errors(document: dict[str, Any]) -> None:
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert operations
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        assert "422" not in operation["responses"]
        for status in ("400", "503"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Errors"}
        for parameter in operation.get("parameters", []):
            assert parameter["description"], parameter["name"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_every_address_is_in_the_documentation(document: dict[str, Any]) -> None:
    for path in document["paths"]:
        assert re.search(rf"`(GET /api/v1/)?{re.escape(path[1:])}[`?]", DOCUMENTATION), path


async def test_the_status_tells_which_service_answers_since_when(filled: Path) -> None:
    clock = ManualClock()
    async with searching_client(filled, clock=clock) as client:
        started = rfc3339(clock.now())
        clock.advance(5)
        status = (await client.get("/api/v1/status")).json()
    assert status["service"] == {"version": version("regsearch"), "started_at": started}


@pytest.mark.parametrize("path", ["/api/v1/search?q=nginx", "/api/v1/status"])
async def test_head_is_answered_as_get(client: httpx2.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.headers["content-type"]) == (200, got.headers["content-type"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_another_method_is_refused_with_those_that_are_allowed(
    client: httpx2.AsyncClient, method: str
) -> None:
    response = await client.request(method, "/api/v1/search")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    (error,) = response.json()["errors"]
    assert error["code"] == "UNSUPPORTED"


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/search/", "/api/v1/x"])
async def test_an_unknown_address_is_not_found_and_never_redirected(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    (error,) = response.json()["errors"]
    assert (error["code"], path in error["message"]) == ("NOT_FOUND", True)


async def test_an_operation_without_parameters_takes_none(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/status?q=1")
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["message"] == "unknown parameter 'q'; there are none here"


async def test_a_long_answer_is_compressed_and_a_short_one_not(client: httpx2.AsyncClient) -> None:
    long, short = await client.get("/api/v1/search"), await client.get("/api/v1/search?q=(")
    assert long.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in long.headers["vary"]
    assert "content-encoding" not in short.headers


# The page of the documentation


async def test_the_page_asks_no_other_host_and_runs_no_script_in_it(
    client: httpx2.AsyncClient,
) -> None:
    page = await client.get("/api/v1/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert not re.search(r"https?:|<script>|style=|\son\w+=", page.text)
    for name in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        part = await client.get(f"/api/v1/{name}")
        assert part.status_code == 200, name
        assert "http" not in part.text or name == "openapi.json"


async def test_the_script_of_the_page_makes_no_markup_of_what_it_shows(
    client: httpx2.AsyncClient,
) -> None:
    script = (await client.get("/api/v1/docs.js")).text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


# Pages of other hosts


async def test_pages_of_others_may_not_read_unless_the_settings_say_so(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.get("/api/v1/status", headers={"Origin": "https://example.org"})
    assert "access-control-allow-origin" not in response.headers


async def test_pages_that_the_settings_name_may_read(filled: Path) -> None:
    settings = Settings(data_dir=filled, search_processes=0, cors_origins=("https://example.org",))
    async with make_client(make_web(settings)) as client:
        ours = await client.get("/api/v1/search", headers={"Origin": "https://example.org"})
        assert ours.headers["access-control-allow-origin"] == "https://example.org"
        assert "Link" in ours.headers["access-control-expose-headers"]
        other = await client.get("/api/v1/search", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        asking = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
        preflight = await client.options("/api/v1/search", headers=asking)
        assert preflight.status_code == 200
        webhook = await client.get("/healthz", headers={"Origin": "https://example.org"})
        assert "access-control-allow-origin" not in webhook.headers


# Defects


async def test_a_defect_is_one_error_in_the_log_and_says_nothing_to_the_caller(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Request) -> None:
        raise ZeroDivisionError("secret")

    app = make_web(Settings(data_dir=filled, search_processes=0))
    (mount,) = [route for route in app.routes if isinstance(route, Mount)]
    assert isinstance(mount.app, FastAPI)
    mount.app.router.routes.append(Route("/broken", broken))
    async with make_client(app, raise_errors=False) as client:
        response = await client.get("/api/v1/broken")
    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["code"] == "UNKNOWN"
    assert "secret" not in response.text
    assert capsys.readouterr().out.count("request_failed") == 1


async def test_only_named_sites_may_read_answers(filled: Path) -> None:
    """A browser lets the scripts of these sites read answers, and never sends cookies along."""
    settings = settings_for(filled).model_copy(update={"cors_origins": ("https://good.example",)})
    async with make_client(make_web(settings, clock=ManualClock())) as client:
        for origin, allowed in (("https://good.example", True), ("https://bad.example", False)):
            answer = await client.get("/api/v1/search?q=web", headers={"Origin": origin})
            assert answer.status_code == 200
            named = answer.headers.get("access-control-allow-origin")
            assert named == (origin if allowed else None)
            assert "access-control-allow-credentials" not in answer.headers
