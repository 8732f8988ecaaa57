"""Following links from page to page, as a reader could."""

from random import Random
from urllib.parse import urljoin, urlsplit

import httpx2

from tests.search_api.pages.html import Element, read_html


def links_of(page: Element) -> list[str]:
    """Return the addresses that a page leads to."""
    return [one["href"] for one in (*page.all("a"), *page.all("link"))]


async def follow_links(client: httpx2.AsyncClient, *, most: int, seed: int = 0) -> dict[str, int]:
    """Follow links from the first page in any order; return the bytes of each address.

    AssertionError for one that does not answer 200. Those of other hosts are not followed.
    """
    dice = Random(seed)
    waiting, seen, sizes = ["/"], {"/"}, dict[str, int]()
    while waiting and len(sizes) < most:
        address = waiting.pop(dice.randrange(len(waiting)))
        response = await client.get(address, follow_redirects=True)
        assert response.status_code == 200, f"{address}: {response.status_code}"
        sizes[address] = len(response.content)
        if response.headers["content-type"].startswith("text/html"):
            for link in links_of(read_html(response.text)):
                target = urljoin(address, link).partition("#")[0]
                if target not in seen and not urlsplit(target).netloc:
                    seen.add(target)
                    waiting.append(target)
    return sizes
