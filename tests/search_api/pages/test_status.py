"""The page of the status: every state in words, and never anything but 200."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from indexer.store import RefreshKind, RefreshTarget
from search_api.pages.status import ROWS_SHOWN, place_text
from tests.fakes.clock import ManualClock
from tests.search_api.filling import hold_back, searching_client
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.html import Element, read_html
from tests.search_api.pages.statements import count_statements
from tests.search_api.pages.states import HOSTILE, REFUSED, UNTRUSTED, changed_state, write_all

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 12


async def get_page(
    directory: Path, address: str = "/status", *, clock: ManualClock | None = None
) -> Element:
    async with searching_client(directory, clock=clock) as client:
        response = await client.get(address, headers=HTML)
    assert response.status_code == 200, response.text[:500]
    return read_html(response.text)


@pytest.fixture
def everything(filled: Path, tmp_path: Path) -> Path:
    """Give a data directory in every state at once."""
    with changed_state(tmp_path, of=filled) as states:
        write_all(states)
        hold_back(states.store, "main", clock=ManualClock())
    return tmp_path


def registry(page: Element, name: str) -> str:
    return page.one("tbody", id=f"registry-{name}").text


async def test_before_an_indexer_made_the_store_it_says_so(tmp_path: Path) -> None:
    page = await get_page(tmp_path)
    assert "No registry is known yet" in page.text
    assert "no indexer is known to be alive" in page.text
    assert "regsearch serve" in page.text


async def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database at all" * 100)
    page = await get_page(tmp_path)
    assert "The state cannot be read now" in page.text
    assert "store.db" in page.one(id="status").text


async def test_what_is_complete_is_said_in_one_line(filled: Path) -> None:
    page = await get_page(filled)
    assert "Everything is read and can be searched." in page.text
    assert "Nothing is set aside, postponed, rejected or damaged." in page.text
    assert "yes" in registry(page, "main")
    assert "No notification has arrived from it yet" in registry(page, "second")
    assert not page.all("progress")


async def test_an_unreachable_registry_is_explained(everything: Path) -> None:
    page = await get_page(everything)
    dead = registry(page, "dead")
    assert "no" in dead.split()
    assert "It cannot be read, tried 0 s ago: nothing answers at its address." in dead
    assert "Check that it runs" in dead
    details = page.one("details", id="error-dead")
    assert details.one("code").text == REFUSED
    assert "its certificate is not trusted" in registry(page, "edge-two")
    assert "ca_file" in registry(page, "edge-two")
    assert UNTRUSTED in registry(page, "edge-two")


async def test_a_pause_tells_when_it_ends(everything: Path) -> None:
    assert "It is left alone, and tried again in 40 s." in registry(
        await get_page(everything), "dead"
    )
    clock = ManualClock()
    clock.advance(41)
    assert "left alone" not in registry(await get_page(everything, clock=clock), "dead")


async def test_a_crawl_shows_how_far_it_is(everything: Path) -> None:
    page = await get_page(everything)
    assert "Reading edge for the first time: 140 of about 340 places" in registry(page, "edge")
    bar = page.one("tbody", id="registry-edge").one("progress")
    assert (bar["value"], bar["max"]) == ("140", "340")
    assert bar["aria-label"]


async def test_a_rebuild_shows_how_far_it_is(everything: Path) -> None:
    text = (await get_page(everything)).text
    assert "It is being made again: 3 of 9 repositories" in text
    assert "All that is stored is being looked through again: 0 of" in text


async def test_what_is_held_back_is_explained(everything: Path) -> None:
    main = registry(await get_page(everything), "main")
    assert "repositories disappeared at once" in main
    assert "regsearch reconcile --accept main" in main


async def test_a_catalog_that_is_refused_is_explained_once(everything: Path) -> None:
    told = registry(await get_page(everything), "listless")
    assert "Its list of repositories cannot be read" in told
    assert told.count("it does not accept our account (401)") == 1


async def test_notifications_are_told(everything: Path) -> None:
    page = await get_page(everything)
    assert "It sends no notifications" in registry(page, "quiet")
    assert "sends none" in registry(page, "quiet")
    assert "No notification has arrived" in registry(page, "untold")
    silent = registry(page, "silent")
    assert "12 notifications were refused because of a wrong secret" in silent
    assert "from 10.0.0.5" in silent
    assert "It restarted" in silent


async def test_what_failed_is_listed_with_place_and_reason(everything: Path) -> None:
    page = await get_page(everything)
    aside = page.one("section", aria_labelledby="set-aside").text
    assert "team/web:1.1" in aside
    assert "its answer cannot be used (200)" in aside
    later = page.one("section", aria_labelledby="postponed").text
    assert "team/api, the list of tags" in later
    assert "in 8 s" in later
    assert "many events of this repository wait" in later
    assert "no list of events" in page.one("section", aria_labelledby="rejected").text
    damaged = page.one("section", aria_labelledby="damaged").text
    assert "repository_id=3, name='1.1'" in damaged
    assert "digest: no digest" in damaged


async def test_long_lists_are_cut_and_lead_to_the_rest(filled: Path, tmp_path: Path) -> None:
    with changed_state(tmp_path, of=filled) as states:
        for number in range(ROWS_SHOWN + 5):
            target = RefreshTarget(RefreshKind.TAG, "a/b", f"t{number}")  # type: ignore[arg-type]
            states.fail_place("main", target, "x", is_set_aside=True)
    section = (await get_page(tmp_path)).one("section", aria_labelledby="set-aside")
    assert len(section.one("tbody").all("tr")) == ROWS_SHOWN
    assert "and 5 more: the JSON has them" in section.text


async def test_hostile_texts_are_text(everything: Path) -> None:
    async with searching_client(everything) as client:
        html = (await client.get("/status", headers=HTML)).text
    page = read_html(html)
    assert "<script>alert" not in html
    assert page.text.count("<script>alert(1)</script>") == 2
    for element in page.all("td"):
        if HOSTILE[:20] in element.text:
            assert any(HOSTILE[:20] in one.text for one in element.all("bdi"))
    assert len(page.all("script")) == 2


async def test_every_number_of_the_json_is_shown(everything: Path) -> None:
    async with searching_client(everything) as client:
        body = (await client.get("/api/v1/status")).json()
        page = read_html((await client.get("/status", headers=HTML)).text)
    for name, told in body["registries"].items():
        cells = page.one("tbody", id=f"registry-{name}").all("td", class_="amount")
        waiting = told["entries_waiting"] + told["refreshes_waiting"]
        shown = [int(cell.text) for cell in cells]
        assert shown == [waiting, told["set_aside"], told["held_back"]]
    text = page.one("section", aria_labelledby="search-index").text
    assert f"{body['search_index']['documents']['image']} images" in text
    assert body["search_index"]["engine"] in text
    text = page.one("section", aria_labelledby="service").text
    assert f"regsearch {body['service']['version']}" in text
    assert "started 0 s ago" in text


async def test_the_script_gets_the_part_that_it_replaces(client: httpx2.AsyncClient) -> None:
    response = await client.get("/status", headers={"X-Fragment": "status"})
    part = read_html(response.text)
    assert not part.all("html")
    assert part.one("table", class_="registries")
    assert "X-Fragment" in response.headers["vary"]
    page = read_html((await client.get("/status")).text)
    assert page.one(data_refresh="status").all("table", class_="registries")
    assert page.one("noscript").text == "Reload to refresh."
    assert "updated" in page.one(id="updated").text


async def test_ids_are_unique(everything: Path) -> None:
    ids = [one["id"] for one in (await get_page(everything)).all() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    # A registry may have the name of another element.
    assert {"main", "registry-main"} <= set(ids)


async def test_cells_name_their_column_on_narrow_screens(everything: Path) -> None:
    page = await get_page(everything)
    for table in page.all("table", class_="cards"):
        headings = {one.text for one in table.one("thead").all("th")}
        for cell in table.all("td"):
            assert cell.attributes.get("data-label") in headings or "colspan" in cell.attributes


def test_places_are_named() -> None:
    def name(kind: str, repository: str = "", reference: str = "") -> str:
        return place_text({"kind": kind, "repository": repository, "reference": reference})

    digest = "sha256:" + "ab" * 32
    assert name("catalog") == "the list of repositories"
    assert name("listing") == "the list of repositories"
    assert name("repository", "a/b") == "a/b, the list of tags"
    assert name("tag", "a/b", "1") == "a/b:1"
    assert name("digest", "a/b", digest) == "a/b@sha256:abababab…bab"
    assert name("referrers", "a/b", digest) == "a/b@sha256:abababab…bab, what is attached to it"


@pytest.mark.parametrize("registries", [0, 20])
async def test_it_asks_the_store_no_more_for_many_registries(
    filled: Path, tmp_path: Path, figure: Callable[[str], None], registries: int
) -> None:
    with changed_state(tmp_path, of=filled) as states:
        for number in range(registries):
            states.crawl(f"r{number}")
    statements, response = await count_statements(tmp_path, "/status")
    assert response.status_code == 200
    assert 0 < statements <= STATEMENTS_MAX
    figure(f"/status with {registries + 2} registries: {statements} statements to the store")
