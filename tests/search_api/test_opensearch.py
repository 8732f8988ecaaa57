"""The whole application with its search index in a real cluster, also when that is away."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from indexer.settings import Settings
from search_api.conformance import State, run_checks
from search_api.processes import make_engines
from search_api.web import make_web
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.opensearch.cluster import Cluster
from tests.search_api.filling import fill, make_client, settings_for
from tests.search_api.sample_content import CONTENT

pytestmark = pytest.mark.anyio

PREFIX = "test-web"


def settings(directory: Path, *urls: str, **others: Any) -> Settings:
    return settings_for(
        directory,
        engine="opensearch",
        opensearch_url=urls,
        opensearch_prefix=PREFIX,
        opensearch_replicas=0,
        **others,
    )


@pytest.fixture
def directory(tmp_path: Path, needs_cluster: Cluster) -> Path:
    """A data directory with the sample content, whose search index is in the cluster."""
    made = make_engines(settings(tmp_path, *needs_cluster.urls)).chosen
    assert made.name == "opensearch"
    asyncio.run(fill(tmp_path, CONTENT, make_engine=lambda _: made))
    return tmp_path


def make_app(directory: Path, *urls: str) -> Starlette:
    return make_web(settings(directory, *urls), clock=ManualClock())


def test_a_service_with_its_search_index_in_a_cluster_conforms(
    directory: Path, needs_cluster: Cluster
) -> None:
    with serving(make_app(directory, *needs_cluster.urls)) as url:
        found = list(run_checks(url))
    assert {one.state for one in found} == {State.PASSED}, [
        one for one in found if one.state is not State.PASSED
    ]
    assert len(found) > 35


QUERIES: list[Mapping[str, str]] = [
    {"q": "nginx"},
    {"q": "nginx", "type": "image", "facets": "registry,tag,label:team"},
    {"q": "*", "sort": "name", "limit": "3"},
    {"q": "ngnix"},
    {"q": "arch:arm64", "type": "image"},
    {"q": "web*", "sort": "-pushed"},
]


async def test_answers_are_those_of_the_engine_in_files(
    directory: Path, needs_cluster: Cluster, filled: Path
) -> None:
    async def answers(app: Starlette) -> list[dict[str, Any]]:
        async with make_client(app) as client:
            found = [await client.get("/api/v1/search", params=one) for one in QUERIES]
        assert {one.status_code for one in found} == {200}
        return [{**one.json(), "freshness": None} for one in found]

    in_files = make_web(settings_for(filled), clock=ManualClock())
    in_cluster = make_app(directory, *needs_cluster.urls)
    assert await answers(in_cluster) == await answers(in_files)


async def test_a_search_while_the_cluster_is_away_is_to_be_tried_again(directory: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with make_client(make_app(directory, away)) as client:
        for path in ("/api/v1/search?q=nginx", "/v1/search?q=nginx", "/api/v1/suggest?q=ng"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), path
            [error] = answer.json()["errors"]
            assert "the OpenSearch cluster is away" in error["message"]
        # What the store knows is told.
        assert (await client.get("/api/v1/registries")).status_code == 200
        status = (await client.get("/api/v1/status")).json()
        assert status["complete"] is False
        assert "INDEX_AWAY" in {reason["code"] for reason in status["reasons"]}
        assert status["search_index"]["engine"] == "opensearch"
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/metrics")).status_code == 200


async def test_one_node_of_several_urls_is_enough(directory: Path, needs_cluster: Cluster) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with make_client(make_app(directory, away, *needs_cluster.urls)) as client:
        answer = await client.get("/api/v1/search?q=nginx")
    assert (answer.status_code, answer.json()["freshness"]["complete"]) == (200, True)
