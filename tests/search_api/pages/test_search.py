"""The page of results, its filters, and where a pasted reference leads."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from search_api.pages.guide import EXAMPLES
from search_api.pages.pull import pull_commands
from tests.builders import digest_of
from tests.lineage_builders import diff_ids, layer_digests
from tests.search_api.pages.conftest import Show
from tests.search_api.pages.html import Element
from tests.search_api.pages.statements import count_statements
from tests.search_api.sample_content import NGINX, WEB

pytestmark = pytest.mark.anyio

LAYER, DIFF_ID = layer_digests(NGINX)[0], diff_ids(NGINX)[0]
UNKNOWN = digest_of(b"unknown")


def total(page: Element) -> int:
    digits = "".join(one for one in page.one("h1").text if one.isdigit())
    return int(digits)


@pytest.mark.parametrize(
    "address", ["/search?q=nginx", "/search?q=team&type=image&sort=name&limit=2&registry=main"]
)
async def test_page_address_is_api_address(
    client: httpx2.AsyncClient, show: Show, address: str
) -> None:
    page, told = await show(address), (await client.get(f"/api/v1{address}")).json()
    assert total(page) == told["total"]
    shown = [one["data-reference"] for one in page.all("article")]
    assert shown == [one["reference"] for one in told["results"]]


@pytest.mark.parametrize(
    "address",
    [
        "/search",
        "/search?q=nginx",
        "/search?type=image",
        "/search?q=nginx OR web",
        "/search?q=ngimx",
        "/search?q=front -old&type=image",
        "/search?q=the front of nginx",
    ],
)
async def test_facet_click_finds_its_count(show: Show, address: str) -> None:
    page = await show(address)
    values = [one for facet in page.all("section", class_="facet") for one in facet.all("a")]
    assert values
    for value in values:
        count = int(value.one(class_="number").text)
        assert total(await show(value["href"])) == count, value["href"]


async def test_titles_keep_their_direction(show: Show) -> None:
    """A sign in the query that turns the direction would turn what a window has after it, too."""
    page = await show("/search?q=nginx%20%E2%80%AEgnp.exe%E2%81%A6%0Awords")
    assert page.one("title").text == "nginx gnp.exe words · regsearch"
    assert page.one(id="total")["data-title"] == "nginx gnp.exe words"
    assert len((await show("/search?q=" + "x" * 900)).one("title").text) < 220


async def test_facet_click_drops_cursor(show: Show) -> None:
    first = await show("/search?q=&limit=2")
    second = await show(first.one("a", rel="next")["href"])
    assert second.all("article")
    for facet in second.all("section", class_="facet"):
        for value in facet.all("a"):
            assert "cursor" not in parse_qs(urlsplit(value["href"]).query)


async def test_a_chosen_filter_can_be_taken_back(show: Show) -> None:
    page = await show("/search?q=nginx")
    facet = page.all("section", class_="facet")[0]
    chosen = await show(facet.all("a")[0]["href"])
    back = chosen.all("section", class_="facet")[0].one("a", class_="chosen")
    assert parse_qs(urlsplit(back["href"]).query)["q"] == ["nginx"]
    chips = chosen.one("ul", class_="chips").all("a")
    assert len(chips) == 2
    assert total(await show(chips[1]["href"])) == total(page)


async def test_every_page_of_results_is_reached(client: httpx2.AsyncClient, show: Show) -> None:
    address, seen = "/search?limit=3", []
    while address:
        page = await show(address)
        seen += [one["data-reference"] for one in page.all("article")]
        following = page.all("a", rel="next")
        address = following[0]["href"] if following else ""
    told = (await client.get("/api/v1/search?sort=pushed&limit=100")).json()
    assert seen == [one["reference"] for one in told["results"]]


async def test_mistake_points_at_column(show: Show) -> None:
    page = await show("/search?q=nginx%20(web", status=400)
    lines = page.one("pre").children
    assert page.one("pre").text == "nginx (web ^"
    assert str(lines[-1]).strip("\n").index("^") == 6
    assert "column 7" in page.one(id="mistake").text
    box = page.one("input", id="q")
    assert box["value"] == "nginx (web"
    assert (box["aria-invalid"], box["aria-describedby"]) == ("true", "mistake")


@pytest.mark.parametrize(
    ("q", "where"),
    [("latest", "found in tag: latest"), ("payments", "found in label team: payments")],
)
async def test_it_is_said_where_a_word_was_found(show: Show, q: str, where: str) -> None:
    page = await show(f"/search?q={q}&type=image")
    assert where in [one.text for one in page.all("p", class_="found")]


async def test_another_spelling_is_said(show: Show) -> None:
    page = await show("/search?q=ngimx")
    note = page.one(id="results").all("p", class_="note")[0]
    assert note.text == "Nothing matches “ngimx”. Showing nginx."
    assert total(page) > 0


async def test_nothing_found_offers_what_to_do(show: Show) -> None:
    page = await show("/search?q=nginx kind:helm-chart&registry=main")
    links = [one.text for one in page.one("div", class_="nothing").all("a")]
    assert links == ["Search without kind:helm-chart", "Search all registries", "How to search"]


async def test_a_cursor_of_another_search_leads_to_the_beginning(
    client: httpx2.AsyncClient, show: Show
) -> None:
    response = await client.get("/search?q=nginx&cursor=nonsense")
    assert response.status_code == 303
    page = await show(response.headers["location"])
    note = page.one(id="results").all("p", class_="note")[0]
    assert note.text == "The list has changed; here is its beginning."


async def test_the_script_gets_the_results_alone(client: httpx2.AsyncClient) -> None:
    response = await client.get("/search?q=nginx", headers={"X-Fragment": "results"})
    assert "<article" in response.text
    assert "<html" not in response.text
    assert "<header" not in response.text
    whole = await client.get("/search?q=nginx", headers={"X-Fragment": "other"})
    assert "<html" in whole.text


async def test_hostile_labels_are_text(client: httpx2.AsyncClient, show: Show) -> None:
    for address in (
        "/search?q=evil",
        "/search?q=script&type=image",
        "/search?q=<script>x</script>",
    ):
        page = await show(address)
        assert {one["src"].rpartition("/")[2] for one in page.all("script")} == {
            "theme.js",
            "page.js",
        }
        text = (await client.get(address)).text
        assert not [one for one in text if ord(one) < 32 and one != "\n"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("docker pull registry.example/team/web:1.4", "/r/main/team/web:1.4"),
        ("FROM team/web:1.4", "/r/main/team/web:1.4"),
        ("https://registry.example/v2/team/web/manifests/1.4", "/r/main/team/web:1.4"),
        ("team/web", "/r/main/team/web"),
        (f"team/web@{WEB.digest}", f"/i/{WEB.digest}"),
        (WEB.digest, f"/i/{WEB.digest}"),
        (LAYER, f"/l/{LAYER}"),
        (DIFF_ID, f"/l/{DIFF_ID}"),
        (UNKNOWN, "/search"),
        ("team/web:none", "/search"),
        (f"team/web@{UNKNOWN}", "/search"),
        ("team/nginx", "/search"),
        ("three plain words", "/search"),
        ("", "/search"),
    ],
)
async def test_pasted_reference_goes_to_image(
    client: httpx2.AsyncClient, text: str, path: str
) -> None:
    response = await client.get("/go", params={"ref": text})
    assert response.status_code == 303
    location = urlsplit(response.headers["location"])
    assert location.path == path
    if path == "/search" and text:
        assert parse_qs(location.query)["q"] == [text]


@pytest.mark.parametrize("text", ["team/web:1.4", f"team/web@{WEB.digest}", WEB.digest, "team/web"])
async def test_where_to_go_is_read_and_nothing_of_what_is_there(filled: Path, text: str) -> None:
    """Regression: the whole image was read, with its lineage, to lead to its page."""
    statements, response = await count_statements(filled, f"/go?ref={text}")
    assert response.status_code == 303
    assert 0 < statements <= 5


@pytest.mark.parametrize("text", [text for _, rows in EXAMPLES for text, _ in rows])
async def test_every_example_of_the_help_can_be_searched(show: Show, text: str) -> None:
    page = await show("/help")
    (link,) = [one for one in page.one("main").all("a") if one.text == text]
    await show(link["href"])


async def test_a_query_on_the_first_page_leads_to_its_results(client: httpx2.AsyncClient) -> None:
    response = await client.get("/?q=nginx")
    assert (response.status_code, response.headers["location"]) == (303, "/search?q=nginx")


async def test_examples_of_the_first_page_find_something(show: Show) -> None:
    page = await show("/")
    examples = page.one("p", class_="examples").all("a", class_="chip")
    assert examples
    for example in examples:
        assert total(await show(example["href"])) > 0


@pytest.mark.parametrize(
    ("reference", "kind", "commands"),
    [
        ("r.example/a/b:1", "image", ["docker", "podman", "skopeo", "crane", "reference"]),
        ("r.example/a/b:1", "wasm-image", ["skopeo", "crane", "reference"]),
        ("r.example/a/b:1.2.3", "helm-chart", ["helm", "oras", "reference"]),
        ("r.example/a/b:main", "helm-chart", ["oras", "reference"]),
        ("r.example/a/b@sha256:00", "helm-chart", ["oras", "reference"]),
        ("r.example/a/b:1", "sbom", ["oras", "reference"]),
        ("r.example/a/b:1", "model", ["oras", "reference"]),
    ],
)
def test_pull_command_follows_kind(reference: str, kind: str, commands: list[str]) -> None:
    assert [one.tool for one in pull_commands(reference, kind)] == commands


def test_a_chart_is_pulled_by_its_version() -> None:
    first = pull_commands("r.example:5000/charts/web:1.0.0_rc1", "helm-chart")[0]
    assert first.text == "helm pull oci://r.example:5000/charts/web --version 1.0.0+rc1"
