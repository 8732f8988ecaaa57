"""The page of a repository: its head, its tags in every order, and what is drawn of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from indexer.extract import BUILT_IN
from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.store import Store, TagMove
from search_api.pages.repository import AskedTags, read_repository
from search_api.pages.tag_rows import MOVES_SHOWN
from search_api.resources import Resources, TagOrder
from tests.builders import BuiltManifest, helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import (
    REGISTRIES,
    Pushed,
    bring_up_to_date,
    finish_crawl,
    put,
    searching_client,
    seem_served,
)
from tests.search_api.pages.conftest import HTML, Show
from tests.search_api.pages.html import Element
from tests.search_api.sample_content import HOSTILE

pytestmark = pytest.mark.anyio

OCI = "org.opencontainers.image."
LABELS = {
    OCI + "title": "Web shop",
    OCI + "description": "Storefront & basket",
    OCI + "licenses": "Apache-2.0",
    OCI + "vendor": "Example Ltd",
    OCI + "source": "https://git.example.com/shop",
    OCI + "url": "javascript:alert(1)",
}
MANY, SOME, FEW, DISTINCT = 2_000, 230, 20, 40
ORDERS = ["", *(f"sort={order}" for order in TagOrder)]


def _shop(version: str, *architectures: str) -> BuiltManifest:
    return index(
        [image(architecture=one, labels=LABELS, seed=version) for one in architectures],
        annotations=LABELS,
    )


OLD, CANDIDATE, NEW = _shop("1.2", "amd64"), _shop("rc", "amd64"), _shop("1.10", "arm64", "amd64")
LOST = image(seed="lost")
SPREAD = [image(seed=f"spread {number}") for number in range(4)]
DEPRECATED = image(
    labels={OCI + "description": "Old", "io.artifacthub.package.deprecated": "true"},
    seed="deprecated",
)
EVIL = image(
    labels={
        OCI + "title": HOSTILE,
        OCI + "vendor": HOSTILE,
        OCI + "source": f"https://x/{HOSTILE}",
    },
    annotations={OCI + "description": HOSTILE, OCI + "licenses": HOSTILE},
    seed="evil",
)
# One after the other, a minute apart.
CONTENT = (
    Pushed("team/web", LOST, "latest"),
    Pushed("team/web", OLD, "1.2"),
    Pushed("team/web", CANDIDATE, "1.10-rc1"),
    Pushed("team/web", NEW, "1.10"),
    Pushed("team/web", NEW, "latest"),
    Pushed("my/copy", NEW, "mine"),
    Pushed("copies/web", NEW, "1", "second"),
    Pushed("charts/web", helm_chart("web", "0.9.2", "A chart"), "0.9.2"),
    Pushed("old/thing", DEPRECATED, "1"),
    Pushed("gone/thing", image(seed="gone"), "1"),
    Pushed("evil", EVIL, "1"),
    *(Pushed("spread", SPREAD[number % 4], f"{number}") for number in range(12)),
)


def _many(repository: str, count: int) -> list[Pushed]:
    built = [image(seed=f"{repository} {number}") for number in range(min(count, DISTINCT))]
    return [
        Pushed(repository, built[number % DISTINCT], f"{number // 100}.{number % 100}")
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory with repositories of many shapes; tests only read it."""
    directory = tmp_path_factory.mktemp("shop")
    clock = ManualClock()
    with closing(Store(directory)) as store:
        for pushed in CONTENT:
            put(store, [pushed], clock=clock)
            clock.advance(60)
        for repository, count in (("many/tags", MANY), ("some/tags", SOME), ("few/tags", FEW)):
            put(store, _many(repository, count), clock=clock)
        _tell_events(store, clock)
        with store.transaction():
            store.content.hide_tag(_id(store, "gone/thing"), TagName("1"), seen_at=clock.now())
        for registry in REGISTRIES:
            finish_crawl(store, registry, clock=clock)
    asyncio.run(bring_up_to_date(directory, clock=clock))
    with closing(Store(directory)) as store:
        put(store, [Pushed("fresh/thing", image(seed="fresh"), "1")], clock=clock)
    seem_served(directory, clock=ManualClock())
    return directory


