"""Callers that a search node passes on: an indexer node believes them by the secret alone."""

import base64
import json
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from indexer.settings import NodeSettings, Settings
from search_api.access import Basic, Caller, CallerHeaders
from search_api.access.caller import OWNER
from tests.search_api.access.asking import (
    ELSEWHERE,
    FOR_ALL,
    MAIN_RULED,
    OF_TEAM,
    asking,
    basic,
    seen,
    settings_with,
    write_users,
)

pytestmark = pytest.mark.anyio

SECRET = "a secret that all nodes share"
REGISTRIES = ("main", "second")
HERE = "127.0.0.1"
NODES = (NodeSettings(name="a", url="http://a.example", registries=REGISTRIES),)
USER = "192.0.2.50"
ALICE = Caller("htpasswd", "alice", address=USER)
ROOT = Caller("oidc", "root", address=USER)
NOBODY = Caller("anonymous", address=USER)


def of_node(directory: Path, *, node: str = "a", **changed: Any) -> Settings:
    """Return the settings of an indexer node, or of a search node for an empty name."""
    access = {"operators": ["user:root"], **changed.pop("access", {})}
    given = {"node": NODES, "node_name": node, "node_secret": SECRET, **changed}
    return settings_with(directory, access=access, **given)


def passed(
    caller: Caller,
    *,
    secret: str = SECRET,
    host: str = "search.example",
    scheme: str = "https",
    registries: tuple[str, ...] = REGISTRIES,
) -> dict[str, str]:
    """Return what a search node sends for a caller."""
    settings = of_node(Path(), node="", node_secret=secret)
    scope = {"type": "http", "scheme": scheme, "headers": [(b"host", host.encode())]}
    return CallerHeaders(settings).make(scope, caller, registries=registries)


def value_of(headers: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(headers["Regsearch-Caller"]))
    return found


def changed(headers: Mapping[str, str], **values: Any) -> dict[str, str]:
    """Return headers with other values of the caller, as a search node never sends them."""
    text = base64.b64encode(json.dumps({**value_of(headers), **values}).encode()).decode()
    return {**headers, "Regsearch-Caller": text}


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        (NOBODY, FOR_ALL),
        (ALICE, sorted(FOR_ALL + OF_TEAM)),
        (Caller("token", "carol", frozenset({"payments", "others"})), sorted(FOR_ALL + OF_TEAM)),
        (Caller("proxy", "bob"), FOR_ALL),
    ],
)
async def test_a_passed_caller_sees_what_they_may_see(
    filled: Path, caller: Caller, names: list[str]
) -> None:
    async with asking(of_node(filled)) as client:
        assert await seen(client, passed(caller)) == names


async def test_an_operator_is_one_at_each_node(filled: Path) -> None:
    async with asking(of_node(filled)) as client:
        assert (await client.get("/metrics", headers=passed(ROOT))).status_code == 200
        assert (await client.get("/metrics", headers=passed(ALICE))).status_code == 403
        watcher = Caller("token", is_for_metrics=True)
        assert (await client.get("/metrics", headers=passed(watcher))).status_code == 200
        assert await seen(client, passed(watcher)) == FOR_ALL


async def test_who_has_not_the_secret_is_refused_whoever_they_are_else(
    filled: Path, tmp_path: Path
) -> None:
    access = {"htpasswd_file": write_users(tmp_path / "users", "alice")}
    wrong = passed(ROOT, secret="another secret of nodes")
    right = passed(ROOT)
    async with asking(of_node(filled, access=access)) as client:
        for headers in (
            wrong,
            {**wrong, **basic("alice")},
            {"Regsearch-Node": wrong["Regsearch-Node"]},
            {"Regsearch-Caller": right["Regsearch-Caller"]},
            {**right, "Regsearch-Node": ""},
        ):
            answer = await client.get("/api/v1/registries", headers=headers)
            assert answer.status_code == 401
            assert "regsearch-node" not in answer.headers
        twice = [*right.items(), ("Regsearch-Node", "another")]
        assert (await client.get("/api/v1/registries", headers=twice)).status_code == 401


async def test_wrong_secrets_are_counted_as_guesses(filled: Path) -> None:
    wrong = passed(ROOT, secret="another secret of nodes")
    async with asking(of_node(filled)) as client:
        for _ in range(10):
            assert (await client.get("/api/v1/registries", headers=wrong)).status_code == 401
        answer = await client.get("/api/v1/registries", headers=wrong)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 1
        # Search nodes and others at this address are not limited.
        assert (await client.get("/api/v1/registries", headers=passed(ROOT))).status_code == 200
        assert (await client.get("/api/v1/registries")).status_code == 200


async def test_right_secrets_are_no_guesses(filled: Path) -> None:
    async with asking(of_node(filled)) as client:
        for _ in range(150):
            assert (await client.get("/help", headers=passed(NOBODY))).status_code == 200


@pytest.mark.parametrize("node", [None, ""], ids=["no nodes", "a search node"])
async def test_elsewhere_the_headers_mean_nothing(
    filled: Path, tmp_path: Path, node: str | None
) -> None:
    access = {"htpasswd_file": write_users(tmp_path / "users", "alice")}
    settings = of_node(filled, node=node or "", access=access)
    if node is None:
        settings = settings.model_copy(update={"node": ()})
    async with asking(settings) as client:
        assert await seen(client, passed(ROOT)) == FOR_ALL
        wrong = passed(ROOT, secret="another secret of nodes")
        assert await seen(client, {**wrong, **basic("alice")}) == sorted(FOR_ALL + OF_TEAM)


