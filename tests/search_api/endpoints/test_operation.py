"""The metrics: numbers that agree with the status, in a form that Prometheus reads."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from indexer.model.event import Rejected
from indexer.store import Journal, Priority, RefreshKind, RefreshTarget, Store
from tests.fakes.clock import START, ManualClock
from tests.search_api.filling import fill, hold_back, searching_client
from tests.search_api.sample_content import CONTENT

pytestmark = pytest.mark.anyio

README = Path(__file__).parent.parent.parent.parent / "README.md"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    await fill(tmp_path, CONTENT)
    async with searching_client(tmp_path) as made:
        yield made


async def metrics(client: httpx2.AsyncClient) -> dict[tuple[str, str], float]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_they_agree_with_the_status(client: httpx2.AsyncClient) -> None:
    status = (await client.get("/api/v1/status")).json()
    found = await metrics(client)
    index = status["search_index"]
    assert found["regsearch_search_index_complete", ""] == 1
    for kind in ("repository", "image"):
        assert found["regsearch_documents", kind] == index["documents"][kind] > 0
    assert len(status["registries"]) > 1
    for name, registry in status["registries"].items():
        assert found["regsearch_registry_failing", name] == 0
        assert found["regsearch_registry_requests_total", name] == registry["requests"]
        assert found["regsearch_refreshes_waiting", name] == registry["refreshes_waiting"] == 0


async def test_what_is_wrong_shows(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    name, other = (await client.get("/api/v1/status")).json()["registries"]
    store, journal = Store(tmp_path), Journal(tmp_path)
    registry_id = store.registries.registry_id(name)
    assert registry_id is not None
    with store.transaction():
        store.registries.set_error(registry_id, "503", at=START)
        store.registries.pause(registry_id, until=START, reason="503")
        target = RefreshTarget(RefreshKind.CATALOG)
        store.queue.add(registry_id, [target], priority=Priority.CRAWL, due_at=START)
    repositories = hold_back(store, name, clock=ManualClock())
    journal.append([(name, Rejected("no list of events", b"{}"))], received_at=START)
    store.close()
    journal.close()
    found = await metrics(client)
    assert found["regsearch_registry_failing", name] == 1
    assert found["regsearch_registry_failing", other] == 0
    assert found["regsearch_registry_paused_until_timestamp_seconds", name] == START.timestamp()
    assert ("regsearch_registry_paused_until_timestamp_seconds", other) not in found
    assert found["regsearch_refreshes_waiting", name] == 1
    assert found["regsearch_entries_rejected", name] == 1
    assert found["regsearch_repositories_held_back", name] == repositories > 0
    assert found["regsearch_repositories_held_back", other] == 0


async def test_before_the_first_start_of_an_indexer_there_is_an_answer(tmp_path: Path) -> None:
    async with searching_client(tmp_path) as client:
        found = await metrics(client)
    assert found["regsearch_search_index_complete", ""] == 0


async def test_each_is_in_the_readme(client: httpx2.AsyncClient) -> None:
    text = README.read_text()
    assert {name for name, _ in await metrics(client) if f"`{name}`" not in text} == set()
