"""What holds for every page: headers, no script needed, one base path, links that lead on."""

import re
from pathlib import Path

import httpx2
import pytest

from search_api.pages.site import STATIC
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import make_client, settings_for
from tests.search_api.pages.conftest import HTML, Show
from tests.search_api.pages.html import read_html
from tests.search_api.pages.links import follow_links, links_of
from tests.search_api.sample_content import NGINX

pytestmark = pytest.mark.anyio

PAGES = [
    "/",
    "/search",
    "/search?q=nginx",
    "/search?q=web&type=image",
    "/search?q=nothing-at-all-has-this",
    "/search?q=evil",
    "/help",
    "/status",
    "/changes",
    "/changes?registry=main&repository=team/web",
    "/r/main/team/web",
    "/r/main/nginx?tags=1*&sort=version",
    "/r/main/nginx?tags=nothing",
    "/r/main/evil",
    "/r/second/only/second",
    "/r/main/team/web:1.4",
    "/r/main/team/web:1.4?platform=linux/arm64",
    "/r/main/evil:latest",
    f"/i/{NGINX.digest}",
    f"/l/{NGINX.blobs[1].digest}",
    "/compare",
    "/compare?a=team/web:1.4",
    f"/compare?a=team/web:1.4&b={NGINX.digest}",
    "/compare?a=evil&b=bistro",
]
MISTAKES = {
    "/search?q=a%20OR": 400,
    "/search?type=cake": 400,
    "/search?limit=0": 400,
    "/search?sort=colour": 400,
    "/search?registry=third": 404,
    "/r/main/team/web?sort=colour": 400,
    "/r/main/other/nginx": 404,
    "/r/third/web": 404,
    "/nowhere": 404,
    "/r/main/team/web:no-such-tag": 404,
    "/r/main/team/web:1.4?platform=no/such": 404,
    f"/i/sha256:{'0' * 64}": 404,
    "/i/cake": 400,
    f"/l/sha256:{'0' * 64}": 404,
    "/compare?a=bistro&b=no-such": 404,
    "/compare?a=bistro&b=%20!": 400,
    "/compare?a=team/web:1.4&b=team/web:latest&platform=no/such": 404,
}
DOCKER = {"User-Agent": "Docker-Client/28.0 (linux)"}
TEMPLATES = Path(__file__).parents[3] / "search_api" / "pages" / "templates"


@pytest.mark.parametrize("address", [*PAGES, *MISTAKES])
async def test_every_page_is_whole_without_scripts(
    client: httpx2.AsyncClient, address: str
) -> None:
    response = await client.get(address)
    assert response.status_code == MISTAKES.get(address, 200)
    page = read_html(response.text)
    assert len(page.all("h1")) == 1
    assert page.one("h1").text
    for landmark in ("header", "main", "footer"):
        assert page.one(landmark)
    # What only a script makes work is not shown without one.
    assert all("hidden" in one.attributes for one in page.all("button", type="button"))


@pytest.mark.parametrize("address", [*PAGES, *MISTAKES])
async def test_no_inline_style_or_script(client: httpx2.AsyncClient, address: str) -> None:
    page = read_html((await client.get(address)).text)
    for element in page.all():
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.name != "style"
    for script in page.all("script"):
        assert script["src"]
        assert not script.children


def test_no_template_has_inline_style_or_script() -> None:
    for path in TEMPLATES.iterdir():
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|\| *safe", path.read_text())


