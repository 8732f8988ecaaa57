"""Signing in at an issuer, and its tokens: only what it signed, for this service and for now."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.access.oidc.issuer import ASKED_EVERY, KEPT, KEYS_MAX_AGE
from search_api.access.oidc.sign_ins import FLOW_SECONDS
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.fakes.issuer import (
    CLIENT_ID,
    CLIENT_SECRET,
    FakeIssuer,
    signed_by_another,
    signed_with_secret,
    unsigned,
)
from tests.fakes.serving import serving
from tests.search_api.access.asking import (
    FOR_ALL,
    OF_TEAM,
    SECOND_PUBLIC,
    asking,
    basic,
    bearer,
    seen,
    settings_with,
)
from tests.search_api.access.browser import browsing, send_form

pytestmark = pytest.mark.anyio

Changed = dict[str, Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[FakeIssuer]:
    """Run an issuer."""
    fake = FakeIssuer(clock)
    with serving(fake.app()) as fake.url:
        yield fake


@pytest.fixture
def settings(filled: Path, tmp_path: Path, issuer: FakeIssuer) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    oidc = {"issuer": issuer.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return settings_with(filled, access={"session_secret_file": secret, "oidc": oidc})


@dataclass(slots=True)
class Way:
    """The way of a browser to the issuer and back, step by step."""

    browser: httpx2.AsyncClient

    async def depart(self, next_address: str = "/search?q=web") -> str:
        """Return the address at the issuer to which the link leads."""
        response = await self.browser.get("/sign-in/oidc", params={"next": next_address})
        assert response.status_code == 302, response.text
        return response.headers["location"]

    async def visit(self, address: str) -> str:
        """Go to the issuer, and return the address to which it leads back."""
        async with httpx2.AsyncClient(timeout=30) as other:
            response = await other.get(address)
        assert response.status_code == 303, response.text
        back = urlsplit(response.headers["location"])
        assert back.path.endswith("/sign-in/callback")
        return f"{back.path}?{back.query}"

    async def go(self) -> httpx2.Response:
        """Go the whole way; return the answer to who is back."""
        return await self.browser.get(await self.visit(await self.depart()))


async def test_a_user_signs_in_at_the_issuer(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    async with browsing(settings, clock=clock) as browser:
        page = await browser.get("/sign-in?next=/search%3Fq%3Dweb")
        assert 'href="/sign-in/oidc?next=/search%3Fq%3Dweb"' in page.text
        response = await Way(browser).go()
        assert (response.status_code, response.headers["location"]) == (303, "/search?q=web")
        assert await seen(browser) == FOR_ALL + OF_TEAM
        assert "by the issuer of this service" in (await browser.get("/sign-in")).text
        await send_form(browser, "/sign-out")
        assert await seen(browser) == FOR_ALL


async def test_what_is_sent_to_the_issuer(settings: Settings, clock: ManualClock) -> None:
    below = settings.model_copy(update={"public_url": "https://example.org/tools"})
    async with browsing(below, clock=clock) as browser:
        first, second = [await Way(browser).depart() for _ in range(2)]
    sent, other = [
        {k: v[0] for k, v in parse_qs(urlsplit(one).query).items()} for one in (first, second)
    ]
    assert sent["redirect_uri"] == "https://example.org/tools/sign-in/callback"
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    assert sent["scope"] == "openid profile email groups"
    secrets = [sent[name] for name in ("state", "nonce", "code_challenge")]
    assert len(set(secrets)) == 3
    assert all(len(one) == 43 for one in secrets)
    assert not set(secrets) & set(other.values())


async def test_claims_that_only_the_userinfo_has(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    issuer.tells_in_token = False
    async with browsing(settings, clock=clock) as browser:
        await Way(browser).go()
        assert await seen(browser) == FOR_ALL + OF_TEAM
        assert issuer.requests.count("userinfo") == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-service"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "azp"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"iat": 9_999_999_999}, "does not count here"),
        ({"nbf": 9_999_999_999}, "does not count here"),
        ({"sub": None}, "sub"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": ["alice"]}, "preferred_username"),
        ({"preferred_username": " "}, "preferred_username"),
        ({"at_hash": "wrong"}, "at_hash"),
    ],
)
async def test_a_token_with_other_claims_signs_nobody_in(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock, changed: Changed, reason: str
) -> None:
    def change(claims: Changed) -> Changed:
        return {k: v for k, v in {**claims, **changed}.items() if v is not None}

    issuer.change = change
    if "preferred_username" in changed:
        issuer.user = change(issuer.user)
    async with browsing(settings, clock=clock) as browser:
        response = await Way(browser).go()
        assert response.status_code == 401
        assert reason in response.text
        assert await seen(browser) == FOR_ALL


@pytest.mark.parametrize("how", ["unsigned", "secret", "public key", "another", "garbage"])
async def test_a_token_that_the_issuer_did_not_sign_signs_nobody_in(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock, how: str
) -> None:
    forgeries = {
        "unsigned": unsigned,
        "secret": signed_with_secret(CLIENT_SECRET.encode() * 4),
        "public key": signed_with_secret(issuer.key.as_pem(private=False)[30:230]),
        "another": signed_by_another(issuer.key.kid),
        "garbage": lambda _: "a.b.c",
    }
    issuer.sign = forgeries[how]
    async with browsing(settings, clock=clock) as browser:
        assert (await Way(browser).go()).status_code == 401
        assert await seen(browser) == FOR_ALL
    async with asking(settings, clock=clock) as client:
        response = await client.get("/api/v1/search", headers=bearer(issuer.token()))
        assert response.status_code == 401


async def test_the_state_of_another_browser_signs_nobody_in(
    settings: Settings, clock: ManualClock
) -> None:
    """Else somebody could make others sign in as themselves."""
    async with browsing(settings, clock=clock) as mine:
        back = await Way(mine).visit(await Way(mine).depart())
        async with browsing(settings, clock=clock) as other:
            response = await other.get(back)
            assert response.status_code == 401
            assert "not begun in this browser" in response.text
            await Way(other).depart()
            response = await other.get(back)
            assert response.status_code == 401
            assert "its state is another one" in response.text
            assert await seen(other) == FOR_ALL


async def test_the_way_back_can_be_gone_once(settings: Settings, clock: ManualClock) -> None:
    async with browsing(settings, clock=clock) as browser:
        back = await Way(browser).visit(await Way(browser).depart())
        assert (await browser.get(back)).status_code == 303
        assert (await browser.get(back)).status_code == 401


async def test_a_sign_in_takes_ten_minutes_at_most(settings: Settings, clock: ManualClock) -> None:
    async with browsing(settings, clock=clock) as browser:
        back = await Way(browser).visit(await Way(browser).depart())
        clock.advance(FLOW_SECONDS + 1)
        response = await browser.get(back)
        assert response.status_code == 401
        assert "more than ten minutes ago" in response.text


async def test_another_issuer_cannot_send_users_here(
    settings: Settings, clock: ManualClock
) -> None:
    async with browsing(settings, clock=clock) as browser:
        back = await Way(browser).visit(await Way(browser).depart())
        response = await browser.get(back.partition("&iss=")[0] + "&iss=https://evil.example")
        assert response.status_code == 401
        assert "another issuer" in response.text


async def test_who_is_denied_reads_it(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    issuer.denies = True
    async with browsing(settings, clock=clock) as browser:
        response = await Way(browser).go()
        assert response.status_code == 401
        assert "did not let you in: access_denied" in response.text


async def test_an_issuer_that_is_away_is_said(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    issuer.is_away = True
    async with browsing(settings, clock=clock) as browser:
        response = await browser.get("/sign-in/oidc")
        assert response.status_code == 503
        assert "gives no answer that can be used" in response.text
        before = len(issuer.requests)
        await browser.get("/sign-in/oidc")
        assert len(issuer.requests) == before
        issuer.is_away = False
        clock.advance(ASKED_EVERY.total_seconds())
        back = await Way(browser).visit(await Way(browser).depart())
        issuer.is_away = True
        response = await browser.get(back)
        assert response.status_code == 503


@pytest.mark.parametrize("next_address", ["https://evil.example/", "//evil.example", "/\\evil"])
async def test_the_way_back_leads_to_no_other_host(
    settings: Settings, clock: ManualClock, next_address: str
) -> None:
    async with browsing(settings, clock=clock) as browser:
        way = Way(browser)
        response = await browser.get(await way.visit(await way.depart(next_address)))
        assert response.headers["location"] == "/"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_an_issuer_that_leads_elsewhere_is_refused(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock, metadata: Changed
) -> None:
    issuer.metadata = metadata
    async with browsing(settings, clock=clock) as browser:
        assert (await browser.get("/sign-in/oidc")).status_code == 503


async def test_an_endless_answer_is_not_read(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    issuer.metadata = {"large": "x" * 2_000_000}
    async with browsing(settings, clock=clock) as browser:
        response = await browser.get("/sign-in/oidc")
        assert response.status_code == 503
        assert "TooLargeError" in response.text


async def test_programs_send_tokens_of_the_issuer(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    async with asking(settings, clock=clock) as client:
        assert await seen(client, bearer(issuer.token())) == FOR_ALL + OF_TEAM
        assert (
            await seen(client, bearer(issuer.token(preferred_username="bob"))) == FOR_ALL + OF_TEAM
        )
        of_nobody = bearer(issuer.token(preferred_username="bob", groups=["staff"]))
        assert await seen(client, of_nobody) == FOR_ALL
        for changed in ({"aud": "another"}, {"exp": 1}, {"iss": "https://evil.example"}):
            response = await client.get("/api/v1/search", headers=bearer(issuer.token(**changed)))
            assert response.status_code == 401
        # What it says of itself and its keys, once.
        assert issuer.requests == ["metadata", "keys"]


async def test_a_token_ends_at_its_time(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    async with asking(settings, clock=clock) as client:
        token = issuer.token()
        assert await seen(client, bearer(token)) == FOR_ALL + OF_TEAM
        clock.advance(300 + 61)
        assert (await client.get("/api/v1/search", headers=bearer(token))).status_code == 401


@pytest.mark.parametrize("kind", ["RSA", "EC"])
async def test_new_keys_are_read_when_they_are_used(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock, kind: str
) -> None:
    async with asking(settings, clock=clock) as client:
        old = issuer.token(exp=9_999_999_999)
        assert await seen(client, bearer(old)) == FOR_ALL + OF_TEAM
        clock.advance(ASKED_EVERY.total_seconds())
        issuer.rotate(kind=kind)
        assert await seen(client, bearer(issuer.token())) == FOR_ALL + OF_TEAM
        # The old key is not the issuer's any more.
        assert (await client.get("/api/v1/search", headers=bearer(old))).status_code == 401


async def test_unknown_keys_cause_few_requests(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    async with asking(settings, clock=clock) as client:
        await seen(client, bearer(issuer.token()))
        issuer.rotate()
        for _ in range(20):
            headers = bearer(issuer.token())
            assert (await client.get("/api/v1/search", headers=headers)).status_code == 401
        assert issuer.requests == ["metadata", "keys"]


async def test_known_keys_go_on_for_a_day_while_the_issuer_is_away(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    async with asking(settings, clock=clock) as client:
        await seen(client, bearer(issuer.token()))
        issuer.is_away = True
        clock.advance(KEPT.total_seconds() + 1)
        assert await seen(client, bearer(issuer.token())) == FOR_ALL + OF_TEAM
        clock.advance(KEYS_MAX_AGE.total_seconds())
        response = await client.get("/api/v1/search", headers=bearer(issuer.token()))
        assert response.status_code == 503


async def test_another_client_id_ends_the_sessions(settings: Settings, clock: ManualClock) -> None:
    assert settings.access.oidc is not None
    async with browsing(settings, clock=clock) as browser:
        await Way(browser).go()
        kept = dict(browser.cookies)
    oidc = settings.access.oidc.model_copy(update={"client_id": "another"})
    access = settings.access.model_copy(update={"oidc": oidc})
    changed = settings.model_copy(update={"access": access})
    async with browsing(changed, clock=clock) as browser:
        browser.cookies.update(kept)
        assert await seen(browser) == FOR_ALL


async def test_where_all_is_public_an_operator_signs_in_and_docker_is_let_alone(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    access = settings.access.model_copy(update={"operators": ("user:alice",)})
    public = settings.model_copy(update={"access": access, "registry": (SECOND_PUBLIC,)})
    async with asking(public, clock=clock) as client:
        assert await seen(client, basic("docker"), "second")
        response = await client.get("/metrics", headers=bearer("no-token"))
        assert response.status_code == 401
        assert await seen(client, bearer(issuer.token()), "second")


async def test_claims_of_other_names(
    settings: Settings, issuer: FakeIssuer, clock: ManualClock
) -> None:
    assert settings.access.oidc is not None
    oidc = settings.access.oidc.model_copy(update={"name_claim": "email", "groups_claim": "roles"})
    access = settings.access.model_copy(update={"oidc": oidc})
    changed = settings.model_copy(update={"access": access})
    async with asking(changed, clock=clock) as client:
        token = issuer.token(email="eve@example.org", roles="payments")
        assert await seen(client, bearer(token)) == FOR_ALL + OF_TEAM
        token = issuer.token(email="eve@example.org", email_verified=False)
        response = await client.get("/api/v1/search", headers=bearer(token))
        assert response.status_code == 401
        assert "did not verify" in response.text


async def test_a_secret_that_is_missing_is_said_at_the_start(settings: Settings) -> None:
    assert settings.access.oidc is not None
    oidc = settings.access.oidc.model_copy(update={"client_secret_file": Path("/nowhere")})
    access = settings.access.model_copy(update={"oidc": oidc})
    with pytest.raises(SettingsError, match="client_secret_file"):
        make_web(settings.model_copy(update={"access": access}))
