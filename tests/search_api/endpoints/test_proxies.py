"""The host that a client asked, behind proxies: only trusted ones are believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, SECOND, settings_for

pytestmark = pytest.mark.anyio

PROXY = "10.1.2.3"
STRANGER = "192.0.2.7"


@asynccontextmanager
async def behind(
    directory: Path, *, peer: str = PROXY, trusted: str = "10.0.0.0/8"
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client whose requests come from ``peer``, with the service's own host."""
    networks = tuple(map(ip_network, trusted.split()))
    settings = settings_for(directory).model_copy(update={"trusted_proxies": networks})
    app = make_web(settings, clock=ManualClock())
    transport = httpx2.ASGITransport(app=app, client=(peer, 4711))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://search.internal") as client,
    ):
        yield client


async def found(client: httpx2.AsyncClient, **headers: str) -> list[str]:
    """Return the names that docker prints for a name that both registries have."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.get("/v1/search", params={"q": "team/nginx -ingress"}, headers=named)
    return [f"{row['name']} {row['description']}" for row in response.json()["results"]]


THEIRS = ["team/nginx Theirs"]
ALL = [f"{MAIN}/team/nginx Ours", f"{SECOND}/team/nginx Theirs"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_Host": SECOND},
        {"X_Forwarded_Host": SECOND.upper()},
        {"X_Forwarded_Host": f" {SECOND} , inner.proxy"},
        {"X_Forwarded_Host": f"{MAIN}, {SECOND}"},
        {"Forwarded": f'for=192.0.2.1;host="{SECOND}";proto=https'},
        {"Forwarded": f'for=192.0.2.1, for="[::1]"; Host="{SECOND}"'},
        {"Forwarded": f'host={MAIN}, host="{SECOND}", host=inner.proxy'},
        {"Forwarded": f'host="{SECOND}"', "X_Forwarded_Host": MAIN},
        {"X_Forwarded_Host": SECOND, "Host": MAIN},
    ],
)
async def test_a_trusted_proxy_says_which_host_was_asked(
    filled: Path, headers: dict[str, str]
) -> None:
    async with behind(filled) as client:
        assert await found(client, **headers) == THEIRS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Forwarded_Host": ""},
        {"X_Forwarded_Host": "elsewhere.example"},
        {"Forwarded": f'for="{SECOND}";by={MAIN}'},
        {"Forwarded": f"nohost={MAIN}"},
        {"Forwarded": 'host="'},
    ],
)
async def test_a_host_that_no_registry_has_selects_none(
    filled: Path, headers: dict[str, str]
) -> None:
    async with behind(filled) as client:
        assert sorted(await found(client, **headers)) == ALL


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        (STRANGER, "10.0.0.0/8"),
        (PROXY, "10.1.2.4/32 fd00::/8"),
        ("fd01::1", "10.0.0.0/8 fc00::/16"),
        ("testclient", "0.0.0.0/0 ::/0"),
    ],
)
async def test_whoever_else_is_not_believed(filled: Path, peer: str, trusted: str) -> None:
    async with behind(filled, peer=peer, trusted=trusted) as client:
        for headers in ({"X_Forwarded_Host": SECOND}, {"Forwarded": f'host="{SECOND}"'}):
            assert sorted(await found(client, **headers)) == ALL
            assert await found(client, Host=MAIN, **headers) == ["team/nginx Ours"]


@pytest.mark.parametrize(
    ("peer", "trusted"), [("fd01::1", "fd00::/8"), (f"::ffff:{PROXY}", "10.0.0.0/8")]
)
async def test_proxies_have_addresses_of_both_kinds(filled: Path, peer: str, trusted: str) -> None:
    async with behind(filled, peer=peer, trusted=trusted) as client:
        assert await found(client, X_Forwarded_Host=SECOND) == THEIRS


async def test_by_default_nobody_is_believed(filled: Path) -> None:
    assert settings_for(filled).trusted_proxies == ()
    async with behind(filled, trusted="") as client:
        assert sorted(await found(client, X_Forwarded_Host=SECOND)) == ALL


async def test_the_catalog_and_the_extension_follow(filled: Path) -> None:
    async with behind(filled) as client:
        for path in ("/v2/_catalog", "/v2/_oci/ext/search"):
            response = await client.get(path, headers={"X-Forwarded-Host": SECOND})
            assert response.json()["repositories"] == ["only/second", "team/nginx"], path


@pytest.mark.parametrize(("peer", "sender"), [(PROXY, "192.0.2.1"), (STRANGER, STRANGER)])
async def test_the_address_of_a_client_is_what_a_trusted_proxy_says(
    tmp_path: Path, peer: str, sender: str
) -> None:
    async with behind(tmp_path, peer=peer) as client:
        with capture_logs() as lines:
            response = await client.post(
                "/webhooks/main", headers={"X-Forwarded-For": "192.0.2.1"}, content=b"{}"
            )
    assert response.status_code == 401
    assert [line["sender"] for line in lines if line["event"] == "request_refused"] == [sender]
