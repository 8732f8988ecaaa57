"""The page of an image: what it is, its platforms, layers, lineage, labels and history."""

import asyncio
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from indexer.model import RepositoryName, TagName
from indexer.store import Store
from search_api.pages.image_facts import outer_link
from tests.builders import BuiltManifest, image, index
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, Pushed, fill
from tests.search_api.pages import image_content as content
from tests.search_api.pages.conftest import Show
from tests.search_api.pages.html import Element, read_html
from tests.search_api.pages.links import links_of
from tests.search_api.pages.statements import count_statements

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 50
PLATFORMS = [0, 2, 6, 20]
"""Of indexes; 0 stands for an image without one."""
WEB = "/r/main/team/web:latest"
INSTALL = "RUN apt-get update && apt-get install -y python3"
GATEWAY = "/r/main/team/gateway:2"
ADDRESSES = [
    WEB,
    f"{WEB}?platform=linux/amd64",
    GATEWAY,
    f"{GATEWAY}?platform=linux/arm64",
    "/r/main/team/everywhere:1",
    "/r/main/team/everywhere:1?platform=windows/amd64:10.0.20348.1",
    "/r/main/evil:1",
    "/r/main/charts/web:0.9.2",
    "/r/main/tools/widget:1",
    f"/i/{content.DEBIAN.digest}",
    f"/i/{content.OLD_WEB.digest}?registry=main&repository=team/web",
    f"/i/{content.GATEWAY.children[0].digest}",
    f"/i/{content.GATEWAY.children[2].digest}",
    f"/i/{content.SIGNATURE.digest}",
]


