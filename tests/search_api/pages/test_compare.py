"""The page of two images side by side."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN
from tests.search_api.pages import image_content as content
from tests.search_api.pages.conftest import Show
from tests.search_api.pages.html import Element
from tests.search_api.pages.links import links_of
from tests.search_api.pages.statements import count_statements

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 50
OLD = f"{MAIN}/team/web@{content.OLD_WEB.digest}"
ADDRESS = f"/compare?a={OLD}&b={MAIN}/team/web:1.1"


@pytest.fixture
def client(image_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return image_client


def differences(page: Element) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the keys of each part with both values."""
    found = {}
    for part in page.all("section"):
        for table in part.all("table", class_="differences"):
            rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
            name = part.one("h2").text.partition(" ")[0]
            found[name] = {key: (one, other) for key, one, other in rows}
    return found


async def test_without_two_images_it_asks_for_them(show: Show) -> None:
    for address, given in (("/compare", ""), ("/compare?a=team/web", "team/web")):
        page = await show(address)
        form = page.one("form", class_="two")
        assert [one["value"] for one in form.all("input")] == [given, ""]
        assert not page.all("table")


async def test_it_tells_which_layers_both_have(show: Show) -> None:
    page = await show(ADDRESS)
    layers = page.one("section", aria_labelledby="layers-heading")
    assert layers.one("h2").text.startswith("2 layers in common")
    assert "the first 2 in the same order" in layers.one("h2").text
    rows = [[cell.text for cell in row.all("td")] for row in layers.all("tr")[1:]]
    for row in rows[:2]:
        assert len(row) == 2, "what both have is one cell"
        assert "in both" in row[1]
    assert all("in this one only" in cell for cell in rows[2][1:])
    assert "COPY old /app" in rows[2][1]
    assert "COPY . /app" in rows[2][2]
    hatched = [one for one in layers.all("rect") if "shared" in one.attributes.get("class", "")]
    assert len([one for one in hatched if "fill" in one.attributes]) == 4


async def test_it_tells_in_what_else_they_differ(show: Show) -> None:
    told = differences(await show(ADDRESS))
    assert told["Settings"]["user"] == ("not set", "1000:1000")
    assert told["Settings"]["entrypoint"] == ("not set", "/app/run --serve")
    assert told["Environment"]["DB_PASSWORD"] == ("not set", "***")
    assert told["Labels"]["team"] == ("not set", "payments")
    size = sum(len(blob.body) for blob in content.WEB.blobs)
    assert told["Facts"]["size"][1].endswith(f"{size // 1000} {size % 1000:03} bytes")


async def test_no_secret_is_told(client: httpx2.AsyncClient) -> None:
    assert content.SECRET not in (await client.get(ADDRESS)).text


async def test_the_sides_are_called_as_they_were_asked_for(show: Show) -> None:
    page = await show(f"/compare?a=team/web:latest&b={MAIN}/team/web:1.1")
    names = [one.text for one in page.one(class_="sides").all("h2")]
    assert names == ["team/web:latest", "team/web:1.1"]
    swapped = await show(page.one("a", class_="swap")["href"])
    assert [one.text for one in swapped.one(class_="sides").all("h2")] == [
        "team/web:1.1",
        "team/web:latest",
    ]


async def test_platforms_that_both_have_are_links(show: Show) -> None:
    page = await show("/compare?a=team/gateway:2&b=team/everywhere:1")
    links = page.one("ul", class_="switch").all("a")
    assert [one.text for one in links] == ["linux/amd64", "linux/arm64"]
    other = await show(links[1]["href"])
    assert other.one("a", aria_current="true").text == "linux/arm64"
    twin = other.one("link", rel="alternate")["href"]
    assert "platform=linux/arm64" in twin


async def test_a_mistake_keeps_the_form(show: Show) -> None:
    page = await show("/compare?a=team/web&b=team/nothing:1", status=404)
    assert page.one(id="mistake").text.startswith("The other: no repository")
    form = page.one("form", class_="two")
    [wrong] = form.all("input", aria_invalid="true")
    assert (wrong["id"], wrong["aria-describedby"]) == ("b", "mistake")
    assert [one["value"] for one in form.all("input")] == ["team/web", "team/nothing:1"]
    await show("/compare?a=team/web&b=a:b:c d", status=400)


async def test_programs_get_json_for_a_mistake(client: httpx2.AsyncClient) -> None:
    response = await client.get("/compare?a=no&b=no", headers={"Accept": "*/*"})
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == "NOT_FOUND"


async def test_every_link_leads_on(client: httpx2.AsyncClient, show: Show) -> None:
    for link in links_of(await show("/compare?a=team/web:latest&b=base/runtime:3")):
        if not link.startswith("#"):
            response = await client.get(link, follow_redirects=True)
            assert response.status_code == 200, link


async def test_a_comparison_takes_a_fixed_number_of_queries(
    images: tuple[Path, ManualClock], figure: Callable[[str], None]
) -> None:
    statements, response = await count_statements(images[0], ADDRESS)
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
    figure(f"/compare: {statements} statements to the store, {len(response.content)} bytes")
