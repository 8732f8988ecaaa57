"""Who asks is found out by a password, a token or a trusted proxy, and decides what they see."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.search_api.access.asking import (
    FOR_ALL,
    OF_TEAM,
    SECOND_PUBLIC,
    asking,
    basic,
    bearer,
    seen,
    settings_with,
    write_users,
)
from tests.search_api.sample_content import MAIN_NAMES

pytestmark = pytest.mark.anyio

PROXY = "10.1.2.3"
BY_PROXY: dict[str, Any] = {
    "trusted_proxies": (ip_network("10.0.0.0/8"),),
    "access": {"user_header": "X-Forwarded-User", "groups_header": "X-Forwarded-Groups"},
}


async def test_who_is_nobody_sees_what_is_for_everybody(filled: Path) -> None:
    async with asking(settings_with(filled)) as client:
        assert await seen(client) == FOR_ALL
        assert await seen(client, basic("", "")) == FOR_ALL
        assert await seen(client, registry="second") == ["only/second", "team/nginx"]


async def test_a_user_sees_what_the_rules_say(filled: Path, tmp_path: Path) -> None:
    users = write_users(tmp_path / "users", "alice", "bob")
    async with asking(settings_with(filled, access={"htpasswd_file": users})) as client:
        assert await seen(client, basic("alice")) == FOR_ALL + OF_TEAM
        assert await seen(client, basic("bob")) == FOR_ALL


async def test_an_operator_sees_everything(filled: Path, tmp_path: Path) -> None:
    users = write_users(tmp_path / "users", "root")
    access = {"htpasswd_file": users, "operators": ["user:root"]}
    async with asking(settings_with(filled, access=access)) as client:
        assert await seen(client, basic("root")) == MAIN_NAMES


@pytest.mark.parametrize(
    "headers",
    [
        basic("alice", "wrong"),
        basic("nobody"),
        basic("Alice"),
        basic("", "password"),
        bearer("unknown"),
        bearer("regsearch_00000000_unknown"),
        basic("alice", "regsearch_00000000_unknown"),
        {"Authorization": "Basic !"},
        {"Authorization": "Basic bm9jb2xvbg=="},
        {"Authorization": "Negotiate abc"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/search", "/v1/search?q=nginx", "/v2/_catalog", "/"])
async def test_wrong_credentials_are_no_empty_answer(
    filled: Path, tmp_path: Path, headers: dict[str, str], path: str
) -> None:
    users = write_users(tmp_path / "users", "alice")
    async with asking(settings_with(filled, access={"htpasswd_file": users})) as client:
        response = await client.get(path, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="regsearch", charset="UTF-8"'
    assert response.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_probes_and_notifications_are_answered_whoever_asks(tmp_path: Path) -> None:
    async with asking(settings_with(tmp_path)) as client:
        assert (await client.get("/healthz", headers=bearer("x"))).status_code == 200
        response = await client.post(
            "/webhooks/main", headers=bearer("secret-of-the-tests"), content=b"{}"
        )
        assert response.status_code == 202


async def test_a_proxy_says_who_its_users_are(filled: Path) -> None:
    async with asking(settings_with(filled, **BY_PROXY), address=PROXY) as client:
        assert await seen(client) == FOR_ALL
        assert await seen(client, {"X-Forwarded-User": "alice"}) == FOR_ALL + OF_TEAM
        of_group = {"X-Forwarded-User": "carol", "x-forwarded-groups": "staff, payments"}
        assert await seen(client, of_group) == FOR_ALL + OF_TEAM
        assert await seen(client, {"X-Forwarded-Groups": "payments"}) == FOR_ALL


async def test_nobody_else_can_say_who_a_user_is(filled: Path) -> None:
    async with asking(settings_with(filled, **BY_PROXY)) as client:
        for header in ("X-Forwarded-User", "x-forwarded-user", "X_Forwarded_User"):
            assert await seen(client, {header: "alice"}) == FOR_ALL


async def test_a_client_cannot_put_a_user_before_that_of_the_proxy(filled: Path) -> None:
    async with asking(settings_with(filled, **BY_PROXY), address=PROXY) as client:
        for name in ("X-Forwarded-User", "X-Forwarded-Groups"):
            both = [("X-Forwarded-User", "bob"), (name, "payments"), (name, "staff")]
            response = await client.get("/api/v1/search", headers=both)
            assert response.status_code == 400
            assert "must replace what a client sends" in response.text


async def test_where_all_is_public_credentials_are_not_looked_at(filled: Path) -> None:
    async with asking(settings_with(filled, registries=[SECOND_PUBLIC])) as client:
        for headers in (basic("alice"), bearer("x"), {"Authorization": "Negotiate abc"}):
            assert await seen(client, headers, "second") == ["only/second", "team/nginx"]


async def test_two_authorizations_are_refused(filled: Path) -> None:
    async with asking(settings_with(filled)) as client:
        both = [*basic("", "").items(), *basic("alice").items()]
        assert (await client.get("/api/v1/search", headers=both)).status_code == 400