@pytest.fixture
def client(image_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return image_client


def section(page: Element, name: str) -> Element:
    return page.one("section", aria_labelledby=f"{name}-heading")


def pairs(listed: Element) -> dict[str, str]:
    """Return what a list of definitions says, by its terms."""
    return {
        one.all("dt")[0].text: one.all("dd")[0].text for one in listed.all("div") if one.all("dt")
    }


async def test_the_title_is_the_tag_that_was_asked_for(show: Show) -> None:
    for tag, other in (("latest", "1.1"), ("1.1", "latest")):
        page = await show(f"/r/main/team/web:{tag}")
        assert page.one("h1").text == f"team/web:{tag}"
        assert page.one("head").one("title").text == f"team/web:{tag} · regsearch"
        assert page.one("p", class_="also").text == f"also {other}"
    page = await show(f"/i/{content.WEB.digest}")
    assert page.one("h1").text == content.WEB.digest


async def test_the_head_says_what_it_is_and_who_pushed_it(show: Show) -> None:
    head = (await show(WEB)).one("div", class_="head")
    assert "Web shop" in head.text
    facts = [one.text for one in head.one(class_="facts").all("li")]
    assert facts[0] == "image"
    assert "linux/amd64" in facts
    assert "pushed 1 h ago by alice" in facts
    source = head.one("a", rel="noopener noreferrer nofollow")
    assert (source["href"], source.text) == ("https://git.example.com/web", "git.example.com")


async def test_every_link_of_an_image_leads_on(client: httpx2.AsyncClient, show: Show) -> None:
    for address in ADDRESSES:
        for link in dict.fromkeys(links_of(await show(address))):
            if urlsplit(link).netloc or link.startswith("#"):
                continue
            response = await client.get(link, follow_redirects=True)
            assert response.status_code == 200, f"{address}: {link}"


# Pulling


async def test_it_is_pulled_by_tag_or_exactly(show: Show) -> None:
    box = (await show(WEB)).one("fieldset", class_="pull")
    tools = [one.text for one in box.all("label")]
    assert tools == ["docker", "podman", "skopeo", "crane", "reference"]
    assert len(box.all("input", type="radio", checked="")) == 1
    for label, radio in zip(box.all("label"), box.all("input"), strict=True):
        assert label["for"] == radio["id"]
    first = box.all("div", class_="pane")[0]
    by_tag, exact = (one.text for one in first.all("code"))
    assert by_tag == f"docker pull {MAIN}/team/web:latest"
    assert exact == f"docker pull {MAIN}/team/web@{content.WEB.digest}"


async def test_a_chart_is_pulled_by_helm_and_never_by_docker(show: Show) -> None:
    box = (await show("/r/main/charts/web:0.9.2")).one("fieldset", class_="pull")
    assert [one.text for one in box.all("label")] == ["helm", "oras", "reference"]
    assert "docker" not in box.text


async def test_an_image_without_a_tag_is_pulled_by_its_digest(show: Show) -> None:
    page = await show(f"/i/{content.OLD_WEB.digest}?registry=main&repository=team/web")
    box = page.one("fieldset", class_="pull")
    assert not box.all("p", class_="pinned")
    assert f"docker pull {MAIN}/team/web@{content.OLD_WEB.digest}" in box.text
    assert page.one("p", class_="alert").text == "It lost its tags 1 h ago: it was latest."


# Platforms


def platform(built: BuiltManifest, number: int) -> BuiltManifest:
    return built.children[number]


async def test_each_platform_is_a_page_of_its_own(show: Show) -> None:
    page = await show(GATEWAY)
    links = page.one("ul", class_="switch").all("a")
    assert [one.text for one in links] == ["linux/amd64", "linux/arm64"]
    for number, link in enumerate(links):
        shown = await show(link["href"])
        current = shown.one("ul", class_="switch").one("a", aria_current="true")
        assert current.text == link.text
        digests = [one["title"] for one in section(shown, "layers").all("code") if one.attributes]
        assert digests == [one.digest for one in platform(content.GATEWAY, number).blobs[1:]]
        architecture = link.text.partition("/")[2]
        assert architecture in section(shown, "labels").all("tr")[1].text
        by_digest = shown.one("fieldset", class_="pull").all("p", class_="pinned")[0].text
        assert platform(content.GATEWAY, number).digest in by_digest
        twin = shown.one("link", rel="alternate")["href"]
        assert parse_qs(urlsplit(twin).query)["platform"] == [link.text]


async def test_many_platforms_are_a_matrix(show: Show) -> None:
    page = await show("/r/main/team/everywhere:1")
    matrix = page.one("table", class_="platform-matrix")
    columns = [one.text for one in matrix.all("th", scope="col")]
    assert columns == ["amd64", "arm64", "arm/v7", "386", "s390x"]
    rows = [one.text for one in matrix.all("th", scope="row")]
    assert rows == ["linux", "windows 10.0.20348.1"]
    assert matrix.all("a")[-1].text.startswith("windows/amd64:10.0.20348.1, ")
    assert len(matrix.all("a")) == 6


async def test_rows_of_bars_show_what_platforms_share(show: Show) -> None:
    page = section(await show(GATEWAY), "layers")
    bars = page.one("ul", class_="drawing-rows")
    assert bars.all("li")[0].all("bdi")[0].text == "linux/amd64"
    assert "Layers that several platforms share are hatched." in page.text
    other = section(await show("/r/main/team/everywhere:1"), "layers")
    assert "hatched" not in other.text
    assert not section(await show(WEB), "layers").all("ul", class_="drawing-rows")


async def test_an_unknown_platform_or_image_is_not_found(show: Show) -> None:
    page = await show(f"{GATEWAY}?platform=plan9/mips", status=404)
    assert "No platform 'plan9/mips'" in page.one(id="mistake").text
    digest = f"sha256:{'0' * 64}"
    for address in (f"/i/{digest}", f"/l/{digest}"):
        page = await show(address, status=404)
        searches = [one["href"] for one in page.one("main").all("a")]
        assert f"/search?q={digest}" in searches
    await show("/r/main/team/web:none", status=404)
    await show("/i/cake", status=400)


# Layers


async def test_layers_say_what_made_them_and_where_they_are_from(show: Show) -> None:
    layers = section(await show(WEB), "layers")
    table = layers.one("table", class_="layers")
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
    assert [(row[0], row[-2], row[-1]) for row in rows if row[0]] == [
        ("1", "ADD rootfs.tar.xz /", "base/debian:13"),
        ("2", f"{INSTALL}{INSTALL}", "base/runtime:3"),
        ("3", "COPY . /app", "own"),
    ]
    assert [row[-2] for row in rows if not row[0]] == [
        'CMD ["bash"]',
        "ENV LANG=C.UTF-8",
        "WORKDIR /app",
        "USER 1000:1000",
        "ARG TOKEN=***",
    ]
    assert [one["href"] for one in table.all("a") if one["href"].startswith("/l/")] == [
        f"/l/{blob.digest}" for blob in content.WEB.blobs[1:]
    ]


async def test_the_bar_has_the_links_of_the_table(show: Show) -> None:
    layers = section(await show(WEB), "layers")
    bar = layers.one("svg", class_="layer-bar")
    links = [one["href"] for one in bar.all("a")]
    assert links == [f"/l/{blob.digest}" for blob in content.WEB.blobs[1:]]
    legend = [one.text for one in layers.one(class_="drawing-legend").all("bdi")]
    assert legend == ["base/debian:13", "base/runtime:3", "own"]


async def test_it_is_shown_as_a_dockerfile(show: Show) -> None:
    layers = section(await show(WEB), "layers")
    folded = layers.one("details", class_="dockerfile")
    assert "Reconstructed" in folded.text
    text = "".join(folded.one("pre").one("bdi").children)  # type: ignore[arg-type]
    assert f"FROM {MAIN}/base/runtime:3\nWORKDIR /app\nCOPY . /app" in text


async def test_secrets_are_never_shown_and_that_is_explained_once(
    client: httpx2.AsyncClient,
) -> None:
    text = (await client.get(WEB)).text
    assert content.SECRET not in text
    assert text.count("Values that look like secrets are hidden") == 1
    assert "look like secrets" not in (await client.get("/r/main/base/debian:13")).text


# The rest


async def test_it_says_what_it_runs(show: Show) -> None:
    runs = section(await show(WEB), "runs")
    told = pairs(runs.all("dl")[0])
    assert told["entrypoint"] == "/app/run --serve"
    assert told["command"] == "--verbose"
    assert (told["user"], told["ports"], told["volumes"]) == ("1000:1000", "8080/tcp", "/data")
    assert pairs(runs.one("dl", class_="env")) == {"PATH": "/usr/bin", "DB_PASSWORD": "***"}


async def test_its_lineage_is_a_list(show: Show) -> None:
    steps = section(await show(WEB), "lineage").one("ol").all("li")
    texts = [one.text for one in steps if one.all("div")]
    assert texts[0].startswith("base/debian:13 1 layerthe same layers as 1 other")
    assert texts[1:3] == ["base/runtime:3 2 layers", "team/web:latest"]
    assert texts[3].startswith("1 image built on it")
    nothing = section(await show("/r/main/evil:1"), "lineage")
    assert "No image in these registries is its base." in nothing.text


async def test_what_is_built_on_it_is_a_search(show: Show) -> None:
    page = section(await show("/r/main/base/debian:13"), "lineage")
    link = next(one for one in page.all("a") if one.text.endswith("built on it"))
    count = int(link.text.split()[0])
    found = await show(link["href"])
    assert found.one("h1").text.startswith(f"{count} image")


async def test_attachments_say_what_they_are_of(show: Show) -> None:
    attached = section(await show(GATEWAY), "attached").all("li")
    assert sorted(one.text for one in attached) == [
        "SBOM SPDX for linux/amd64, linux/arm64",
        "provenance SLSA for linux/amd64, linux/arm64",
        "signature cosign for all platforms",
    ]


async def test_labels_of_the_base_are_folded(show: Show) -> None:
    labels = section(await show(WEB), "labels")
    inherited = labels.one("details", class_="inherited")
    assert inherited.one("summary").text == "1 inherited from the base image"
    assert inherited.all("tr")[1].text == "distribution debian label"
    own = [one.all("td")[0].text for one in labels.all("table")[0].all("tr")[1:]]
    assert own == ["team", content.TITLE, content.SOURCE]


async def test_a_label_leads_to_all_images_with_it(show: Show) -> None:
    labels = section(await show(WEB), "labels")
    for link in labels.all("a", class_="find"):
        page = await show(link["href"])
        assert "team/web" in page.one("section", class_="list").text


async def test_the_history_of_the_tag_is_a_list_beside_the_picture(show: Show) -> None:
    history = section(await show(WEB), "history")
    moves = history.one("ol").all("li")
    assert [one.one("code")["title"] for one in moves] == [
        content.WEB.digest,
        content.OLD_WEB.digest,
    ]
    assert "since 1 h ago by alice now" in moves[0].text
    assert "seen 6 h ago" in moves[1].text
    timeline = history.one("svg", class_="tag-timeline")
    drawn = {one["href"] for one in timeline.all("a")}
    assert drawn == {one.one("a")["href"] for one in moves}
    assert not (await show(f"/i/{content.WEB.digest}")).all(id="history-heading")


async def test_the_same_image_elsewhere_is_named(show: Show) -> None:
    places = section(await show("/r/main/base/debian:13"), "places")
    assert [one.text for one in places.all("li")] == ["mirror/debian:13"]


async def test_a_chart_has_properties_and_no_lineage(show: Show) -> None:
    page = await show("/r/main/charts/web:0.9.2")
    assert pairs(section(page, "properties").one("dl"))["app version"] == "1.1"
    assert not page.all(id="lineage-heading")
    assert "This is deprecated" in page.one("p", class_="alert").text
    files = section(await show("/r/main/tools/widget:1"), "layers")
    assert files.one("h2").text.startswith("1 file")
    assert "widget.bin" in files.one("table").text


async def test_other_tags_are_offered_for_a_comparison(show: Show) -> None:
    form = section(await show(WEB), "compare").one("form")
    assert form["action"] == "/compare"
    assert form.all("input")[0]["value"] == f"{MAIN}/team/web:latest"
    assert [one["value"] for one in form.all("option")] == [f"{MAIN}/team/web:1.1"]
    compared = await show(f"/compare?a={MAIN}/team/web:latest&b={MAIN}/team/web:1.1")
    assert "Both are the same manifest." in compared.one("main").text


async def test_the_nearest_tags_of_many_are_offered(tmp_path: Path) -> None:
    """Before, all were read to sort them by version, which took a tenth of a second of 10,000."""
    tags = [*(f"1.{number}" for number in range(100, 400)), "latest"]
    await fill(tmp_path, [Pushed("many", content.FILE, tag) for tag in tags])
    statements, response = await count_statements(tmp_path, "/r/main/many:1.250")
    options = section(read_html(response.text), "compare").all("option")
    offered = [one.text for one in options]
    assert offered[:2] == ["latest", "1.300"]
    assert len(offered) == 100
    assert "1.250" not in offered
    assert 0 < statements <= STATEMENTS_MAX


async def test_an_image_of_a_repository_without_tags_is_shown(tmp_path: Path) -> None:
    """Regression: only its JSON was, for the tags to compare it with were not found."""
    await fill(tmp_path, [Pushed("gone", content.FILE, "1")])
    with closing(Store(tmp_path)) as store, store.transaction():
        registry = store.registries.registry_id("main")
        assert registry is not None
        repository = store.repositories.find(registry, RepositoryName("gone"))
        assert repository is not None
        store.content.hide_tag(repository, TagName("1"), seen_at=ManualClock().now())
    for address in ("/api/v1/images/{}", "/i/{}"):
        _, response = await count_statements(tmp_path, address.format(content.FILE.digest))
        assert response.status_code == 200


async def test_hostile_labels_are_text(client: httpx2.AsyncClient, show: Show) -> None:
    response = await client.get("/r/main/evil:1")
    page = read_html(response.text)
    assert "<script>alert" not in response.text
    assert [one for one in page.all("script") if one.children] == []
    assert not [one for one in page.all("a") if one["href"].startswith("javascript:")]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", response.text)
    # Text that turns the direction is isolated wherever it is.
    for element in page.all():
        if any(isinstance(one, str) and "\u202e" in one for one in element.children):
            assert element.name in {"bdi", "title"}, element.name
    assert len(response.content) < 200_000, "a label of a megabyte is not sent"


async def test_long_values_are_folded(show: Show) -> None:
    labels = section(await show("/r/main/evil:1"), "labels")
    long = next(one for one in labels.all("tr")[1:] if one.all("td")[0].text == "long")
    assert len(long.one("summary").text) <= 120
    assert "The JSON has all 65 536 characters" in long.text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://git.example.com/x", "git.example.com"),
        ("HTTP://example.org", "example.org"),
        ("https://user@evil.example/", "evil.example"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org/x", None),
        ("https://", None),
        ("https://[", None),
        ("git@example.org:x.git", None),
        ("", None),
        (None, None),
    ],
)
def test_only_addresses_of_the_web_are_links(text: str | None, host: str | None) -> None:
    link = outer_link(text)
    assert (link["host"] if link else None) == host


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_page_is_not_sent_twice(client: httpx2.AsyncClient, address: str) -> None:
    first = await client.get(address)
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "Accept" in again.headers["vary"]


