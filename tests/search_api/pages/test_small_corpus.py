"""Pages over a registry of 10,000 tags, as large ones look."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from bench.corpus.corpus import Corpus
from bench.corpus.fill import fill
from bench.corpus.sizes import SIZES
from search_api.pages.search import SORTS
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, bring_up_to_date, searching_client, seem_served
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.links import follow_links

PAGES = 2_000
WORDS = ("", "builds", "linux", "postgres", "latest")


@pytest.mark.thorough
def test_every_link_of_a_registry_leads_on(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """Search for words in every order, and follow links to 2,000 pages: each answers 200."""
    fill(
        Corpus(SIZES["small"]),
        tmp_path,
        registry="main",
        url=f"http://{MAIN}",
        registry_host=MAIN,
    )

    async def follow() -> dict[str, int]:
        clock = ManualClock()
        await bring_up_to_date(tmp_path, clock=clock)
        seem_served(tmp_path, clock=clock)
        async with searching_client(tmp_path, clock=clock, registries={"main": MAIN}) as client:
            client.headers.update(HTML)
            for q, kind, sort in product(WORDS, ("image", "repository"), SORTS):
                address = f"/search?q={q}&type={kind}&sort={sort}&limit=100"
                assert (await client.get(address)).status_code == 200, address
            return await follow_links(client, most=PAGES)

    sizes = asyncio.run(follow())
    assert len(sizes) == PAGES
    kinds = Counter(address.split("/")[1].partition("?")[0] or "start" for address in sizes)
    figure(f"{len(sizes)} pages followed: {dict(kinds)}")
    figure(f"the longest page: {max(sizes.values()):,} bytes before compression")
