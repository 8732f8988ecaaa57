"""Other spellings: used if nothing matches, offered if little does, kept over all pages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.builders import image
from tests.search_api.filling import MAIN, Pushed, fill, searching_client
from tests.search_api.sample_content import DESCRIPTION

pytestmark = pytest.mark.anyio


def described(name: str, text: str) -> Pushed:
    return Pushed(name, image(annotations={DESCRIPTION: text}, seed=name))


CONTENT = [
    *(described(f"db/{n}", "The postgres server of team red") for n in "abcde"),
    described("odd", "A postgras image"),
    described("team/exporters", "Metrics of the red team"),
    described("team/sever", "An odd name"),
    *(described(f"dates/{n}", "Keeps datas of past days") for n in range(6)),
    described("dates/other", "Serves dates"),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("spelled")
    asyncio.run(fill(made, CONTENT))
    return made


@pytest.fixture
async def client(directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(directory) as made:
        yield made


async def search(client: httpx2.AsyncClient, **parameters: str) -> dict[str, Any]:
    response = await client.get("/api/v1/search", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_where_nothing_matches_the_other_spelling_is_used_and_said(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="postgers servr -blue")
    assert body["suggestion"] == {"query": "postgres server -blue", "is_used": True}
    assert body["total"] == len(body["results"]) == 5
    (highlight,) = body["results"][0]["match"]["highlights"]
    assert highlight["snippet"].startswith("The postgres")


async def test_where_little_matches_the_other_spelling_is_offered(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="postgras")
    assert body["suggestion"] == {"query": "postgres", "is_used": False}
    assert [result["repository"] for result in body["results"]] == ["odd"]


async def test_a_word_that_is_known_in_some_way_is_never_replaced(
    client: httpx2.AsyncClient,
) -> None:
    # There is no crypto here, nor what it means. Somebody may push it.
    for q in ("crypto", "exporting", "metric"):
        assert (await search(client, q=q))["suggestion"] is None, q


@pytest.mark.parametrize("q", ["sever", "serves", "exporters"])
async def test_beside_a_good_answer_nothing_is_offered(client: httpx2.AsyncClient, q: str) -> None:
    body = await search(client, q=q)
    assert (body["total"] > 0, body["suggestion"]) == (True, None)


async def test_two_words_written_together_are_taken_apart(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="postgresserver")
    assert body["suggestion"] == {"query": "postgres server", "is_used": True}
    assert body["total"] == 5


@pytest.mark.parametrize("q", ["postgres", "", "zzzzzzzzzz", "postgres zzzzzzzzzz", "kind:imge"])
async def test_nothing_is_offered_that_finds_no_more(client: httpx2.AsyncClient, q: str) -> None:
    assert (await search(client, q=q))["suggestion"] is None


async def test_the_following_pages_are_of_the_spelling_that_was_used(
    client: httpx2.AsyncClient,
) -> None:
    parameters = {"q": "postgers", "limit": "2", "sort": "name"}
    names: list[str] = []
    body = await search(client, **parameters)
    while True:
        assert body["suggestion"] == {"query": "postgres", "is_used": True}
        names += [result["repository"] for result in body["results"]]
        if body["next"] is None:
            break
        body = await search(client, **parameters, cursor=body["next"])
    assert names == [f"db/{n}" for n in "abcde"]


async def test_docker_search_uses_the_other_spelling_too(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/v1/search", params={"q": "postgers"})).json()
    names = sorted(row["name"] for row in body["results"])
    assert names == [f"{MAIN}/db/{n}" for n in "abcde"]
    body = (await client.get("/v1/search", params={"q": "postgers", "n": "2", "page": "3"})).json()
    assert (len(body["results"]), body["num_results"]) == (1, 5)


async def test_a_registry_is_kept_with_the_other_spelling(client: httpx2.AsyncClient) -> None:
    assert (await search(client, q="postgers", registry="second"))["total"] == 0
    assert (await search(client, q="postgers", registry="main"))["total"] == 5
