"""The metrics: numbers that agree with the status, in a form that Prometheus reads."""

import platform
import re
from collections.abc import AsyncIterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from indexer.model.event import Rejected
from indexer.registry import RegistryTraffic
from indexer.store import Journal, Priority, RefreshKind, RefreshTarget, Store
from search_api.web import make_web
from tests.fakes.clock import START, ManualClock
from tests.search_api.filling import fill, hold_back, make_client, searching_client, settings_for
from tests.search_api.sample_content import CONTENT

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs" / "observability.md"


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
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
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


async def test_each_is_on_the_page(client: httpx2.AsyncClient) -> None:
    text = PAGE.read_text()
    ends = re.compile("_(bucket|count|sum)$")
    names = {name for name, _ in await metrics(client)}
    missing = {name for name in names if not {f"`{name}`", f"`{ends.sub('', name)}`"} & words(text)}
    assert missing == set()


def words(text: str) -> set[str]:
    return set(re.findall(r"`[a-z_]+`", text))


async def test_the_build_is_told(client: httpx2.AsyncClient) -> None:
    labels = await labels_of(client, "regsearch_build_info")
    python = platform.python_version()
    assert labels == [{"version": version("regsearch"), "engine": "whoosh", "python": python}]


async def labels_of(client: httpx2.AsyncClient, name: str) -> list[dict[str, str]]:
    response = await client.get("/metrics")
    return [
        dict(sample.labels)
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name == name
    ]


async def test_requests_are_counted_by_the_pattern_of_their_address(
    client: httpx2.AsyncClient,
) -> None:
    for method, path in [
        ("GET", "/api/v1/search?q=web"),
        ("HEAD", "/api/v1/search?q=web"),
        ("GET", "/api/v1/tags/main/team/none"),
        ("DELETE", "/api/v1/search"),
        ("POST", "/webhooks/main"),
        ("GET", "/api/v1/status"),
        ("GET", "/healthz"),
    ]:
        await client.request(method, path)
    found = await labels_of(client, "regsearch_http_requests_total")
    seen = {(one["method"], one["route"], one["status"]) for one in found}
    assert seen == {
        ("GET", "/api/v1/search", "2xx"),
        ("HEAD", "/api/v1/search", "2xx"),
        ("GET", "/api/v1/tags/{registry}/{repository:path}", "4xx"),
        ("DELETE", "/api/v1/search", "4xx"),
        ("POST", "/webhooks/{registry}", "4xx"),
        ("GET", "/api/v1/status", "2xx"),
        ("GET", "/healthz", "2xx"),
    }
    durations = await metrics(client)
    assert durations["regsearch_http_request_seconds_bucket", "+Inf /healthz"] == 1
    assert durations["regsearch_http_request_seconds_count", "/api/v1/search"] == 3


async def test_nobody_makes_new_series_with_addresses_and_methods(
    client: httpx2.AsyncClient,
) -> None:
    for number in range(30):
        await client.get(f"/api/v1/nothing-{number}")
        await client.get(f"/nothing/{number}")
        await client.request(f"WORD{number}", "/")
        await client.post(f"/webhooks/registry-{number}")
    found = await labels_of(client, "regsearch_http_requests_total")
    seen = {(one["method"], one["route"], one["status"]) for one in found}
    assert seen == {
        ("GET", "other", "4xx"),
        ("other", "/", "4xx"),
        ("POST", "/webhooks/{registry}", "4xx"),
    }


async def test_addresses_with_the_path_of_the_service_are_the_same(tmp_path: Path) -> None:
    await fill(tmp_path, CONTENT)
    settings = settings_for(tmp_path).model_copy(
        update={"public_url": "https://example.org/regsearch"}
    )
    async with make_client(make_web(settings)) as client:
        assert (await client.get("/regsearch/api/v1/search")).status_code == 200
        assert (await client.get("/api/v1/search")).status_code == 200
        found = await labels_of(client, "regsearch_http_requests_total")
    assert [one["route"] for one in found] == ["/api/v1/search"]


async def test_events_are_counted_by_their_result(client: httpx2.AsyncClient) -> None:
    body = {"events": [{"action": "pull"}, {"action": "mount"}, {"action": "jump"}]}
    headers = {"Authorization": "Bearer secret-of-the-tests"}
    answer = await client.post("/webhooks/main", json=body, headers=headers)
    assert answer.status_code == 202
    found = await metrics(client)
    for result, number in (("accepted", 0), ("dropped", 2), ("rejected", 1)):
        name = "regsearch_notification_events_total"
        assert found[name, f"main {result} distribution"] == number


async def test_what_the_indexer_measured_is_told(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    traffic = RegistryTraffic()
    traffic.request(200, seconds=0.02)
    traffic.request(429, seconds=0.3)
    traffic.request(None, seconds=40)
    traffic.retry()
    with closing(Store(tmp_path)) as store, store.transaction():
        registry_id = store.registries.registry_id("main")
        assert registry_id is not None
        store.measures.add(registry_id, traffic.take_new())
        assert not traffic.take_new()
    found = await metrics(client)
    answers = "regsearch_registry_answers_total"
    assert found[answers, "index main 2xx"] == found[answers, "index main 4xx"] == 1
    assert found[answers, "index main none"] == 1
    assert found["regsearch_registry_retries_total", "index main"] == 1
    assert found["regsearch_registry_rate_limited_total", "index main"] == 1
    seconds = "regsearch_registry_request_seconds"
    assert found[f"{seconds}_bucket", "0.01 index main"] == 0
    assert found[f"{seconds}_bucket", "0.025 index main"] == 1
    assert found[f"{seconds}_bucket", "30.0 index main"] == 2
    assert found[f"{seconds}_count", "index main"] == 3
    assert found[f"{seconds}_sum", "index main"] == pytest.approx(40.32)