def _tell_events(store: Store, clock: ManualClock) -> None:
    """Write that alice pushed 1.10, and that a tag moved more often than a list shows."""
    new = parse_digest(NEW.digest)
    moves = []
    with store.transaction():
        [since] = store.content.tag_moves(_id(store, "team/web"), "1.10")
        event = TagMove(TagName("1.10"), new, since.tagged_at, "alice")
        store.content.add_tag_moves(_id(store, "team/web"), [event])
        for number in range(MOVES_SHOWN + 5):
            clock.advance(1)
            digest = parse_digest(SPREAD[number % 4].digest)
            moves.append(TagMove(TagName("0"), digest, clock.now(), "bob"))
        store.content.add_tag_moves(_id(store, "spread"), moves)


def _id(store: Store, repository: str) -> int:
    found = store.repositories.find(1, RepositoryName(repository))
    assert found is not None
    return found


@pytest.fixture
async def client(shop: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with searching_client(shop, clock=ManualClock()) as made:
        made.headers.update(HTML)
        yield made


def names(page: Element) -> list[list[str]]:
    """Return the tags of each row."""
    rows = page.one("table", class_="tag-table").one("tbody").all("tr")
    return [[one.text for one in row.one(class_="row-tags").all("a")] for row in rows]


def cells(page: Element, tag: str) -> dict[str, Element]:
    """Return the cells of the row of a tag by their headings."""
    table = page.one("table", class_="tag-table")
    headings = [one.text.partition(" ")[0] for one in table.one("thead").all("th")]
    rows = table.one("tbody").all("tr")
    (row,) = [row for row, tags in zip(rows, names(page), strict=True) if tag in tags]
    return dict(zip(headings, row.all("td"), strict=True))


def total(page: Element) -> str:
    return page.one(id="tag-total").text


async def test_the_head_says_what_the_repository_is(show: Show) -> None:
    page = await show("/r/main/team/web")
    assert page.one("h1").text == "team/web"
    assert [one.text for one in page.one("nav", class_="crumbs").all("a")] == ["main", "team"]
    assert page.one("p", class_="title").text == "Web shop"
    assert page.one("p", class_="description").text == "Storefront & basket"
    facts = page.one("main").all("ul", class_="facts")[0]
    shown = [one.text for one in facts.all("li")]
    assert shown[:4] == ["image", "Apache-2.0", "Example Ltd", "source git.example.com"]
    assert shown[4].startswith("4 tags, ")
    source = facts.one("a", rel="noopener noreferrer nofollow")
    assert source["href"] == "https://git.example.com/shop"


async def test_every_link_of_the_head_finds_the_repository(show: Show) -> None:
    page = await show("/r/main/team/web")
    head = [
        *page.one("nav", class_="crumbs").all("a"),
        *page.one("main").all("ul", class_="facts")[0].all("a"),
    ]
    within = [one["href"] for one in head if one["href"].startswith("/")]
    assert len(within) == 5
    for address in within:
        found = await show(address)
        assert "team/web" in [one.one("h2").all("a")[0].text for one in found.all("article")]


async def test_same_digest_tags_are_one_row(show: Show) -> None:
    page = await show("/r/main/team/web")
    assert names(page) == [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]
    row = cells(page, "1.10")
    assert row["image"].one("code")["title"] == NEW.digest
    assert row["image"].one("button", class_="copy")["data-copy"] == NEW.digest
    assert row["platforms"].text == "amd64 arm64"
    assert row["tag"].one("button", class_="copy")["data-copy"].endswith("/team/web:latest")


async def test_tags_that_are_not_neighbours_are_one_row_of_their_page(show: Show) -> None:
    """By name the four images of the twelve tags take turns."""
    page = await show("/r/main/spread?sort=name")
    assert names(page) == [["8", "4", "0"], ["9", "5", "1"], ["10", "6", "2"], ["11", "7", "3"]]


async def test_other_tags_of_an_image_are_named_beside_its_row(show: Show) -> None:
    page = await show("/r/main/team/web?tags=1.10")
    assert names(page) == [["1.10"], ["1.10-rc1"]]
    others = cells(page, "1.10")["tag"].one("span", class_="others")
    assert others.text == "also latest"
    assert others.one("a")["href"] == "/r/main/team/web:latest"
    assert len((await show("/r/main/team/web")).all("span", class_="others")) == 0
    page = await show("/r/main/many/tags?tags=0.0")
    assert cells(page, "0.0")["tag"].one("span", class_="others").text.endswith(" and 43 more")


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ("version", [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]),
        ("name", [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]),
        ("newest", [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]),
        ("size", [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]),
    ],
)
async def test_each_order_has_every_tag(show: Show, sort: str, rows: list[list[str]]) -> None:
    page = await show(f"/r/main/team/web?sort={sort}")
    assert sorted(names(page)) == sorted(rows)
    assert page.one("select", id="tag-sort").one("option", selected="")["value"] == sort


