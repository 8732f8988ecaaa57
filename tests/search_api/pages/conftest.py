"""A browser without scripts, for the filled data directory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from tests.search_api.filling import searching_client
from tests.search_api.pages.html import Element, read_html

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Show = Callable[..., Awaitable[Element]]


@pytest.fixture
async def client(filled: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(filled) as made:
        made.headers.update(HTML)
        yield made


@pytest.fixture
def show(client: httpx2.AsyncClient) -> Show:
    """Give a function that returns the elements of a page, which must have a status."""

    async def get(address: str, *, status: int = 200) -> Element:
        response = await client.get(address)
        assert response.status_code == status, response.text[:500]
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        return read_html(response.text)

    return get
