"""The status and the metrics are whole for operators; others see no reasons and addresses."""

import asyncio
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest

from indexer.clock import rfc3339
from indexer.store import Journal, NotificationCount, NotificationResult, Store
from search_api.access import add_token, make_token
from search_api.access.tokens import TOKENS_FILE
from tests.fakes.clock import START, ManualClock
from tests.search_api.access.asking import (
    MAIN_RULED,
    SECOND_PUBLIC,
    asking,
    bearer,
    settings_with,
)
from tests.search_api.filling import fill, hold_back
from tests.search_api.sample_content import CONTENT, MAIN_NAMES

pytestmark = pytest.mark.anyio

ADDRESS = "10.9.8.7"
REASON = f"GET https://{ADDRESS}/v2/: 503"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory with a registry that fails, is paused, and has something held back."""
    directory = tmp_path_factory.mktemp("troubled")
    asyncio.run(fill(directory, CONTENT))
    with closing(Store(directory)) as store:
        for name in ("main", "second"):
            number = store.registries.registry_id(name)
            assert number is not None
            with store.transaction():
                store.registries.set_error(number, REASON, at=START)
                store.registries.pause(number, until=START.replace(year=2999), reason=REASON)
        hold_back(store, "main", clock=ManualClock())
    with closing(Journal(directory)) as journal:
        refused = NotificationCount("main", NotificationResult.REFUSED, 1, rfc3339(START), ADDRESS)
        journal.count_notifications([refused])
    return directory


def token(directory: Path, user: str, *, metrics: bool = False) -> dict[str, str]:
    text, made = make_token(user, (), metrics=metrics, now=START, expires_at=None)
    add_token(directory / TOKENS_FILE, made)
    return bearer(text)


async def told(client: httpx2.AsyncClient, headers: dict[str, str]) -> str:
    """Return all that tells of the state."""
    texts = []
    for path in ("/api/v1/status", "/api/v1/search", "/status"):
        response = await client.get(path, headers={"Accept": "text/html", **headers})
        assert response.status_code == 200
        texts.append(response.text)
    return "\n".join(texts)


async def test_others_see_no_reasons_and_no_addresses(troubled: Path) -> None:
    settings = settings_with(troubled, registries=[SECOND_PUBLIC])
    async with asking(settings) as client:
        text = await told(client, {})
        status = (await client.get("/api/v1/status")).json()
    assert ADDRESS not in text
    assert status["registries"]["second"]["error"] == "operators see why"
    assert status["registries"]["second"]["paused"]["reason"] == "operators see why"
    assert status["complete"] is False


async def test_operators_and_this_machine_see_all_of_it(troubled: Path) -> None:
    settings = settings_with(troubled, access={"operators": ["user:root"]})
    operator, metrics = token(troubled, "root"), token(troubled, "", metrics=True)
    user = token(troubled, "bob")
    async with asking(settings) as client:
        for headers in (operator, metrics):
            assert ADDRESS in await told(client, headers)
            assert (await client.get("/metrics", headers=headers)).text.count(ADDRESS) == 1
        assert ADDRESS not in await told(client, user)
        assert (await client.get("/metrics", headers=user)).status_code == 403
        assert (await client.get("/metrics")).status_code == 401
        # Such a token finds nothing that others do not.
        found = (await client.get("/api/v1/search", headers=metrics)).json()["results"]
        assert {one["registry"] for one in found} == {"main", "second"}
        assert len(found) < len(MAIN_NAMES)
    async with asking(settings, address="127.0.0.1") as client:
        assert ADDRESS in await told(client, {})
        assert (await client.get("/metrics")).status_code == 200


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via"]
)
async def test_a_proxy_on_this_machine_is_not_this_machine(troubled: Path, header: str) -> None:
    async with asking(settings_with(troubled), address="127.0.0.1") as client:
        assert (await client.get("/metrics", headers={header: "x"})).status_code == 401
    trusted = settings_with(troubled, trusted_proxies=(ip_network("127.0.0.0/8"),))
    async with asking(trusted, address="127.0.0.1") as client:
        assert (await client.get("/metrics")).status_code == 401
        forwarded = {"X-Forwarded-For": "127.0.0.1"}
        assert (await client.get("/metrics", headers=forwarded)).status_code == 401


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("attacker.example:8080", False),
        ("192.0.2.1", False),
        ("[::1", False),
    ],
)
async def test_a_site_whose_name_leads_here_is_not_this_machine(
    troubled: Path, host: str, is_local: bool
) -> None:
    async with asking(settings_with(troubled), address="127.0.0.1") as client:
        answer = await client.get("/metrics", headers={"Host": host})
        assert answer.status_code == (200 if is_local else 401)
        origin = {"Host": host, "Origin": "https://attacker.example"}
        assert (await client.get("/metrics", headers=origin)).status_code == 401


async def test_the_status_has_one_shape_for_all(troubled: Path) -> None:
    async with asking(settings_with(troubled), address="127.0.0.1") as client:
        whole = (await client.get("/api/v1/status")).json()
    async with asking(settings_with(troubled)) as client:
        part = (await client.get("/api/v1/status")).json()
    assert part.keys() == whole.keys()
    for name, registry in part["registries"].items():
        assert registry.keys() == whole["registries"][name].keys()
        assert registry["held_back"] == 0
        assert registry["notifications"]["refused_from"] is None
    assert whole["registries"]["main"]["held_back"] > 0


async def test_what_is_hidden_is_in_no_number_of_the_status(troubled: Path) -> None:
    hidden = MAIN_RULED.model_copy(
        update={"rule": (MAIN_RULED.rule[0].model_copy(update={"users": ("alice",)}),)}
    )
    async with asking(settings_with(troubled, registries=[hidden, SECOND_PUBLIC])) as client:
        status = (await client.get("/api/v1/status")).json()
    assert status["registries"].keys() == {"second"}
    assert status["search_index"]["documents"]["repository"] == 2
    assert status["search_index"]["size_bytes"] == 0
    assert status["set_aside"] == status["rejected"] == []


async def test_probes_are_open(troubled: Path) -> None:
    async with asking(settings_with(troubled)) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code in {200, 503}


async def test_who_sees_no_registry_is_not_told_that_none_is_known(troubled: Path) -> None:
    hidden = MAIN_RULED.model_copy(
        update={"rule": (MAIN_RULED.rule[0].model_copy(update={"users": ("alice",)}),)}
    )
    async with asking(settings_with(troubled, registries=[hidden])) as client:
        body = (await client.get("/api/v1/search")).json()
    assert body["freshness"]["registries"] == {}
    assert "no registry is known yet" not in body["freshness"]["behind"]
    assert body["access"] == {"limited": True, "problem": None}