async def test_version_order(client: httpx2.AsyncClient, show: Show) -> None:
    page = await show("/r/main/team/web?sort=version")
    assert names(page) == [["latest", "1.10"], ["1.10-rc1"], ["1.2"]]
    page = await show("/r/main/many/tags?sort=version&tags=1?.*")
    first = [row[0] for row in names(page)]
    assert first[:3] == ["19.99", "19.98", "19.97"]
    page = await show("/r/main/many/tags?sort=version&tags=1.1*")
    # 1.1 comes after 1.19, and 1.10 before it.
    assert [tag for row in names(page) for tag in row] == [
        *(f"1.{number}" for number in range(19, 9, -1)),
        "1.1",
    ]


async def test_a_push_that_no_event_told_of_is_a_dash(show: Show) -> None:
    page = await show("/r/main/team/web")
    assert cells(page, "1.10")["pushed"].one("time")
    unknown = cells(page, "1.2")["pushed"].one("span")
    assert (unknown.text, unknown["title"]) == ("–", "Known only from a crawl")
    assert cells(page, "1.2")["built"].one("time")["datetime"] == "2026-01-02T03:04:05Z"


async def test_a_bar_is_as_long_as_its_size(show: Show) -> None:
    page = await show("/r/main/team/web")
    widths = [
        cells(page, tag)["size"].one("rect", class_="own")["width"] for tag in ("1.10", "1.2")
    ]
    assert widths[0] == "100%"
    assert 40 < float(widths[1].removesuffix("%")) < 60


@pytest.mark.parametrize(
    ("tags", "found", "said"),
    [
        ("1.10*", ["1.10", "1.10-rc1"], "2 of 4 tags match"),
        ("1.?", ["1.2"], "1 of 4 tags match"),
        ("1.1", ["1.10", "1.10-rc1"], "2 of 4 tags match"),
        ("RC", [], "0 of 4 tags match"),
        ("[a-z]*", [], "0 of 4 tags match"),
        ("", ["latest", "1.10", "1.10-rc1", "1.2"], "4 tags"),
    ],
)
async def test_a_filter_says_how_many_match(
    client: httpx2.AsyncClient, show: Show, tags: str, found: list[str], said: str
) -> None:
    page = await show(f"/r/main/team/web?{httpx2.QueryParams(tags=tags)}")
    assert total(page) == said
    assert page.one("input", id="tag-filter")["value"] == tags
    if found:
        assert [tag for row in names(page) for tag in row] == found
    else:
        assert page.one(class_="nothing").one("a")["href"] == "/r/main/team/web"
    twin = page.one("link", rel="alternate")["href"]
    told = (await client.get(twin)).json()
    if tags:
        assert (told["total"], told["tag_count"]) == (len(found), 4)
        assert {one["tag"] for one in told["tags"]} == set(found)
    else:
        assert told["repository"] == "team/web"


async def test_a_filter_resets_the_page(show: Show) -> None:
    first = await show("/r/main/many/tags?sort=name")
    second = await show(first.one("a", rel="next")["href"])
    form = second.all("form", class_="choose")[0]
    assert form["action"] == "/r/main/many/tags"
    assert [one["name"] for one in (*form.all("input"), *form.all("select"))] == ["tags", "sort"]
    assert second.one("nav", class_="pages").all("a")[0]["href"] == "/r/main/many/tags?sort=name"


@pytest.mark.parametrize("order", ORDERS)
async def test_paging_reaches_every_tag_once(show: Show, order: str) -> None:
    address: str | None = f"/r/main/some/tags?{order}"
    seen: list[str] = []
    while address:
        page = await show(address)
        seen += [tag for row in names(page) for tag in row]
        following = page.all("a", rel="next")
        address = following[0]["href"] if following else None
    assert len(seen) == SOME
    assert len(set(seen)) == SOME


async def test_the_twin_of_a_page_has_its_tags(client: httpx2.AsyncClient, show: Show) -> None:
    first = await show("/r/main/many/tags?sort=version&tags=1*")
    page = await show(first.one("a", rel="next")["href"])
    told = (await client.get(page.one("link", rel="alternate")["href"])).json()
    assert {one["tag"] for one in told["tags"]} == {tag for row in names(page) for tag in row}


