"""The reference of a repository names an image that meets the query."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from indexer.engines.whoosh.engine import WhooshEngine
from indexer.model.document import DocumentType
from indexer.store import StoreSearchState
from search_api.processes.data_dir import INDEX_DIRECTORY
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from tests.attachments import SPDX, cosign_signature, manifest
from tests.builders import BuiltManifest, image
from tests.fakes.clock import ManualClock
from tests.fakes.engine import WatchedEngine
from tests.search_api.filling import MAIN, SECOND, Pushed, fill, searching_client

pytestmark = pytest.mark.anyio


def made_on(day: str, **arguments: Any) -> BuiltManifest:
    return image(created=f"{day}T12:00:00Z", seed=day, **arguments)


SIGNED = made_on("2025-03-01", labels={"team": "red"})
EIGHTEEN = made_on("2025-04-01")
ARM = made_on("2025-02-01", architecture="arm64", os="freebsd")
SIGNATURE = cosign_signature()
BOM = manifest(
    [(SPDX, {})],
    artifact_type=SPDX,
    subject=SIGNED,
    annotations={"org.opencontainers.image.created": "2025-05-20T12:00:00Z"},
)
CONTENT = [
    Pushed("postgres", made_on("2025-01-01"), "latest"),
    Pushed("postgres", made_on("2025-05-01"), "17-bookworm"),
    Pushed("postgres", EIGHTEEN, "18"),
    Pushed("postgres", EIGHTEEN, "18.1"),
    Pushed("postgres", EIGHTEEN, "Edge"),
    Pushed("postgres", SIGNED, "16"),
    Pushed("postgres", SIGNATURE, f"sha256-{SIGNED.digest.partition(':')[2]}.sig"),
    Pushed("postgres", ARM, "arm"),
    Pushed("postgres", BOM, "16-bom"),
    Pushed("postgres", made_on("2025-06-01"), "18", "second"),
    Pushed("copies/postgres", made_on("2025-06-02"), "18-alpine"),
    Pushed("copies/postgres", made_on("2025-06-03"), "dev"),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("references")
    asyncio.run(fill(made, CONTENT))
    return made


@pytest.fixture
async def client(directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(directory) as made:
        yield made


async def references(client: httpx2.AsyncClient, query: str) -> dict[str, str]:
    response = await client.get("/api/v1/search", params={"q": query})
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    return {f"{one['registry']} {one['repository']}": one["reference"] for one in results}


@pytest.mark.parametrize(
    ("query", "tag"),
    [
        ("repo:postgres", "latest"),
        ("repo:postgres OR zzzz -nothing", "latest"),
        ("postgres:18", "18"),
        ("postgres:edge", "Edge"),
        (f"{MAIN}/postgres:18", "18"),
        ("repo:postgres tag:1*", "17-bookworm"),
        ("repo:postgres tag:18*", "18"),
        ("repo:postgres tag:*.*", "18.1"),
        ("repo:postgres tag:18* tag:*.1", "18.1"),
        ("repo:postgres tag:=Edge", "Edge"),
        ("repo:postgres tag:16 OR tag:arm", "16"),
        ("repo:postgres tag:*", "17-bookworm"),
        ("repo:postgres tag:16*", "16"),
        ("repo:postgres tag:*-bom", "16-bom"),
        ("repo:postgres is:attachment", "16-bom"),
        ("repo:postgres is:signed", "16"),
        ("repo:postgres -is:deprecated", "17-bookworm"),
        ("repo:postgres arch:arm64", "arm"),
        ("repo:postgres os:freebsd", "arm"),
        ("repo:postgres arch:=arm64", "arm"),
        ("repo:postgres label:team=red", "16"),
        ("repo:postgres created:<2025-02-15 -created:>2026", "arm"),
        ("repo:postgres created:2025-04", "18"),
        (f"postgres@{EIGHTEEN.digest}", "18"),
        (EIGHTEEN.digest, "18"),
        (EIGHTEEN.digest.partition(":")[2][:12], "18"),
        ("repo:postgres layers:>0", "17-bookworm"),
        ("registry:main OR is:signed repo:postgres", "17-bookworm"),
    ],
)
async def test_a_repository_names_the_newest_image_that_meets_the_conditions(
    client: httpx2.AsyncClient, query: str, tag: str
) -> None:
    found = await references(client, query)
    assert found["main postgres"] == f"{MAIN}/postgres:{tag}"


async def test_each_repository_of_each_registry_names_an_image_of_its_own(
    client: httpx2.AsyncClient,
) -> None:
    assert await references(client, "postgres tag:18*") == {
        "main postgres": f"{MAIN}/postgres:18",
        "second postgres": f"{SECOND}/postgres:18",
        "main copies/postgres": f"{MAIN}/copies/postgres:18-alpine",
    }


async def test_conditions_that_only_images_together_meet_name_the_usual_one(
    client: httpx2.AsyncClient,
) -> None:
    assert await references(client, "repo:postgres tag:18.1 is:signed") == {
        "main postgres": f"{MAIN}/postgres:latest"
    }


async def test_a_misspelt_name_beside_a_condition_names_an_image_that_meets_it(
    client: httpx2.AsyncClient,
) -> None:
    found = await references(client, "postgers tag:16")
    assert found == {"main postgres": f"{MAIN}/postgres:16"}
    found = await references(client, "postgres zzzz arch:arm64")
    assert found == {"main postgres": f"{MAIN}/postgres:arm"}


async def test_completions_name_an_image_that_meets_the_rest(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/suggest", params={"q": "tag:18.1 postg"})
    assert response.json()["suggestions"] == [
        {
            "text": "tag:18.1 postgres",
            "kind": "repository",
            "reference": f"{MAIN}/postgres:18.1",
        }
    ]


# What it costs


@pytest.mark.parametrize(
    ("query", "kind", "expected"),
    [
        ("postgres", DocumentType.REPOSITORY, ["search"]),
        ("postgres -copies", DocumentType.REPOSITORY, ["search"]),
        ("namespace:copies registry:main name:postgres", DocumentType.REPOSITORY, ["search"]),
        ("postgres tag:18*", DocumentType.REPOSITORY, ["search", "newest"]),
        ("postgres tag:18.1 is:signed", DocumentType.REPOSITORY, ["search", "newest", "newest"]),
        ("postgres tag:18*", DocumentType.IMAGE, ["search"]),
        ("postgres tag:nothing", DocumentType.REPOSITORY, ["search"]),
        ("postgers tag:18*", DocumentType.REPOSITORY, ["search", "search", "newest"]),
    ],
)
def test_a_page_takes_one_more_search_and_only_with_conditions(
    directory: Path, query: str, kind: DocumentType, expected: list[str]
) -> None:
    """However many repositories and images there are; two if only attachments could meet them."""
    calls: list[str] = []
    engine = WatchedEngine(WhooshEngine(directory / INDEX_DIRECTORY), calls.append)
    state = StoreSearchState(directory)
    with closing(Searcher(state=state, engine=engine, clock=ManualClock())) as searcher:
        request = SearchRequest(Order(kind), limit=25, text=query, results_only=True)
        searcher.run(Searcher.search, replace(request, text="latest"))
        calls.clear()
        searcher.run(Searcher.search, request)
    assert [call for call in calls if call in {"search", "newest"}] == expected