@pytest.mark.parametrize("address", [WEB, GATEWAY, "/r/main/team/everywhere:1"])
async def test_an_image_takes_a_fixed_number_of_queries(
    images: tuple[Path, ManualClock], address: str, figure: Callable[[str], None]
) -> None:
    statements, response = await count_statements(images[0], address)
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
    figure(f"{address}: {statements} statements to the store, {len(response.content)} bytes")


def built_on(platforms: int, *below: BuiltManifest, seed: str) -> BuiltManifest:
    """Return an image, or an index, whose platforms are built on those of another one."""
    labels = {"made-by": seed, "org.opencontainers.image.base.name": f"base/of:{platforms}"}
    made = [
        image(
            architecture=f"a{number}",
            seed=f"{seed} {number}",
            labels=labels,
            base=(one.children or (one,))[number] if (one := next(iter(below), None)) else None,
        )
        for number in range(max(1, platforms))
    ]
    return index(made) if platforms else made[0]


@pytest.fixture(scope="module")
def generations(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, str]]:
    """Give images of all these platforms, each built on others, and below others again."""
    directory, found, pushed = tmp_path_factory.mktemp("generations"), {}, []
    for platforms in PLATFORMS:
        base = built_on(platforms, seed=f"base {platforms}")
        middle = built_on(platforms, base, seed=f"middle {platforms}")
        pushed += [
            Pushed("base/of", base, f"{platforms}"),
            Pushed("base/of", base, f"{platforms}-again"),
            *(Pushed(f"team/{one}", middle, f"{platforms}") for one in ("web", "copy", "more")),
            Pushed("team/web", middle, f"{platforms}-again"),
            Pushed(
                "team/top", built_on(platforms, middle, seed=f"top {platforms}"), f"{platforms}"
            ),
        ]
        found[platforms] = (directory, middle.digest)
    asyncio.run(fill(directory, pushed))
    return found