async def test_a_cursor_of_another_order_leads_to_the_beginning(
    client: httpx2.AsyncClient, show: Show
) -> None:
    first = await show("/r/main/many/tags?sort=name")
    [cursor] = parse_qs(urlsplit(first.one("a", rel="next")["href"]).query)["cursor"]
    for wrong in (cursor, "nonsense"):
        response = await client.get(
            "/r/main/many/tags", params={"sort": "size", "tags": "1*", "cursor": wrong}
        )
        assert response.status_code == 303
        page = await show(response.headers["location"])
        assert "The list has changed; here is its beginning." in [
            one.text for one in page.all("p", class_="note")
        ]
        assert page.one("input", id="tag-filter")["value"] == "1*"


@pytest.mark.parametrize("query", ["sort=colour", "tags=" + "x" * 300])
async def test_a_wrong_parameter_is_a_mistake(show: Show, query: str) -> None:
    assert (await show(f"/r/main/team/web?{query}", status=400)).one(class_="mistake")


async def test_the_script_counts_changes_from_what_is_shown(
    client: httpx2.AsyncClient, show: Show
) -> None:
    whole = await show("/r/main/team/web?tags=1*")
    live = whole.one(id="tags")
    assert (live["data-live-registry"], live["data-live-repository"]) == ("main", "team/web")
    changes = await client.get(f"/api/v1/changes?cursor={live['data-live-cursor']}")
    assert changes.json()["changes"] == []
    assert "hidden" in whole.one("p", id="news").attributes


@pytest.mark.parametrize(
    ("repository", "tools"),
    [
        ("team/web", ["docker", "podman", "skopeo", "crane", "reference"]),
        ("charts/web", ["helm", "oras", "reference"]),
    ],
)
async def test_the_pull_box_follows_the_kind(show: Show, repository: str, tools: list[str]) -> None:
    page = await show(f"/r/main/{repository}")
    assert [one.text for one in page.one("fieldset", class_="pull").all("label")] == tools
    assert page.one("fieldset", class_="pull").all("code")[-1].text.startswith("registry.example/")


async def test_platforms_are_a_table(show: Show) -> None:
    table = (await show("/r/main/team/web")).one("table", class_="platform-table")
    assert [one.text for one in table.one("thead").all("th")] == ["tag", "amd64", "arm64"]
    rows = table.one("tbody").all("tr")
    assert [one.one("th", scope="row").text for one in rows] == [
        "latest = 1.10",
        "1.10-rc1",
        "1.2",
    ]
    said = [[one.one(class_="unseen").text for one in row.all("td")] for row in rows]
    assert said == [["yes", "yes"], ["yes", "no"], ["yes", "no"]]
    assert not (await show("/r/main/spread")).all("table", class_="platform-table")


async def test_lanes_and_their_list_lead_to_the_same(
    client: httpx2.AsyncClient, show: Show
) -> None:
    page = await show("/r/main/team/web")
    history = page.one("section", aria_labelledby="history")
    drawn = {one["href"] for svg in history.all("svg") for one in svg.all("a")}
    listed = history.one("dl").all("a")
    assert drawn
    assert drawn <= {one["href"] for one in listed}
    texts = [one.text for one in history.one("dl").all("li")]
    assert any(text.endswith("by alice") for text in texts)
    assert any(" or earlier → " in text for text in texts)
    for address in {one["href"] for one in listed}:
        assert (await client.get(address, follow_redirects=True)).status_code == 200
    # latest pointed at what has no tag now, and is there.
    [lost] = [one for one in listed if LOST.digest[7:15] in one.text]
    assert (await client.get(lost["href"])).headers["location"].startswith(f"/i/{LOST.digest}")


async def test_a_tag_that_moved_often_leads_to_the_others(show: Show) -> None:
    page = await show("/r/main/spread?sort=name")
    history = page.one("section", aria_labelledby="history")
    assert "6 earlier moves" in [one.text for one in history.one("dl").all("a")]


async def test_sizes_are_a_chart_and_a_list(show: Show) -> None:
    sizes = (await show("/r/main/team/web")).one("section", aria_labelledby="sizes-heading")
    drawn = [one["href"] for svg in sizes.all("svg") for one in svg.all("a")]
    assert drawn == [one["href"] for one in sizes.one("ol").all("a")]
    # Oldest first.
    assert [one.text for one in sizes.one("ol").all("a")] == ["1.2", "1.10-rc1", "latest = 1.10"]


async def test_untagged_images_are_found(show: Show) -> None:
    section = (await show("/r/main/team/web")).one("section", aria_labelledby="untagged")
    assert section.one("p").text == "1 image lost its tags."
    found = await show(section.one("a")["href"])
    assert found.one("h1").text.startswith("1 image")


