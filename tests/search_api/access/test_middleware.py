"""What all answers say of the caller: to caches, to the audit log, and to the turns of searches."""

import json
from pathlib import Path

import pytest

from tests.search_api.access.asking import (
    ELSEWHERE,
    MAIN_RULED,
    SECOND_PUBLIC,
    asking,
    basic,
    settings_with,
    write_users,
)

pytestmark = pytest.mark.anyio

PATHS = (
    "/api/v1/search",
    "/api/v1/suggest?q=n",
    "/api/v1/registries",
    "/api/v1/repositories",
    "/api/v1/tags/main/nginx",
    "/api/v1/changes",
    "/api/v1/status",
    "/api/v1/images/x",
    "/v1/search?q=nginx",
    "/v2/_catalog",
    "/v2/_oci/ext/search?repository=nginx",
    "/",
    "/search?q=nginx",
    "/r/main/nginx",
    "/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_that_depends_on_the_caller_is_kept_by_nobody_else(
    filled: Path, path: str
) -> None:
    async with asking(settings_with(filled)) as client:
        response = await client.get(path, headers={"Accept": "text/html"})
        kept = response.headers["cache-control"]
        assert "private" in kept or "no-store" in kept
        varies = {name.strip() for name in response.headers["vary"].split(",")}
        assert {"Authorization", "Cookie"} <= varies
        if etag := response.headers.get("etag"):
            again = await client.get(path, headers={"If-None-Match": etag})
            assert again.status_code == 304
            assert "private" in again.headers["cache-control"]


async def test_where_all_is_public_answers_are_as_before(filled: Path) -> None:
    async with asking(settings_with(filled, registries=[SECOND_PUBLIC])) as client:
        response = await client.get("/api/v1/tags/second/team/nginx")
        assert response.headers["cache-control"] == "no-cache"
        assert "Authorization" not in response.headers.get("vary", "")


async def test_files_of_the_page_are_for_all_caches(filled: Path) -> None:
    async with asking(settings_with(filled)) as client:
        text = (await client.get("/", headers={"Accept": "text/html"})).text
        path = text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        kept = (await client.get(path)).headers["cache-control"]
        assert kept == "public, max-age=31536000, immutable"


async def test_the_audit_log_says_who_searched(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users = write_users(tmp_path / "users", "alice")
    access = {"htpasswd_file": users, "audit_log": True}
    async with asking(settings_with(filled, access=access)) as client:
        asked = await client.get("/api/v1/search?q=nginx", headers=basic("alice"))
        for path in ("/v1/search?q=web", "/v2/_catalog", "/v2/_oci/ext/search?repository=bistro"):
            await client.get(path)
        await client.get("/search?q=bistro", headers={"Accept": "text/html"})
        await client.get("/api/v1/suggest?q=n")
        await client.get("/api/v1/search?q=nginx", headers=basic("alice", "wrong"))
    out = capsys.readouterr().out.splitlines()
    lines = [json.loads(line) for line in out if line.startswith("{")]
    assert [line.pop("event") for line in lines] == ["search"] * 5
    first = lines[0]
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "caller": "alice",
        "source": "htpasswd",
        "address": ELSEWHERE,
        "query": "nginx",
        "results": asked.json()["total"],
        "request_id": asked.headers["x-request-id"],
    }
    assert [line["query"] for line in lines[1:]] == ["web", "", "repository=bistro", "bistro"]
    assert {line["caller"] for line in lines[1:]} == {""}


async def test_without_the_setting_there_is_no_audit_log(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(settings_with(filled, registries=[MAIN_RULED])) as client:
        await client.get("/api/v1/search?q=nginx")
    assert capsys.readouterr().out == ""
