"""A browser with credentials of a registry is shown what the registry lets them pull."""

from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from indexer.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.fakes.token_service import TokenService
from tests.search_api.access.asking import SECOND_PUBLIC, settings_with
from tests.search_api.access.browser import browsing, send_form, sign_in
from tests.search_api.access.servers import gate_with_basic, gate_with_tokens
from tests.search_api.access.test_asked_registries import (
    HIDDEN,
    PASSWORDS,
    RIGHTS,
    registry,
    stack,
)
from tests.search_api.filling import MAIN

__all__ = ["registry", "stack"]

pytestmark = pytest.mark.anyio


async def seen(browser: httpx2.AsyncClient) -> set[str]:
    """Return what is found of the registry; it is unknown to who may see nothing of it."""
    results = (await browser.get("/api/v1/search?limit=100")).json()["results"]
    return {one["repository"] for one in results if one["registry"] == "main"}


@pytest.mark.parametrize("with_tokens", [True, False])
async def test_sign_in_at_a_registry(
    filled: Path, registry: FakeRegistry, stack: ExitStack, with_tokens: bool
) -> None:
    if with_tokens:
        tokens = TokenService(PASSWORDS, RIGHTS, names_refused=True)
        gate = gate_with_tokens(stack, registry, tokens)
    else:
        gate = gate_with_basic(registry, PASSWORDS, RIGHTS)
    url = stack.enter_context(serving(gate))
    asked = RegistrySettings(name="main", url=url, registry_host=MAIN, access="registry")
    async with browsing(settings_with(filled, registries=[asked, SECOND_PUBLIC])) as browser:
        response = await sign_in(browser, "bob", "not his", **{"with": "main"})
        assert response.status_code == 401
        assert "wrong user name or password" in response.text
        before = await seen(browser)
        assert HIDDEN not in before
        response = await sign_in(browser, "bob", PASSWORDS["bob"], **{"with": "main"})
        assert response.status_code == 303
        assert await seen(browser) == RIGHTS["bob"]
        page = await browser.get("/sign-in")
        assert "with credentials of registry main" in page.text
        await send_form(browser, "/sign-out")
        assert await seen(browser) == before


async def test_a_registry_that_is_away_is_said(filled: Path) -> None:
    asked = RegistrySettings(
        name="main", url="http://127.0.0.1:1", registry_host=MAIN, access="registry"
    )
    async with browsing(settings_with(filled, registries=[asked, SECOND_PUBLIC])) as browser:
        response = await sign_in(browser, "bob", "any", **{"with": "main"})
        assert response.status_code == 503
        assert "main" in response.text
        page = await browser.get("/search")
        assert "it is not known what you may see there" in page.text