async def test_other_places_of_the_newest_image(show: Show) -> None:
    section = (await show("/r/main/team/web")).one("section", aria_labelledby="places")
    assert [one.text for one in section.all("li")] == ["main/my/copy mine", "second/copies/web 1"]
    assert [one["href"] for one in section.all("a")] == ["/r/main/my/copy", "/r/second/copies/web"]


async def test_two_tags_can_be_compared(show: Show) -> None:
    form = (await show("/r/main/team/web")).one("form", class_="compare")
    assert form["action"] == "/compare"
    chosen = [select.one("option", selected="")["value"] for select in form.all("select")[1:]]
    assert form.all("select")[0].all("option")[0]["value"] != chosen[0]


async def test_a_deprecated_repository_warns(show: Show) -> None:
    assert (await show("/r/main/old/thing")).one("p", class_="alert")
    assert not (await show("/r/main/team/web")).all("p", class_="alert")


async def test_what_is_not_searchable_yet_can_be_pulled(show: Show) -> None:
    page = await show("/r/main/fresh/thing")
    assert "Its images have not been read yet." in page.one("main").text
    assert cells(page, "1")["platforms"].text == "not read yet"
    [command] = page.one("fieldset", class_="pull").all("code")
    assert command.text == "registry.example/fresh/thing:1"


async def test_a_repository_without_tags_says_so(show: Show) -> None:
    page = await show("/r/main/gone/thing")
    assert "No tags now. 1 image lost its." in page.one("main").text
    found = await show(page.one("main").all("a")[-1]["href"])
    assert found.one("h1").text.startswith("1 image")


@pytest.mark.parametrize("address", ["/r/main/other/web", "/r/third/web", "/r/main/web"])
async def test_an_unknown_repository_offers_others(show: Show, address: str) -> None:
    page = await show(address, status=404)
    assert page.one("input", id="q")["value"] == "web"
    found = [one.one("h2").all("a")[0].text for one in page.all("article")]
    assert {"team/web", "charts/web"} <= set(found)


@pytest.mark.parametrize(
    "name", ["nothing-like-this", "<script>x", 'a"b', "a\\", "%00", "x" * 5_000, "%20", "café"]
)
async def test_an_unknown_name_of_any_form_is_not_found(show: Show, name: str) -> None:
    page = await show(f"/r/main/{name}", status=404)
    assert not [one for one in page.all("script") if "src" not in one.attributes]


async def test_programs_get_json_for_an_unknown_repository(client: httpx2.AsyncClient) -> None:
    response = await client.get("/r/main/nowhere", headers={"Accept": "*/*"})
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == "NOT_FOUND"


async def test_a_page_is_asked_for_again_only_if_it_changed(client: httpx2.AsyncClient) -> None:
    first = await client.get("/r/main/team/web")
    headers = {"If-None-Match": first.headers["etag"]}
    assert (await client.get("/r/main/team/web", headers=headers)).status_code == 304
    assert (await client.get("/r/main/team/web?tags=1*", headers=headers)).status_code == 200


async def test_hostile_names_are_text(client: httpx2.AsyncClient, show: Show) -> None:
    page = await show("/r/main/evil")
    assert {one["src"].rpartition("/")[2] for one in page.all("script")} == {
        "theme.js",
        "page.js",
    }
    assert "<script>alert(1)</script>" in page.one("main").text
    for link in page.one("main").all("a"):
        assert urlsplit(link["href"]).scheme in {"", "https"}
    text = (await client.get("/r/main/evil")).text
    assert not [one for one in text if ord(one) < 32 and one != "\n"]


@pytest.mark.parametrize("order", TagOrder)
def test_the_number_of_store_queries_is_fixed(
    shop: Path, figure: Callable[[str], None], order: TagOrder
) -> None:
    """Whatever a repository holds: no query for each tag or image."""
    counted = {}
    for repository in ("few/tags", "many/tags"):
        asked = AskedTags("main", repository, "1*", order, cursor="")
        with closing(Store(shop, read_only=True)) as store:
            resources = Resources(store, now=ManualClock().now(), kinds=BUILT_IN)
            queries: list[str] = []
            store._database.conn.set_trace_callback(queries.append)
            read_repository(resources, asked, "")
            store._database.conn.set_trace_callback(None)
        counted[repository] = len([one for one in queries if "SELECT" in one])
    figure(f"store queries of a repository's page by {order}: {counted}")
    assert counted["many/tags"] == counted["few/tags"] <= 25
