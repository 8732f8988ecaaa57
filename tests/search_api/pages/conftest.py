"""A browser without scripts, for the filled data directory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from tests.fakes.clock import ManualClock
from tests.search_api.filling import searching_client
from tests.search_api.pages.html import Element, read_html
from tests.search_api.pages.image_content import fill_images

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Show = Callable[..., Awaitable[Element]]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ManualClock]:
    """Give a data directory of images that have much to show, and its time."""
    directory, clock = tmp_path_factory.mktemp("images"), ManualClock()
    asyncio.run(fill_images(directory, clock=clock))
    return directory, clock


@pytest.fixture
async def image_client(images: tuple[Path, ManualClock]) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of these images."""
    directory, clock = images
    async with searching_client(directory, clock=clock) as made:
        made.headers.update(HTML)
        yield made


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
