"""The OCI search extension: discovered, and lists of names and images that go on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from tests.search_api.filling import MAIN, searching_client
from tests.search_api.sample_content import MAIN_NAMES, NAMES, WEB

pytestmark = pytest.mark.anyio

SEARCH = "/v2/_oci/ext/search"


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def found(client: httpx2.AsyncClient, **parameters: str) -> dict[str, Any]:
    response = await client.get(SEARCH, params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def walked(client: httpx2.AsyncClient, **parameters: str) -> list[tuple[str, Any]]:
    response = await client.get(SEARCH, params=parameters)
    items = []
    while True:
        assert response.status_code == 200, response.text
        items += [(name, one) for name, page in response.json().items() for one in page]
        link = response.headers.get("link")
        if link is None:
            return items
        response = await client.get(urljoin(SEARCH, link[1 : link.index(">")]))


async def test_the_extension_is_discovered(client: httpx2.AsyncClient) -> None:
    extensions = (await client.get("/v2/_oci/ext/discover")).json()["extensions"]
    assert [one["name"] for one in extensions] == ["_oci", "_search"]
    for one, endpoint in zip(extensions, ("_oci/ext/search", "/api/v1/search"), strict=True):
        assert one.keys() == {"name", "url", "description", "endpoints"}
        assert endpoint in one["endpoints"]


async def test_without_a_name_all_repositories_are_listed_by_name(
    client: httpx2.AsyncClient,
) -> None:
    names = (await found(client))["repositories"]
    assert sorted(set(names)) == NAMES


async def test_a_name_is_sought_inside_repository_names(client: httpx2.AsyncClient) -> None:
    body = await found(client, repository="nginx-in")
    assert body == {"repositories": ["team/nginx-ingress"]}


async def test_at_the_host_of_a_registry_its_own_are_listed(filled: Path) -> None:
    async with searching_client(filled, host=MAIN) as client:
        assert sorted((await found(client))["repositories"]) == MAIN_NAMES


async def test_an_image_is_found_by_its_tag_in_a_repository(client: httpx2.AsyncClient) -> None:
    (image,) = (await found(client, repository="team/web", image="1.4"))["images"]
    assert (image["repository"], image["digest"]) == ("team/web", WEB.digest)
    assert sorted(image["tags"]) == ["1.4", "latest"]


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"digest": WEB.digest}, 1),
        ({"digest": "sha256:0"}, 0),
        ({"annotation": "org.opencontainers.image.description"}, 9),
        ({"image": "", "repository": "nginx"}, 2),
        ({"key": "front proxy"}, 2),
    ],
)
async def test_images_are_found_by_what_is_asked(
    client: httpx2.AsyncClient, parameters: dict[str, str], count: int
) -> None:
    body = await found(client, **parameters)
    assert body.keys() == {"images"}
    assert len(body["images"]) == count


@pytest.mark.parametrize("n", ["1", "2", "3", "1000"])
async def test_global_lists_repositories_and_then_images_page_by_page(
    client: httpx2.AsyncClient, n: str
) -> None:
    items = await walked(client, **{"global": "nginx", "n": n})
    repositories = [one for name, one in items if name == "repositories"]
    images = [one for name, one in items if name == "images"]
    assert sorted(repositories) == ["nginx", "team/nginx", "team/nginx", "team/nginx-ingress"]
    assert len({(one["repository"], one["digest"]) for one in images}) == len(images) == 5
    assert items == [*items[: len(repositories)], *(("images", one) for one in images)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("q=x", "unknown parameter 'q'; known are annotation, artifactType, digest, global"),
        ("n=0", "n must be a number from 1 to 1000, not '0'"),
        ("n=", "n must be a number from 1 to 1000, not ''"),
        ("repository=a&repository=b", "parameter 'repository' is given twice"),
        ("last=x", "not a cursor: 'x'"),
        ("repository=" + "a" * 1_001, "repository is longer than 1000 characters"),
    ],
)
async def test_a_wrong_parameter_is_named_with_its_value(
    client: httpx2.AsyncClient, query: str, message: str
) -> None:
    response = await client.get(f"{SEARCH}?{query}")
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["code"] == "PARAMETER_INVALID"
    assert error["message"].startswith(message)
