"""Who proves to be of this service is told as what a search arrived, and nobody else is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from search_api.endpoints import PROOF_HEADER, CheckProof
from search_api.web import make_web
from tests.search_api.filling import settings_for
from webhooks.auth import webhook_secrets

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROOF = CheckProof(["one secret", "another"])


@pytest.mark.parametrize("later", [-200, 0, 200])
def test_a_proof_is_valid_for_some_minutes(later: int) -> None:
    assert PROOF.is_valid(PROOF.make(NOW), NOW + timedelta(seconds=later))


@pytest.mark.parametrize("later", [-400, 400])
def test_an_old_proof_is_not_valid(later: int) -> None:
    assert not PROOF.is_valid(PROOF.make(NOW), NOW + timedelta(seconds=later))


def test_the_order_of_the_secrets_means_nothing() -> None:
    other = CheckProof(["another", "one secret", "another"])
    assert PROOF.is_valid(other.make(NOW), NOW)


@pytest.mark.parametrize("secrets", [[], ["one secret"], ["one secret\0another"]])
def test_other_secrets_prove_nothing(secrets: list[str]) -> None:
    assert not PROOF.is_valid(CheckProof(secrets).make(NOW), NOW)


@pytest.mark.parametrize("text", ["", "x", "1", "1 x", "-1 x", "٣ x", "9" * 50 + " x", "1e5 €"])
def test_what_is_no_proof_is_refused(text: str) -> None:
    assert not PROOF.is_valid(text, NOW)
    assert not CheckProof([]).is_valid(text, NOW)


def test_without_a_secret_nothing_is_proved() -> None:
    assert CheckProof([]).make(NOW) == ""
    assert not CheckProof([]).is_valid(CheckProof([]).make(NOW), NOW)


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_web(settings_for(filled))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub.test") as made:
            yield made


@pytest.mark.anyio
async def test_as_what_a_search_arrived_is_told_to_who_proves_it(
    client: httpx2.AsyncClient, filled: Path
) -> None:
    secrets = webhook_secrets(settings_for(filled)).values()
    proof = CheckProof(one for each in secrets for one in each).make(datetime.now(UTC))
    headers = {PROOF_HEADER: proof, "X-Forwarded-For": "203.0.113.9"}
    told = (await client.get("/v1/search", headers=headers)).json()["check"]
    assert told["host"] == "hub.test"
    assert (told["scheme"], told["client"], told["client_port"]) == ("http", "192.0.2.7", 4711)
    assert told["forwarded"] == {"x-forwarded-for": "203.0.113.9"}
    for other in ("", PROOF.make(datetime.now(UTC))):
        answer = await client.get("/v1/search", headers={PROOF_HEADER: other})
        assert "check" not in answer.json()