@pytest.mark.parametrize("address", [*PAGES, *MISTAKES])
async def test_csp_and_headers_on_every_page(client: httpx2.AsyncClient, address: str) -> None:
    headers = (await client.get(address)).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "X-Fragment" in headers["vary"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/v2/nowhere", "/api/v1/nowhere"])
async def test_unknown_path_is_404_json_for_docker(
    client: httpx2.AsyncClient, path: str, accept: str | None
) -> None:
    del client.headers["accept"]
    headers = DOCKER | ({"Accept": accept} if accept else {})
    response = await client.get(path, headers=headers)
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"]


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v2/nowhere", "/api/v1/nowhere", "/webhooks/x/y"])
async def test_addresses_of_programs_are_never_pages(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["errors"]


async def test_the_root_tells_programs_what_this_is(client: httpx2.AsyncClient) -> None:
    told = (await client.get("/", headers={"Accept": "*/*"})).json()
    assert told["service"] == "regsearch"
    for name in ("search", "documentation"):
        assert (await client.get(told[name])).status_code == 200


def test_the_script_is_small() -> None:
    """What every page loads is at most 12 KiB; only some load what is for live pages."""
    assert len((STATIC / "page.js").read_bytes()) <= 12 * 1024
    assert len((STATIC / "live.js").read_bytes()) <= 4 * 1024


async def test_files_are_kept_for_ever_by_their_hash(client: httpx2.AsyncClient) -> None:
    page = read_html((await client.get("/")).text)
    files = [one["src"] for one in page.all("script")]
    files += [one["href"] for one in page.all("link", rel="stylesheet")]
    files += [one["href"].partition("#")[0] for one in page.all("use")]
    assert len(set(files)) >= 4
    for address in files:
        response = await client.get(address)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        other = await client.get(re.sub(r"/static/\w+/", "/static/old/", address))
        assert other.headers["cache-control"] == "no-cache"
    assert (await client.get("/static/x/../page.css")).status_code == 404
    assert (await client.get("/favicon.svg")).status_code == 200
    assert "Disallow: /" in (await client.get("/robots.txt")).text


@pytest.mark.parametrize("address", PAGES)
async def test_times_have_datetime(show: Show, address: str) -> None:
    for time in (await show(address)).all("time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time["datetime"])
        assert time["title"].endswith(" UTC")


@pytest.mark.parametrize("address", PAGES)
async def test_json_twin_is_linked(client: httpx2.AsyncClient, show: Show, address: str) -> None:
    page = await show(address)
    twin = page.one("link", rel="alternate", type="application/json")["href"]
    assert twin in [one["href"] for one in page.one("footer").all("a")]
    response = await client.get(twin)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")


async def test_every_link_leads_on(client: httpx2.AsyncClient) -> None:
    """Follow all links from the first page, to a limit: each answers 200 and is of this host."""
    assert len(await follow_links(client, most=300)) > 50


async def test_base_path_on_every_link(filled: Path) -> None:
    settings = settings_for(filled).model_copy(
        update={"public_url": "https://search.example/tools/regsearch"}
    )
    base = "/tools/regsearch"
    async with make_client(make_web(settings, clock=ManualClock())) as client:
        for prefix in ("", base):
            for address in (*PAGES, "/nowhere"):
                response = await client.get(prefix + address, headers=HTML)
                page = read_html(response.text)
                links = [*links_of(page), *(one["action"] for one in page.all("form"))]
                links += [one["src"] for one in page.all("script")]
                links += [one["href"] for one in page.all("use")]
                assert all(link.startswith((base, "#")) for link in links), links
                for link in dict.fromkeys(links[:20]):
                    if link.startswith("/"):
                        found = await client.get(link, headers=HTML, follow_redirects=True)
                        assert found.status_code == 200, link
            results = await client.get(f"{prefix}/api/v1/search?q=nginx&limit=1")
            assert results.json()["results"][0]["links"]["self"].startswith(f"{base}/api/v1/")
            assert results.headers["link"].startswith(f"<{base}/api/v1/search?")
        for path in ("/v1/search?q=nginx", "/v2/", "/healthz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        for prefix in ("", base):
            assert (await client.get(f"{prefix}/webhooks/main")).status_code == 405
        assert (await client.get("/go?ref=team/web:1.4")).headers["location"].startswith(base)


async def test_the_page_can_be_turned_off(filled: Path) -> None:
    settings = settings_for(filled).model_copy(update={"page": False})
    async with make_client(make_web(settings, clock=ManualClock())) as client:
        for address in (*PAGES, "/favicon.svg", "/robots.txt"):
            response = await client.get(address, headers=HTML)
            assert response.status_code == 404
            assert response.json()["errors"]
