"""Suggestions: the last word becomes a name, a field or a value, and the rest stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.search_api.filling import searching_client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def suggested(client: httpx2.AsyncClient, q: str, **parameters: str) -> list[tuple[str, str]]:
    response = await client.get("/api/v1/suggest", params={"q": q, **parameters})
    assert response.status_code == 200, response.text
    return [(one["kind"], one["text"]) for one in response.json()["suggestions"]]


async def test_a_word_becomes_names_of_repositories_first(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/suggest", params={"q": "bis"})
    assert response.json() == {
        "suggestions": [
            {
                "text": "bistro",
                "kind": "repository",
                "reference": "registry.example/bistro:latest",
            }
        ]
    }


async def test_a_name_is_found_by_the_beginning_of_any_of_its_words(
    client: httpx2.AsyncClient,
) -> None:
    names = {text for kind, text in await suggested(client, "ngin")}
    assert names == {"nginx", "team/nginx", "team/nginx-ingress"}


async def test_only_the_last_word_is_completed(client: httpx2.AsyncClient) -> None:
    assert await suggested(client, "tag:1 (-bistr") == [("repository", "tag:1 (-bistro")]


async def test_names_leave_room_for_fields(client: httpx2.AsyncClient) -> None:
    found = await suggested(client, "la", limit="3")
    assert ("field", "label:") in found
    assert ("field", "ar") not in await suggested(client, "web ar")
    assert ("field", "web arch:") in await suggested(client, "web ar")


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("arch:", {"arch:amd64", "arch:arm64", "arch:arm"}),
        ("arch:AR", {"arch:arm64", "arch:arm"}),
        ("os:l", {"os:linux"}),
        ("platform:linux/arm6", {"platform:linux/arm64"}),
        ("kind:i", {"kind:image"}),
        ("registry:s", {"registry:second"}),
        ("is:m", {"is:multiarch"}),
        ("has:s", {"has:sbom"}),
        ("tag:1.", {"tag:1.25", "tag:1.4"}),
        ("label:te", {"label:team"}),
        ("label:team=p", {"label:team=payments"}),
        ("a OR -label:team=", {"a OR -label:team=payments"}),
        ("size:", set()),
        ("arch:zzz", set()),
        ("", set()),
        ("web ", set()),
    ],
)
async def test_behind_a_field_come_its_values(
    client: httpx2.AsyncClient, q: str, texts: set[str]
) -> None:
    found = await suggested(client, q, type="image")
    assert {kind for kind, _ in found} <= {"value"}
    assert {text for _, text in found} == texts


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=21", "limit must be a number from 1 to 20, not '21'"),
        ("cursor=", "unknown parameter 'cursor'"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx2.AsyncClient, query: str, message: str
) -> None:
    response = await client.get(f"/api/v1/suggest?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith(message)