@pytest.mark.parametrize(
    "address",
    [
        "/r/main/team/web:{platforms}",
        "/i/{digest}",
        "/api/v1/images/{digest}",
        "/api/v1/images/{digest}?registry=main&repository=team/web",
    ],
)
async def test_platforms_take_no_more_queries(
    generations: dict[int, tuple[Path, str]], address: str, figure: Callable[[str], None]
) -> None:
    """Before, each platform took several, and so did each base and each image above it."""
    counted = {}
    for platforms, (directory, digest) in generations.items():
        asked = address.format(platforms=platforms, digest=digest)
        counted[platforms], response = await count_statements(directory, asked)
        assert response.status_code == 200
    figure(f"{address}: statements by number of platforms {counted}")
    assert min(counted.values()) > 0
    assert max(counted.values()) <= STATEMENTS_MAX
    assert len({counted[platforms] for platforms in PLATFORMS if platforms}) == 1


async def test_one_platform_takes_no_more_queries(generations: dict[int, tuple[Path, str]]) -> None:
    for platforms, (directory, digest) in generations.items():
        place = f"{digest}?registry=main&repository=team/web&platform=linux/a0"
        for asked in (f"/api/v1/images/{place}", f"/i/{place}"):
            if platforms:
                statements, response = await count_statements(directory, asked)
                assert response.status_code == 200
                assert 0 < statements <= STATEMENTS_MAX
