"""What all operations of the API share: its document, its errors, HEAD, and compression."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.search_api.filling import searching_client

pytestmark = pytest.mark.anyio


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


async def test_the_document_is_openapi_3_1_and_says_where_it_holds(
    document: dict[str, Any],
) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": "/api/v1"}]


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
