"""The nodes that tests share, and only read."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.opensearch.cluster import Cluster
from tests.opensearch.fixtures import found_cluster
from tests.search_api.nodes.stage import Building, Stage, make_content


@pytest.fixture(scope="session")
def building(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster | None
) -> Iterator[Building]:
    """Give the filled data directories of nodes; what is started over them ends with the tests."""
    found = found_cluster(cluster)
    with ExitStack() as stack:
        made = Building(tmp_path_factory.mktemp("nodes"), found, stack)
        asyncio.run(made.fill(make_content()))
        yield made


@pytest.fixture(scope="session")
def stage(building: Building) -> Iterator[Stage]:
    """Give two indexer nodes and a search node, which run."""
    started = {name: building.indexer(name) for name in ("a", "b")}
    urls = {name: url for name, (_, url) in started.items()}
    apps = {name: app for name, (app, _) in started.items()}
    search_url = building.search(urls)
    with httpx2.Client(timeout=30) as client:
        client.headers.pop("accept")
        yield Stage(make_content(), urls, search_url, apps, building.callers, client)
