"""Pages over a registry of 10,000 tags, as large ones look."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.corpus.corpus import Corpus
from bench.corpus.fill import fill
from bench.corpus.sizes import SIZES
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, bring_up_to_date, searching_client, seem_served
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.links import follow_links

PAGES = 2_000


@pytest.mark.thorough
def test_every_link_of_a_registry_leads_on(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """Follow links from the first page to 2,000 others: each answers 200."""
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
            return await follow_links(client, most=PAGES)

    sizes = asyncio.run(follow())
    assert len(sizes) == PAGES
    kinds = Counter(address.split("/")[1].partition("?")[0] or "start" for address in sizes)
    figure(f"{len(sizes)} pages followed: {dict(kinds)}")
    figure(f"the longest page: {max(sizes.values()):,} bytes before compression")