async def test_nobody_becomes_the_account_of_the_service_by_being_passed(filled: Path) -> None:
    owner = passed(Caller(OWNER, address=USER))
    assert value_of(owner)["source"] == "anonymous"
    async with asking(of_node(filled)) as client:
        assert await seen(client, owner) == FOR_ALL
        for source in (OWNER, "", "root"):
            answer = await client.get("/metrics", headers=changed(owner, source=source))
            assert answer.status_code == 400
            assert "regsearch-node" not in answer.headers


async def test_nobody_is_on_this_machine_by_being_passed(filled: Path) -> None:
    """The search node may be on the machine of the indexer node; its users are not."""
    here = Caller("anonymous", address=HERE)
    async with asking(of_node(filled), address=HERE) as client:
        assert (await client.get("/metrics")).status_code == 200
        for caller in (NOBODY, here):
            headers = passed(caller, host="localhost", scheme="http")
            assert (await client.get("/metrics", headers=headers)).status_code == 401
        wrong = passed(here, secret="another secret of nodes")
        assert (await client.get("/metrics", headers=wrong)).status_code == 401


async def test_limits_are_those_of_the_address_of_the_user(filled: Path) -> None:
    async with asking(of_node(filled, caller_requests_per_second=1)) as client:

        async def status(address: str) -> int:
            headers = passed(Caller("anonymous", address=address))
            return (await client.get("/api/v1/registries", headers=headers)).status_code

        answers = [await status(USER) for _ in range(8)]
        assert 429 in answers
        assert await status("192.0.2.51") == 200
        refused = await client.get("/api/v1/registries", headers=passed(NOBODY))
        assert USER in refused.json()["errors"][0]["message"]
        # It is an answer of this node, which passes it on.
        assert refused.headers["regsearch-node"] == "a"


async def test_what_else_a_request_says_of_the_caller_does_not_count(
    filled: Path, tmp_path: Path
) -> None:
    access = {
        "htpasswd_file": write_users(tmp_path / "users", "alice"),
        "user_header": "X-Forwarded-User",
    }
    settings = of_node(filled, access=access, trusted_proxies=(ip_network(ELSEWHERE),))
    others = {
        **basic("alice"),
        "Cookie": "regsearch-session=x",
        "X-Forwarded-User": "root",
        "X-Forwarded-For": HERE,
    }
    async with asking(settings) as client:
        assert await seen(client, {**passed(NOBODY), **others}) == FOR_ALL
        assert await seen(client, {**others, **passed(ALICE)}) == sorted(FOR_ALL + OF_TEAM)


async def test_a_page_is_that_of_the_user_who_asked(filled: Path, tmp_path: Path) -> None:
    access = {"htpasswd_file": write_users(tmp_path / "users", "alice")}
    html = {"Accept": "text/html"}
    async with asking(of_node(filled, access=access)) as client:
        for session in ("", "the id of a session"):
            caller = Caller("htpasswd", "alice", address=USER, session=session)
            page = (await client.get("/r/main/nginx", headers={**passed(caller), **html})).text
            assert "alice" in page
            assert ("Sign out" in page) == bool(session)
            assert "the id of" not in str(value_of(passed(caller)))


async def test_docker_search_knows_the_host_that_the_user_asked(filled: Path) -> None:
    host = MAIN_RULED.url.removeprefix("http://")
    async with asking(of_node(filled)) as client:
        rows = (await client.get("/v1/search?q=nginx", headers=passed(NOBODY, host=host))).json()
        assert rows["results"][0]["name"] == "nginx"


def test_a_node_gets_the_credentials_for_its_own_registries_alone() -> None:
    of_main, other = Basic("alice", "for main"), Basic("alice", "for another")
    credentials = {"main": of_main, "second": of_main, "eu": other}
    caller = Caller("registry", credentials=credentials)
    assert value_of(passed(caller))["credentials"] == [["alice", "for main", ["main", "second"]]]
    assert value_of(passed(caller, registries=("eu",)))["credentials"] == [
        ["alice", "for another", ["eu"]]
    ]


def test_only_groups_of_the_settings_are_sent() -> None:
    caller = Caller("oidc", "dora", frozenset({"payments", *(f"group-{n}" for n in range(5_000))}))
    assert value_of(passed(caller))["groups"] == ["payments"]


@pytest.mark.parametrize(
    "values",
    [
        {"credentials": [["alice", "x", ["eu"]]]},
        {"name": "root", "groups": ["payments"], "is_for_metrics": "yes"},
    ],
)
async def test_odd_values_give_no_more_than_they_say(filled: Path, values: Any) -> None:
    async with asking(of_node(filled)) as client:
        headers = changed(passed(NOBODY), **values)
        assert (await client.get("/api/v1/registries", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"groups": 7},
        {"credentials": [["alice"]]},
        {"credentials": 1},
        {"host": "search.\N{SNOWMAN}"},
        {"source": ["htpasswd"]},
    ],
)
async def test_a_caller_who_cannot_be_read_is_refused(filled: Path, values: Any) -> None:
    async with asking(of_node(filled)) as client:
        answer = await client.get("/api/v1/registries", headers=changed(passed(ROOT), **values))
        assert answer.status_code == 400
        assert "Regsearch-Caller does not say who asks" in answer.text


@pytest.mark.parametrize("text", ["", "no base64!", "bnVsbA==", "e30="])
async def test_what_is_no_caller_is_refused(filled: Path, text: str) -> None:
    async with asking(of_node(filled)) as client:
        headers = {**passed(ROOT), "Regsearch-Caller": text}
        assert (await client.get("/api/v1/registries", headers=headers)).status_code == 400


async def test_what_is_open_to_all_needs_no_secret(filled: Path) -> None:
    async with asking(of_node(filled)) as client:
        wrong = passed(ROOT, secret="another secret of nodes")
        assert (await client.get("/healthz", headers=wrong)).status_code == 200
