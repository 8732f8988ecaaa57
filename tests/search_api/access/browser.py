"""A browser without scripts: it keeps cookies, and says from where it sends a form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from indexer.clock import Clock
from indexer.settings import Settings
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.access.asking import ELSEWHERE, PASSWORD

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
SITE = "https://search.example"


@asynccontextmanager
async def browsing(
    settings: Settings, *, site: str = SITE, clock: Clock | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of a service at an address."""
    app = make_web(settings, clock=clock or ManualClock())
    transport = httpx2.ASGITransport(app=app, client=(ELSEWHERE, 4711))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=site, headers=HTML) as browser,
    ):
        yield browser


async def send_form(
    browser: httpx2.AsyncClient,
    path: str,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    """Send a form as a page of the service does."""
    return await browser.post(path, data=fields or {}, headers=headers or FROM_HERE)


async def sign_in(
    browser: httpx2.AsyncClient,
    username: str = "alice",
    password: str = PASSWORD,
    path: str = "/sign-in",
    **fields: str,
) -> httpx2.Response:
    """Sign in by the form."""
    filled = {"username": username, "password": password, **fields}
    return await send_form(browser, path, filled)
