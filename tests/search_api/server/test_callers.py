"""A caller has a rate, whoever it says it is; who watches the service has none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest

from indexer.model.caller import ADDRESS_MAX
from indexer.settings import Settings
from search_api.server.callers import BURST_SECONDS, caller_of
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import settings_for

pytestmark = pytest.mark.anyio

PER_SECOND = 2
BURST = PER_SECOND * BURST_SECONDS
PROXY = "10.1.2.3"
AUTHORIZED = {"Authorization": "Bearer secret-of-the-tests"}


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("no address", "no address"),
        ("x" * 1_000, "x" * ADDRESS_MAX),
    ],
)
def test_a_caller_is_an_address_or_a_network(address: str, caller: str) -> None:
    assert caller_of({"client": (address, 1)}) == caller


def test_a_request_over_a_unix_socket_has_no_address() -> None:
    assert caller_of({"client": None}) == caller_of({}) == ""


@asynccontextmanager
async def asking(
    directory: Path, *, address: str = "192.0.2.1", **changed: object
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client at an address, of a service with a low limit."""
    settings = settings_for(directory).model_copy(
        update={"caller_requests_per_second": PER_SECOND, **changed}
    )
    app = make_web(settings, clock=ManualClock())
    transport = httpx2.ASGITransport(app=app, client=(address, 4711))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def statuses(client: httpx2.AsyncClient, path: str, **headers: str) -> set[int]:
    """Return the statuses of two bursts, far more than a second has."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {(await client.get(path, headers=named)).status_code for _ in range(4 * BURST)}


async def test_a_burst_is_answered_and_more_is_refused(filled: Path) -> None:
    async with asking(filled) as client:
        found = [await client.get("/api/v1/suggest?q=a") for _ in range(4 * BURST)]
    assert {one.status_code for one in found[:BURST]} == {200}
    refused = found[-1]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["content-type"] == "application/json"
    body = refused.json()
    assert body["request_id"] == refused.headers["x-request-id"]
    assert body["errors"] == [
        {
            "code": "TOOMANYREQUESTS",
            "message": "too many requests from 192.0.2.1: at most 2 a second"
            " (setting caller_requests_per_second)",
            "detail": {},
        }
    ]


@pytest.mark.parametrize("path", ["/v1/search?q=a", "/v2/_catalog", "/api/v1/status", "/nowhere"])
async def test_everything_that_is_asked_counts(filled: Path, path: str) -> None:
    async with asking(filled) as client:
        assert 429 in await statuses(client, path)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_are_never_refused(filled: Path, path: str) -> None:
    async with asking(filled, address="127.0.0.1") as client:
        assert 429 in await statuses(client, "/api/v1/suggest?q=a")
        assert await statuses(client, path) == {200}


async def test_notifications_are_never_refused(tmp_path: Path) -> None:
    async with asking(tmp_path) as client:
        for _ in range(4 * BURST):
            response = await client.post(
                "/webhooks/main",
                content=b"{}",
                headers={"Authorization": "Bearer secret-of-the-tests"},
            )
            assert response.status_code == 202


async def test_nobody_is_believed_who_forwards_an_address(filled: Path) -> None:
    async with asking(filled) as client:
        assert 429 in await statuses(client, "/api/v1/suggest?q=a")
        found = await statuses(client, "/api/v1/suggest?q=a", X_Forwarded_For="192.0.2.9")
        assert 429 in found


async def test_the_clients_of_a_trusted_proxy_are_callers_of_their_own(filled: Path) -> None:
    networks = (ip_network("10.0.0.0/8"),)
    async with asking(filled, address=PROXY, trusted_proxies=networks) as client:
        assert 429 in await statuses(client, "/v2/", X_Forwarded_For="192.0.2.1")
        for made_up in ("192.0.2.2", "192.0.2.1, 192.0.2.3"):
            response = await client.get("/v2/", headers={"X-Forwarded-For": made_up})
            assert response.status_code == 200
        # What a client forwards itself stands before the address that the proxy adds.
        response = await client.get("/v2/", headers={"X-Forwarded-For": "192.0.2.4, 192.0.2.1"})
        assert response.status_code == 429


async def test_without_a_limit_nothing_is_refused(filled: Path) -> None:
    assert Settings().caller_requests_per_second == 20
    async with asking(filled, caller_requests_per_second=0) as client:
        assert await statuses(client, "/v2/") == {200}


async def test_what_was_refused_is_in_the_metrics(filled: Path) -> None:
    async with asking(filled, address="127.0.0.1") as client:
        await statuses(client, "/v2/")
        text = (await client.get("/metrics")).text
    (line,) = [one for one in text.splitlines() if 'refused_total{reason="rate"}' in one]
    assert float(line.split()[1]) > BURST
