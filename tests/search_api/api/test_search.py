"""The HTTP API: parameters, errors, pages, and how true an answer is."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import httpx2
import pytest

from indexer.model.document import FACETS, LIMIT_MAX
from indexer.model.event import Action, Event, Rejected
from indexer.model.names import RepositoryName
from indexer.store import Journal, Priority, RebuildProgress, RefreshKind, RefreshTarget, Store
from tests.fakes.clock import START, ManualClock
from tests.search_api.filling import Pushed, fill, finish_crawl, hold_back, searching_client
from tests.search_api.sample_content import CONTENT, NGINX, WEB

pytestmark = pytest.mark.anyio

ENVELOPE = {"type", "total", "total_is_exact", "results", "facets", "suggestion", "next", "notes"}
ENVELOPE |= {"expanded", "relaxed", "access"}
COMMON = {"registry", "repository", "reference", "kind", "title", "description", "platforms"}
COMMON |= {"created_at", "pushed_at", "size_bytes", "match", "artifact_type"}
FRESHNESS = {"newest_event_applied_at", "entries_waiting", "refreshes_waiting"}
FRESHNESS |= {"last_complete_crawl_at", "first_backfill_running", "set_aside"}
FRESHNESS |= {
    "held_back",
    "error",
    "behind",
    "reasons",
    "notifications",
    "last_complete_crawl_started_at",
}
STATUS = FRESHNESS | {"error_at", "registry_restarted_at", "entries_rejected", "requests", "crawl"}
STATUS |= {"paused"}


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        yield made


async def search(client: httpx2.AsyncClient, **parameters: str) -> dict[str, Any]:
    response = await client.get(f"/api/v1/search?{urlencode(parameters)}")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body.keys() == ENVELOPE | {"freshness"}
    return body


async def refused(client: httpx2.AsyncClient, query: str) -> dict[str, Any]:
    response = await client.get(f"/api/v1/search?{query}")
    assert response.status_code == 400, response.text
    (error,) = response.json()["errors"]
    assert error.keys() == {"code", "message", "detail"}
    found: dict[str, Any] = error
    return found


async def test_an_image_has_what_an_answer_promises(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="team/web", type="image")
    (image,) = body["results"]
    assert image.keys() >= COMMON | {"digest", "tags", "labels", "annotations"}
    assert image["digest"] == WEB.digest
    assert sorted(image["tags"]) == ["1.4", "latest"]
    assert image["reference"].startswith("registry.example/team/web:")
    assert image["platforms"] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert image["match"]["score"] > 0
    assert body["type"] == "image"
    assert (body["facets"], body["suggestion"], body["notes"], body["next"]) == ({}, None, [], None)


@pytest.mark.parametrize(
    ("q", "meant"),
    [
        ("licence:Apache-2.0", "license:Apache-2.0"),
        ("architecture:arm64", "arch:arm64"),
        ("nginx labels:team", "label:team"),
        ("labl:x", "label:x"),
    ],
)
async def test_a_misspelt_field_that_finds_nothing_gets_a_hint(
    client: httpx2.AsyncClient, q: str, meant: str
) -> None:
    body = await search(client, q=q)
    assert body["total"] == 0
    (note,) = body["notes"]
    assert note["code"] == "FIELD_UNKNOWN"
    assert f"did you mean '{meant}'?" in note["message"]


@pytest.mark.parametrize("q", ["web:9.9", "sha256:1234", '"labl:x"', "zzz", "label:zzz"])
async def test_a_name_with_a_tag_gets_no_hint(client: httpx2.AsyncClient, q: str) -> None:
    body = await search(client, q=q)
    assert (body["total"], body["notes"]) == (0, [])


async def test_a_repository_has_what_an_answer_promises(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="repo:nginx")
    (repository,) = body["results"]
    assert repository.keys() >= COMMON | {"tag_count", "newest_tags", "pulls"}
    assert repository["tag_count"] == 2
    assert sorted(repository["newest_tags"]) == ["1.25", "latest"]
    assert (body["type"], body["total"], body["total_is_exact"]) == ("repository", 1, True)


async def test_hostile_text_is_data_and_the_answer_valid(client: httpx2.AsyncClient) -> None:
    (image,) = (await search(client, q="evil", type="image"))["results"]
    assert "\x1b" not in image["description"]
    assert "\n" not in image["description"]
    # Labels are shown as they are, within bounds.
    assert image["labels"]["x"].startswith("first\nsecond")
    assert len(image["labels"]["x"]) <= 4_096


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("foo=1", "unknown parameter 'foo'; known are cursor, facets, limit, q,"),
        ("Q=1", "unknown parameter 'Q'"),
        ("=1", "unknown parameter ''"),
        ("n=5", "unknown parameter 'n'"),
        ("facets=x", "facets: unknown facet 'x'; known are registry, namespace, kind"),
        ("facets=label:", "facets: unknown facet 'label:'"),
        ("facets=" + ",".join(f"label:{n}" for n in range(21)), "facets: at most 20, not 21"),
        ("sort=", "sort must be 'relevance', "),
        ("sort=stars", "sort must be 'relevance', "),
        ("sort=--name", "sort must be 'relevance', "),
        ("%00%FF=1", "unknown parameter '\\x00\ufffd'"),
        ("a" * 5_000 + "=1", "unknown parameter 'aaaa"),
        ("q=a&q=b", "parameter 'q' is given twice"),
        ("limit=1&limit=1", "parameter 'limit' is given twice"),
        ("type=", "type must be 'repository' or 'image', not ''"),
        ("type=Image", "type must be 'repository' or 'image', not 'Image'"),
        ("type=tag", "type must be 'repository' or 'image', not 'tag'"),
        ("limit=", "limit must be a number from 1 to 1000, not ''"),
        ("limit=0", "limit must be a number from 1 to 1000, not '0'"),
        ("limit=-1", "limit must be a number"),
        ("limit=1001", "limit must be a number"),
        ("limit=1.5", "limit must be a number"),
        ("limit=1e3", "limit must be a number"),
        ("limit=%D9%A3", "limit must be a number"),
        ("limit=%C2%B2", "limit must be a number"),
        ("limit=+5", "limit must be a number"),
        ("limit=" + "9" * 10_000, "limit must be a number"),
        # Leading zeros must not lead around the bound.
        ("limit=000001999999999", "limit must be a number"),
        ("cursor=x", "not a cursor: 'x'"),
        ("cursor=" + quote("W05hTiwgImEiXQ=="), "not a cursor"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named_with_its_value(
    client: httpx2.AsyncClient, query: str, message: str
) -> None:
    error = await refused(client, query)
    assert error["code"] == "PARAMETER_INVALID"
    assert error["message"].startswith(message)
    assert len(error["message"]) < 300
    assert error["detail"] == {}


@pytest.mark.parametrize(
    ("q", "column"),
    [("a OR", 5), ("(", 1), ("x:", 1), ("a b*", 3), ("é é*", 3), ("a" * 2_001, 2_001)],
)
async def test_a_mistake_in_the_query_points_at_its_column(
    client: httpx2.AsyncClient, q: str, column: int
) -> None:
    error = await refused(client, urlencode({"q": q}))
    assert error["code"] == "QUERY_INVALID"
    assert error["detail"] == {"column": column}


@pytest.mark.parametrize("limit", ["1", "999", str(LIMIT_MAX)])
async def test_the_bounds_of_the_limit_are_allowed(client: httpx2.AsyncClient, limit: str) -> None:
    body = await search(client, limit=limit)
    assert len(body["results"]) == min(int(limit), 10)


async def test_without_parameters_everything_is_listed(client: httpx2.AsyncClient) -> None:
    body = await search(client)
    assert body["total"] == len(body["results"]) == 10


@pytest.mark.parametrize("document_type", ["image", "repository"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("q", ["", "nginx", "team OR front OR e"])
async def test_pages_follow_each_other_by_link_without_gap_or_repetition(
    client: httpx2.AsyncClient, document_type: str, limit: int, q: str
) -> None:
    def keys(body: dict[str, Any]) -> list[tuple[str, ...]]:
        return [(r["registry"], r["repository"], r.get("digest", "")) for r in body["results"]]

    whole = await search(client, q=q, type=document_type, limit="1000")
    assert whole["next"] is None
    parameters = {"q": q, "type": document_type, "limit": str(limit)}
    url, walked = f"/api/v1/search?{urlencode(parameters)}", []
    while url:
        response = await client.get(url)
        body = response.json()
        assert body["total"] == whole["total"]
        walked += keys(body)
        link = response.headers.get("link", "")
        assert bool(body["next"]) == bool(link)
        assert not link or (quote(body["next"]) in link and link.endswith('; rel="next"'))
        url = urljoin(url, link[1 : link.index(">")]) if link else ""
    assert walked == keys(whole)
    assert len(set(walked)) == len(walked) == whole["total"]


async def test_a_link_keeps_every_parameter(client: httpx2.AsyncClient) -> None:
    response = await client.get(
        "/api/v1/search", params={"q": 'a OR "e" OR nginx', "registry": "main", "limit": "1"}
    )
    following = httpx2.URL(response.headers["link"][1:].partition(">")[0]).params
    assert following["q"] == 'a OR "e" OR nginx'
    assert (following["registry"], following["limit"]) == ("main", "1")
    assert following["cursor"] == response.json()["next"]


@pytest.mark.parametrize(("registry", "total"), [("main", 8), ("MAIN", 8), ("second", 2), ("", 10)])
async def test_a_registry_is_a_filter(
    client: httpx2.AsyncClient, registry: str, total: int
) -> None:
    body = await search(client, registry=registry)
    assert body["total"] == total
    names = {result["registry"] for result in body["results"]}
    assert names == ({"main", "second"} if not registry else {registry.lower()} if total else set())


async def test_no_query_leads_out_of_a_registry(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="nginx OR registry:main", registry="second")
    assert [result["repository"] for result in body["results"]] == ["team/nginx"]


async def test_conditions_hold_for_one_image_or_for_any_of_a_repository(
    client: httpx2.AsyncClient,
) -> None:
    q = "repo:nginx tag:latest old"
    assert (await search(client, q=q))["total"] == 1
    assert (await search(client, q=q, type="image"))["total"] == 0


# How true an answer is


async def test_a_complete_answer_says_so_for_each_registry(client: httpx2.AsyncClient) -> None:
    freshness = (await search(client))["freshness"]
    assert freshness["complete"] is True
    assert freshness["registries"].keys() == {"main", "second"}
    for registry in freshness["registries"].values():
        assert registry == {
            "newest_event_applied_at": None,
            "entries_waiting": 0,
            "refreshes_waiting": 0,
            "last_complete_crawl_at": "2026-03-01T12:00:00.000000Z",
            "last_complete_crawl_started_at": "2026-03-01T12:00:00.000000Z",
            "first_backfill_running": False,
            "set_aside": 0,
            "held_back": 0,
            "error": None,
            "notifications": {"expected": True, "received_at": None, "refused": 0},
            "behind": [],
            "reasons": [],
        }


async def test_before_the_first_start_of_an_indexer(tmp_path: Path) -> None:
    async with searching_client(tmp_path) as client:
        body = await search(client, q="nginx")
        assert (body["results"], body["total"], body["total_is_exact"]) == ([], 0, False)
        assert body["freshness"] == {
            "complete": False,
            "behind": [
                "no registry is known yet",
                "the search index is being filled",
                "the indexer is not known to be alive",
            ],
            "reasons": [
                {"code": "NO_REGISTRY", "message": "no registry is known yet"},
                {"code": "INDEX_INCOMPLETE", "message": "the search index is being filled"},
                {"code": "INDEXER_NOT_ALIVE", "message": "the indexer is not known to be alive"},
            ],
            "documents_waiting": 0,
            "indexer_alive_at": None,
            "registries": {},
        }
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (
            503,
            {"ready": False, "reason": "the search index cannot be read yet"},
        )
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        status = (await client.get("/api/v1/status")).json()
    assert status["search_index"] == {
        "complete": False,
        "engine": None,
        "wanted_engine": "whoosh",
        "generation": None,
        "documents": {},
        "documents_waiting": 0,
        "size_bytes": 0,
        "advice": None,
        "rebuild": None,
    }
    assert (status["registries"], status["set_aside"], status["rejected"]) == ({}, [], [])
    assert status["extraction"] is None


async def test_during_the_first_backfill_what_is_there_is_shown_as_incomplete(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    await fill(tmp_path, [Pushed("nginx", NGINX)], clock=clock)
    store = Store(tmp_path)
    with store.transaction():
        row = store.registries.put("third", url="http://third", registry_host="third")
        store.registries.start_crawl(row.id, at=clock.now())
    async with searching_client(tmp_path, clock=clock) as client:
        body = await search(client)
        assert (await client.get("/readyz")).status_code == 200
    store.close()
    assert body["total"] == 1
    assert (body["total_is_exact"], body["freshness"]["complete"]) == (False, False)
    third = body["freshness"]["registries"]["third"]
    assert third["first_backfill_running"] is True
    assert third["last_complete_crawl_at"] is None


async def test_a_registry_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    clock = ManualClock()
    await fill(tmp_path, CONTENT[:2], clock=clock)
    store = Store(tmp_path)
    number = store.registries.registry_id("second")
    assert number is not None
    with store.transaction():
        store.registries.set_error(number, "503 at\n/v2/\x1b[31m", at=clock.now())
        store.registries.set_event_applied(number, START)
    store.close()
    async with searching_client(tmp_path, clock=clock) as client:
        body = await search(client)
    assert body["freshness"]["complete"] is False
    assert body["total"] == 1, "what was known is still shown"
    second = body["freshness"]["registries"]["second"]
    assert second["error"] == "503 at\n/v2/\x1b[31m"
    assert second["newest_event_applied_at"] == "2026-03-01T12:00:00.000000Z"
    assert body["freshness"]["registries"]["main"]["error"] is None


async def test_status_shows_everything_that_is_under_way(tmp_path: Path) -> None:
    clock = ManualClock()
    await fill(tmp_path, CONTENT[:2], clock=clock)
    store, journal = Store(tmp_path), Journal(tmp_path)
    number = store.registries.registry_id("main")
    assert number is not None
    target = RefreshTarget(RefreshKind.TAG, RepositoryName("team/web"), "1.4")
    with store.transaction():
        store.queue.add(number, [target], priority=Priority.EVENT, due_at=clock.now())
        (refresh,) = store.queue.due(number, clock.now(), limit=5)
        store.queue.set_aside(refresh, reason="it is too large")
        busy = RefreshTarget(RefreshKind.TAG, RepositoryName("team/web"), "busy")
        store.queue.add(number, [busy], priority=Priority.EVENT, due_at=clock.now())
        (refresh,) = store.queue.due(number, clock.now(), limit=5)
        later = clock.now() + timedelta(minutes=5)
        store.queue.requeue(refresh, due_at=later, reason="429")
        store.registries.pause(number, until=later, reason="GET /v2/x: 429")
        store.search_index.set_rebuild(RebuildProgress(1, 2))
        store.extraction.ask()
        store.registries.count_requests(number, 7)
        store.registries.set_source(number, "run 1", at=clock.now())
        store.registries.set_source(number, "run 2", at=clock.now())
    finish_crawl(store, "second", clock=clock, complete=False)
    event = Event(Action.DELETE, RepositoryName("a"))
    journal.append([("main", event), ("main", Rejected("odd", b"x"))], received_at=clock.now())
    async with searching_client(tmp_path, clock=clock) as client:
        status = (await client.get("/api/v1/status")).json()
        clock.advance(300)
        late = (await client.get("/api/v1/status")).json()
    assert late["registries"]["main"]["paused"] is None
    store.close()
    journal.close()
    at = "2026-03-01T12:00:00.000000Z"
    index = status["search_index"]
    assert index["documents"] == {"image": 2, "repository": 1, "untagged": 0}
    assert (index["complete"], index["engine"]) == (True, "whoosh")
    assert index["rebuild"] == {"done": 1, "total": 2}
    assert status["extraction"] == {"done": 0, "total": 2}
    main = status["registries"]["main"]
    assert main.keys() == STATUS
    assert (main["entries_waiting"], main["entries_rejected"], main["set_aside"]) == (1, 1, 1)
    assert (main["requests"], main["registry_restarted_at"]) == (7, at)
    until = "2026-03-01T12:05:00.000000Z"
    assert main["paused"] == {"until": until, "reason": "GET /v2/x: 429"}
    assert f"it is left alone until {until}: GET /v2/x: 429" in main["behind"]
    assert status["registries"]["second"]["paused"] is None
    [postponed] = status["postponed"]
    assert (postponed["reference"], postponed["reason"]) == ("busy", "429")
    assert postponed["due_at"] == until
    assert main["crawl"]["complete"] is True
    assert main["crawl"]["unlisted"] is None
    assert main["crawl"]["catalog_error"] is None
    assert status["registries"]["second"]["crawl"]["complete"] is False
    assert status["set_aside"] == [
        {
            "registry": "main",
            "kind": "tag",
            "repository": "team/web",
            "reference": "1.4",
            "reason": "it is too large",
        }
    ]
    assert status["rejected"] == [{"registry": "main", "received_at": at, "reason": "odd"}]


async def test_what_is_held_back_is_counted_in_every_answer(tmp_path: Path) -> None:
    clock = ManualClock()
    await fill(tmp_path, CONTENT, clock=clock)
    store = Store(tmp_path)
    repositories = hold_back(store, "main", clock=clock)
    assert repositories > 1
    async with searching_client(tmp_path, clock=clock) as client:
        body = await search(client)
        registries = body["freshness"]["registries"]
        assert registries["main"]["held_back"] == repositories
        assert registries["second"]["held_back"] == 0
        assert body["freshness"]["complete"] is True, "all of it was read"
        assert body["total"] > repositories, "what is held back is still found"
        main = (await client.get("/api/v1/status")).json()["registries"]["main"]
        assert (main["held_back"], main["crawl"]["held_back"]) == (repositories, repositories)
        clock.advance(1)
        [first, *_] = store.absences.list_in(1, quarantined=True)
        with store.transaction():
            for tag in first.tags:
                store.content.hide_tag(first.repository_id, tag, seen_at=clock.now())
        main = (await client.get("/api/v1/status")).json()["registries"]["main"]
        assert (main["held_back"], main["crawl"]["held_back"]) == (repositories - 1, repositories)
    store.close()


async def test_a_registry_that_was_never_crawled_has_no_crawl(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.transaction():
        store.registries.put("main", url="http://x", registry_host="x")
    store.close()
    async with searching_client(tmp_path) as client:
        status = (await client.get("/api/v1/status")).json()
    assert status["registries"]["main"]["crawl"] is None


# Orders, facets and highlights


@pytest.mark.parametrize("sort", ["name", "created", "pushed", "size", "pulls", "relevance"])
@pytest.mark.parametrize("document_type", ["image", "repository"])
async def test_a_reversed_order_is_the_other_way_round_and_its_pages_follow(
    client: httpx2.AsyncClient, sort: str, document_type: str
) -> None:
    for name in (sort, f"-{sort}"):
        parameters = {"type": document_type, "sort": name, "q": "e OR nginx"}
        whole = (await search(client, **parameters, limit="1000"))["results"]
        walked: list[Any] = []
        cursor = ""
        while cursor or not walked:
            page = await search(client, **parameters, limit="3", cursor=cursor)
            walked += page["results"]
            cursor = page["next"] or ""
        assert [one["links"] for one in walked] == [one["links"] for one in whole]


async def test_names_are_ordered_from_a_and_reversed_from_z(client: httpx2.AsyncClient) -> None:
    def names(body: dict[str, Any]) -> list[str]:
        return [result["repository"] for result in body["results"]]

    found = names(await search(client, sort="name"))
    assert found == sorted(found)
    assert names(await search(client, sort="-name"))[0] == found[-1]


async def test_a_cursor_of_another_order_is_refused(client: httpx2.AsyncClient) -> None:
    cursor = (await search(client, limit="1"))["next"]
    for query in ("sort=name", "sort=-relevance", "type=image"):
        error = await refused(client, f"{query}&limit=1&cursor={quote(cursor)}")
        assert error["message"].startswith("cursor is of type=repository and sort=relevance, not")


@pytest.mark.parametrize("kind", ["image", "repository"])
async def test_the_query_of_a_facet_s_value_finds_what_it_counts(
    client: httpx2.AsyncClient, kind: str
) -> None:
    facets = ",".join([*FACETS, "label:team"])
    for q in ("", "web OR nginx"):
        body = await search(client, q=q, type=kind, facets=facets, limit="1")
        assert body["facets"]["tag"]["values"]
        for facet in body["facets"].values():
            for one in facet["values"]:
                selected = await search(client, q=f"{q} {one['query']}", type=kind, limit="1")
                assert selected["total"] == one["count"], one


async def test_facets_count_all_that_match(client: httpx2.AsyncClient) -> None:
    body = await search(
        client, type="image", facets="kind,platform,label:team,registry", limit="1", q="team"
    )
    facets = body["facets"]
    assert facets.keys() == {"kind", "platform", "label:team", "registry"}
    payments = {"value": "payments", "count": 1, "query": 'label:"team":="payments"'}
    assert facets["label:team"] == {"values": [payments], "others": 0}
    assert sum(one["count"] for one in facets["registry"]["values"]) == body["total"]
    assert {one["value"] for one in facets["platform"]["values"]} >= {"linux/arm/v7"}


async def test_a_result_shows_where_it_matches(client: httpx2.AsyncClient) -> None:
    (result,) = (await search(client, q="cafe"))["results"]
    (highlight, *_) = result["match"]["highlights"]
    assert highlight == {
        "field": "description",
        "snippet": "Un café crème",
        "ranges": [[3, 7]],
    }


async def test_a_long_page_of_hostile_texts_is_answered(client: httpx2.AsyncClient) -> None:
    body = await search(client, q="long OR first", type="image", limit="1000")
    for result in body["results"]:
        for highlight in result["match"]["highlights"]:
            assert len(highlight["snippet"]) <= 200
            assert highlight["snippet"].isprintable()
