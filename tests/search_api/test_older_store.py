"""A store of an older version, until the indexer has brought it up to date.

The web process may be up before: it answers from the search index that is there, and says that
nobody knows what that lacks.
"""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from indexer.store import Store
from tests.fakes.clock import ManualClock
from tests.search_api.filling import searching_client
from tests.search_api.sample_content import NAMES

pytestmark = pytest.mark.anyio

# What its last migration made of a store, undone.
OLDER = """
DROP TABLE changes;
DROP TABLE changes_start;
ALTER TABLE repositories DROP COLUMN tag_count;
DELETE FROM _sqlite_migrations WHERE migration_set = 'store' AND name = 'm014_changes';
"""
# Of before there was a search index that the store names.
OLDEST = """
DROP TABLE search_index;
DELETE FROM _sqlite_migrations WHERE migration_set = 'store' AND name > 'm003';
"""
SEARCHES = ("/api/v1/search", "/v1/search", "/v2/_catalog", "/v2/_oci/ext/search")


def with_store(directory: Path, script: str) -> Path:
    with closing(sqlite3.connect(directory / "store.db")) as connection:
        connection.executescript(script)
    return directory


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def older(filled: Path, tmp_path: Path) -> Path:
    return with_store(shutil.copytree(filled, tmp_path / "data"), OLDER)


@pytest.fixture
async def client(older: Path, clock: ManualClock) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(older, clock=clock) as made:
        yield made


async def test_what_is_there_is_found_and_is_not_called_complete(
    client: httpx2.AsyncClient,
) -> None:
    body = (await client.get("/api/v1/search?limit=100")).json()
    assert sorted({one["repository"] for one in body["results"]}) == NAMES
    assert not body["total_is_exact"]
    assert body["freshness"]["complete"] is False
    assert body["freshness"]["registries"] == {}
    assert "the search index is being filled" in body["freshness"]["behind"]
    rows = await client.get("/v1/search?q=nginx")
    assert rows.json()["num_results"] == 4
    assert rows.headers["Warning"].startswith('299 - "')


async def test_every_search_is_answered(client: httpx2.AsyncClient) -> None:
    for path in (*SEARCHES, "/api/v1/search?q=base:nginx", "/api/v1/search?q=ingerss"):
        assert (await client.get(path)).status_code == 200, path
    assert (await client.get("/api/v1/suggest?q=ngi")).json()["suggestions"]
    assert (await client.get("/readyz")).status_code == 200


async def test_the_status_says_what_it_knows(client: httpx2.AsyncClient) -> None:
    status = (await client.get("/api/v1/status")).json()
    assert status["search_index"]["documents"]["repository"] == 10
    assert not status["search_index"]["complete"]
    assert status["registries"] == {}
    assert (await client.get("/metrics")).status_code == 200


async def test_what_is_read_from_the_store_has_to_wait(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/registries")
    assert response.status_code == 503
    assert "not up to date yet" in response.json()["errors"][0]["message"]


async def test_once_it_is_migrated_answers_are_whole_without_a_restart(
    client: httpx2.AsyncClient, older: Path, clock: ManualClock
) -> None:
    before = (await client.get("/api/v1/search?limit=100")).json()
    Store(older).close()
    clock.advance(1)
    after = (await client.get("/api/v1/search?limit=100")).json()
    assert after["freshness"]["complete"]
    assert after["results"] == before["results"]
    assert (await client.get("/api/v1/registries")).status_code == 200


async def test_a_store_that_names_no_search_index_finds_nothing(
    older: Path, clock: ManualClock
) -> None:
    async with searching_client(with_store(older, OLDEST), clock=clock) as client:
        for path in SEARCHES:
            assert (await client.get(path)).status_code == 200, path
        body = (await client.get("/api/v1/search")).json()
        assert (body["total"], body["freshness"]["complete"]) == (0, False)
        assert (await client.get("/readyz")).status_code == 503
