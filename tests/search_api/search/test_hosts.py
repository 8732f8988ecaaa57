"""Hosts in references: other hosts of a registry, hosts of none, and registries of no name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from search_api.web import make_web
from tests.search_api.filling import make_client, settings_for

pytestmark = pytest.mark.anyio

ALIAS = "mirror.internal:5000"


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_for(filled)
    main, *others = settings.registry
    named = main.model_copy(update={"hosts": (ALIAS,)})
    settings = settings.model_copy(update={"registry": (named, *others)})
    async with make_client(make_web(settings), host=ALIAS) as made:
        yield made


async def search(client: httpx2.AsyncClient, **parameters: str) -> dict[str, Any]:
    response = await client.get("/api/v1/search", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def names(body: dict[str, Any]) -> set[str]:
    return {one["repository"] for one in body["results"]}


@pytest.mark.parametrize("host", ["registry.example", ALIAS])
async def test_a_reference_is_found_by_each_host_of_its_registry(
    client: httpx2.AsyncClient, host: str
) -> None:
    body = await search(client, q=f"docker pull {host}/team/web:1.4")
    assert (names(body), body["notes"]) == ({"team/web"}, [])
    assert names(await search(client, registry=host, q="team/web")) == {"team/web"}


@pytest.mark.parametrize("host", ["other.example", "other.example:5000", "localhost:5000"])
async def test_a_host_of_no_registry_is_left_out_and_named(
    client: httpx2.AsyncClient, host: str
) -> None:
    body = await search(client, q=f"{host}/team/web:1.4", limit="1")
    assert names(body) == {"team/web"}
    (note,) = body["notes"]
    assert note["code"] == "HOST_UNKNOWN"
    assert host in note["message"]
    response = await client.get("/v1/search", params={"q": f"{host}/team/web"})
    assert host in response.headers["warning"]


async def test_a_host_alone_is_not_left_out(client: httpx2.AsyncClient) -> None:
    assert (await search(client, q="other.example:5000/"))["total"] == 0


async def test_a_registry_that_is_not_there_is_named_with_those_that_are(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.get("/api/v1/search", params={"registry": "nope"})
    assert response.status_code == 404
    (error,) = response.json()["errors"]
    assert error["message"] == "no registry 'nope'; there are: main, second"


async def test_docker_search_at_an_alias_stays_within_its_registry(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.get("/v1/search", params={"q": "*", "n": "100"})
    found = {row["name"] for row in response.json()["results"]}
    assert found == names(await search(client, registry="main", limit="100"))
