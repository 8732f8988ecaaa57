"""What people mean: forms and synonyms below the words themselves, and one word too many."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.builders import image
from tests.search_api.filling import Pushed, fill, searching_client
from tests.search_api.sample_content import DESCRIPTION

pytestmark = pytest.mark.anyio


def described(name: str, text: str) -> Pushed:
    return Pushed(name, image(annotations={DESCRIPTION: text}, seed=name))


CONTENT = [
    described("a/databases", "tools"),
    described("b/plain", "one of the databases"),
    described("c/database", "nothing else"),
    described("d/store", "a database"),
    described("e/cluster", "kubernetes made simple"),
    described("f/k8s-tool", "for clusters"),
    described("g/operator", "runs things"),
    *(described(f"h/web{n}", "an http server") for n in range(3)),
    described("i/rabbitmq", ""),
    described("j/queue-browser", "Shows what is in a message queue"),
    described("k/gin", "a framework in go"),
    *(described(f"l/json{n}", "Reads json") for n in range(8)),
    described("m/parser", "Parses csv"),
    described("p/parser", "Parses toml"),
    described("library/valkey", ""),
    described("copies/valkey", ""),
    described("n/valkey", ""),
    described("o/ngircd", "A chat service"),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("meant")
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


def names(body: dict[str, Any]) -> list[str]:
    return [one["repository"] for one in body["results"]]


async def test_forms_are_found_below_the_word_itself(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="databases")
    assert names(body) == ["a/databases", "b/plain", "c/database", "d/store"]
    assert body["suggestion"] is None


async def test_quotes_switch_forms_off(client: httpx2.AsyncClient) -> None:
    assert names(await search(client, q='"databases"')) == ["a/databases", "b/plain"]


async def test_synonyms_are_found_said_and_marked(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="k8s")
    assert names(body) == ["f/k8s-tool", "e/cluster"]
    assert "kubernetes" in body["expanded"]["k8s"]
    marks = body["results"][1]["match"]["highlights"]
    assert [one["snippet"][slice(*one["ranges"][0])] for one in marks] == ["kubernetes"]


async def test_a_kind_is_found_by_what_it_is_called(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="web servers")
    assert names(body) == ["h/web0", "h/web1", "h/web2"]
    assert "http server" in body["expanded"]["web servers"]
    assert body["relaxed"] is None


async def test_with_one_word_too_many_the_best_others_are_shown(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="kubernetes cluster dashboard")
    assert names(body)[0] in ("e/cluster", "f/k8s-tool")
    assert body["relaxed"] == {"matched": 2, "of": 3, "left_out": ["dashboard"]}


async def test_a_part_of_a_text_with_synonyms_is_shown_if_nothing_has_all_of_it(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="operating system database")
    assert body["relaxed"]["of"] == 2
    body = await search(client, q="media server")
    assert (body["total"], body["relaxed"]["of"]) == (3, 2)


async def test_a_kind_is_found_by_what_is_one_below_what_says_so(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="message queue")
    assert names(body) == ["j/queue-browser", "i/rabbitmq"]
    assert "rabbitmq" in body["expanded"]["message queue"]
    assert names(await search(client, q="rabbitmq")) == ["i/rabbitmq"]
    assert names(await search(client, q='"message queue"')) == ["j/queue-browser"]


@pytest.mark.parametrize("q", ["web-server", "web_server", "webserver", "http daemon"])
async def test_words_are_the_same_together_and_apart(client: httpx2.AsyncClient, q: str) -> None:
    assert {"h/web0", "h/web1", "h/web2"} <= set(names(await search(client, q=q))), q


async def test_of_words_too_many_the_rarer_ones_decide(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="json csv frobnicator")
    assert names(body)[0] == "m/parser"
    assert set(names(body)[1:]) == {f"l/json{n}" for n in range(8)}
    assert body["relaxed"] == {"matched": 1, "of": 3, "left_out": ["json", "frobnicator"]}


async def test_what_something_is_wanted_for_decides_less(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="toml for csv frobnicator")
    assert names(body) == ["p/parser", "m/parser"]
    body = await search(client, q="csv with toml frobnicator")
    assert names(body) == ["m/parser", "p/parser"]


async def test_words_that_are_said_of_all_images_decide_nothing(
    client: httpx2.AsyncClient,
) -> None:
    body = await search(client, q="csv docker image")
    assert names(body) == ["m/parser"]
    assert body["relaxed"] == {"matched": 1, "of": 3, "left_out": ["docker", "image"]}


async def test_a_part_of_a_word_in_a_name_is_no_match_if_words_are_left_out(
    client: httpx2.AsyncClient,
) -> None:
    assert "o/ngircd" in names(await search(client, q="irc"))
    assert names(await search(client, q="irc csv frobnicator")) == ["m/parser"]


async def test_an_official_image_comes_before_its_copies(client: httpx2.AsyncClient) -> None:
    found = names(await search(client, q="valkey"))
    assert found == ["library/valkey", "copies/valkey", "n/valkey"]


async def test_conditions_and_quotes_are_never_left_out(client: httpx2.AsyncClient) -> None:
    for q in ("database kind:helm", 'database "dashboard"', "database tag:9"):
        body = await search(client, q=q)
        assert (body["total"], body["relaxed"]) == (0, None), q


async def test_the_next_page_goes_on_with_as_many_words(client: httpx2.AsyncClient) -> None:
    first = await search(client, q="http server dashboard", limit="2")
    assert first["relaxed"]["matched"] == 1  # of "http server" and "dashboard"
    second = await search(client, q="http server dashboard", limit="2", cursor=first["next"])
    assert second["relaxed"]["matched"] == 1
    assert sorted(names(first) + names(second)) == ["h/web0", "h/web1", "h/web2"]


async def test_a_cursor_of_another_query_is_no_failure(client: httpx2.AsyncClient) -> None:
    first = await search(client, q="http server dashboard", limit="2")
    body = await search(client, q="database", limit="2", cursor=first["next"])
    assert body["relaxed"] is None


async def test_docker_search_shows_them_too(client: httpx2.AsyncClient) -> None:
    for q, found in (("k8s", 2), ("kubernetes cluster dashboard", 2)):
        response = await client.get("/v1/search", params={"q": q})
        assert response.json()["num_results"] >= found
