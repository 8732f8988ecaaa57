"""Changes: page by page after a cursor, and as events that resume after a break."""

import http.client
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.store import Store
from search_api.processes.supervisor import own_command
from search_api.web import make_web
from tests.children import Children
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.search_api.filling import Pushed, put, searching_client, settings_for
from tests.search_api.sample_content import MAIN_CONTENT, NGINX

pytestmark = pytest.mark.anyio

CHANGES = "/api/v1/changes"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    put(store, MAIN_CONTENT[:4], clock=ManualClock())
    store.close()
    return tmp_path


@pytest.fixture
async def client(directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(directory) as made:
        yield made


async def changes(client: httpx2.AsyncClient, **parameters: str) -> dict[str, Any]:
    response = await client.get(CHANGES, params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    return body


def push(directory: Path, *pushed: Pushed) -> None:
    store = Store(directory)
    put(store, pushed, clock=ManualClock())
    store.close()


@pytest.mark.parametrize("limit", ["1", "3", "1000"])
async def test_all_changes_follow_each_other_by_their_cursor(
    client: httpx2.AsyncClient, limit: str
) -> None:
    found, cursor = [], ""
    while page := (body := await changes(client, cursor=cursor, limit=limit))["changes"]:
        found += page
        cursor = body["next"]
        assert page[-1]["cursor"] == cursor
    assert body["next"] == cursor
    assert [(one["repository"], one["tag"]) for one in found] == [
        (each.repository, each.tag) for each in MAIN_CONTENT[:4]
    ]
    assert {one["kind"] for one in found} == {"tag.pushed"}


async def test_now_is_behind_everything(client: httpx2.AsyncClient, directory: Path) -> None:
    cursor = (await changes(client, cursor="now"))["next"]
    assert (await changes(client, cursor=cursor))["changes"] == []
    push(directory, Pushed("nginx", NGINX, "new"))
    (change,) = (await changes(client, cursor=cursor))["changes"]
    assert (change["tag"], change["digest"]) == ("new", NGINX.digest)


@pytest.mark.parametrize("limit", ["1", "3", "1000"])
async def test_changes_are_read_back_to_the_first(
    client: httpx2.AsyncClient, directory: Path, limit: str
) -> None:
    every = (await changes(client))["changes"]
    found = []
    body = await changes(client, order="newest", limit=limit, cursor="now")
    while True:
        found += body["changes"]
        if body["next"] is None:
            break
        push(directory, Pushed("nginx", NGINX, f"more-{len(found)}"))
        body = await changes(client, order="newest", limit=limit, cursor=body["next"])
    assert found == every[::-1]


async def test_the_next_page_back_has_a_link(client: httpx2.AsyncClient) -> None:
    asked = {"order": "newest", "limit": "2", "registry": "main"}
    response = await client.get(CHANGES, params=asked)
    link = response.headers["link"]
    following = await client.get(link[1 : link.index(">")])
    assert following.json() == await changes(client, **asked, cursor=response.json()["next"])


async def test_the_changes_of_a_repository_are_asked_for(
    client: httpx2.AsyncClient, directory: Path
) -> None:
    push(directory, Pushed("nginx", NGINX, "new"), Pushed("team/x", NGINX, "new"))
    found = await changes(client, registry="main", repository="team/x")
    assert [one["tag"] for one in found["changes"]] == ["new"]
    for path in (CHANGES, f"{CHANGES}/stream"):
        response = await client.get(path, params={"registry": "none"})
        assert response.status_code == 404


async def test_a_cursor_that_is_not_kept_is_gone(client: httpx2.AsyncClient) -> None:
    response = await client.get(CHANGES, params={"cursor": f"2.{'0' * 16}"})
    assert response.status_code == 410
    assert response.json()["errors"][0]["code"] == "CURSOR_EXPIRED"


@pytest.mark.parametrize("path", [CHANGES, f"{CHANGES}/stream"])
async def test_what_is_no_cursor_is_refused_before_anything_is_sent(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path, params={"cursor": "x"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "not a cursor of changes: 'x'"


# Streams need a real server: the in-process transport gives an answer only when it is whole.


@pytest.fixture
def address(directory: Path) -> Iterator[str]:
    with serving(make_web(settings_for(directory))) as made:
        yield f"{made}{CHANGES}/stream"


async def events(lines: AsyncIterator[str], count: int) -> list[dict[str, Any]]:
    """Return the next events of a stream."""
    found: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = json.loads(value) if name == "data" else value
        elif fields:
            found.append(fields)
            fields = {}
        if len(found) == count:
            return found
    return found


async def test_a_stream_sends_what_is_there_and_then_what_comes(
    directory: Path, address: str
) -> None:
    async with httpx2.AsyncClient(timeout=30) as client, client.stream("GET", address) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        lines = response.aiter_lines()
        first = await events(lines, 4)
        assert [one["event"] for one in first] == ["tag.pushed"] * 4
        assert [one["id"] for one in first] == [one["data"]["cursor"] for one in first]
        push(directory, Pushed("nginx", NGINX, "new"))
        (change,) = await events(lines, 1)
        assert change["data"]["tag"] == "new"


async def test_a_stream_may_be_of_one_repository(directory: Path, address: str) -> None:
    asked = {"repository": "team/x", "registry": "main"}
    async with (
        httpx2.AsyncClient(params=asked, timeout=30) as client,
        client.stream("GET", address) as response,
    ):
        push(directory, Pushed("nginx", NGINX, "new"), Pushed("team/x", NGINX, "new"))
        (change,) = await events(response.aiter_lines(), 1)
        assert change["data"]["repository"] == "team/x"


async def test_a_stream_goes_on_behind_the_last_event(address: str) -> None:
    async with httpx2.AsyncClient(timeout=30) as client:
        async with client.stream("GET", address) as response:
            first, second, *_ = await events(response.aiter_lines(), 4)
        again = {"Last-Event-ID": first["id"]}
        async with client.stream("GET", address, headers=again) as response:
            (found,) = await events(response.aiter_lines(), 1)
    assert found == second


async def test_a_stream_says_that_its_cursor_is_not_kept_any_more(
    directory: Path, address: str
) -> None:
    gone = {"Last-Event-ID": f"2.{'0' * 16}"}
    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.get(address, headers=gone)
        assert response.status_code == 410
        async with client.stream("GET", address) as response:
            lines = response.aiter_lines()
            await events(lines, 4)
            forget_all(directory)
            (expired,) = await events(lines, 1)
            assert expired["event"] == "expired"
            assert await events(lines, 1) == [], "the stream ends"


async def test_head_of_a_stream_ends(address: str) -> None:
    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.head(address)
    assert (response.status_code, response.content) == (200, b"")


def forget_all(directory: Path) -> None:
    """Write newer changes than the stream knows, and forget them with all others, at once."""
    store, now = Store(directory), ManualClock().now()
    with store.transaction():
        repository = store.repositories.put(1, RepositoryName("nginx"), seen_at=now)
        for tag in ("forgotten", "too"):
            digest = parse_digest(NGINX.digest)
            store.content.put_tag(repository, TagName(tag), digest, seen_at=now)
        assert store.changes.forget(before=now + timedelta(days=1), limit=100)
    store.close()


def test_the_service_stops_though_a_stream_is_open(directory: Path) -> None:
    port = free_port()
    environment = {
        "REGSEARCH_DATA_DIR": str(directory),
        "REGSEARCH_LISTEN": f"127.0.0.1:{port}",
        "REGSEARCH_REGISTRY": "http://registry.example",
    }
    with (
        Children(directory) as children,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection,
    ):
        web = children.start("web", own_command("web"), environment=environment)
        children.wait_for("listening", lambda: "web_listens" in web.output(), seconds=30)
        connection.request("GET", f"{CHANGES}/stream")
        response = connection.getresponse()
        assert response.readline()
        web.process.terminate()
        web.process.wait(30)
        assert response.read().count(b"data: ") == 4, "the stream has an end"
    assert "Traceback" not in web.output()
