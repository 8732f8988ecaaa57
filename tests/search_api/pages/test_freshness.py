"""What pages say of their own freshness: the bar above each page, and the first reading."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from search_api.pages.freshness import WAITING_SHOWN, stale_sentences
from tests.fakes.clock import ManualClock
from tests.search_api.filling import hold_back, searching_client
from tests.search_api.pages.conftest import HTML
from tests.search_api.pages.html import Element, read_html
from tests.search_api.pages.states import REFUSED, States, changed_state

pytestmark = pytest.mark.anyio


def first_time(states: States) -> None:
    states.read("edge", done=1, waiting=2)


def unreadable(states: States) -> None:
    states.crawl("dead")
    states.fail("dead", REFUSED)


def unknown_reason(states: States) -> None:
    states.fail("dead", "KeyError: 'x'")


def held_back(states: States) -> None:
    hold_back(states.store, "second", clock=ManualClock())


def waiting(states: States) -> None:
    states.wait("main", WAITING_SHOWN + 1_140)


ROWS: list[tuple[Callable[[States], None], str, str]] = [
    (
        first_time,
        "edge is being read for the first time; results are not complete yet.",
        "/status#registry-edge",
    ),
    (
        unreadable,
        (
            "dead cannot be read: nothing answers at its address."
            " What is shown is as of 2026-03-01 12:00 UTC."
        ),
        "/status#registry-dead",
    ),
    (unknown_reason, "dead cannot be read: KeyError: 'x'.", "/status#registry-dead"),
    (
        held_back,
        "second: 2 repositories may be gone and are still shown. What is this?",
        "/status#registry-second",
    ),
    (
        waiting,
        "Catching up: 1 240 changes of main are not shown yet.",
        "/status#registry-main",
    ),
]


async def get_page(directory: Path, address: str, *, seconds: float = 0) -> Element:
    clock = ManualClock()
    clock.advance(seconds)
    async with searching_client(directory, clock=clock) as client:
        response = await client.get(address, headers=HTML)
    assert response.status_code == 200, response.text[:500]
    return read_html(response.text)


@pytest.mark.parametrize(
    ("write", "sentence", "address"), ROWS, ids=[row[0].__name__ for row in ROWS]
)
async def test_each_stale_sentence(
    filled: Path, tmp_path: Path, write: Callable[[States], None], sentence: str, address: str
) -> None:
    with changed_state(tmp_path, of=filled) as states:
        write(states)
    for page_address in ("/", "/search", "/help"):
        bar = (await get_page(tmp_path, page_address)).one(class_="stale")
        assert bar["role"] == "status"
        [told] = bar.all("p")
        assert told.text == sentence
        assert {link["href"] for link in told.all("a")} == {address}
    assert read_id(await get_page(tmp_path, "/status"), address)
    # The status says the same in the part of it that is refreshed.
    assert sentence.removesuffix(" What is this?") in (
        (await get_page(tmp_path, "/status")).one(id="status").text
    )


def read_id(page: Element, address: str) -> Element:
    return page.one(id=address.partition("#")[2])


def test_reasons_are_told_apart_by_their_codes() -> None:
    """Their words may change."""
    reasons = [
        {"code": "DOCUMENTS_WAITING", "message": "some of it comes later"},
        {"code": "NEW_CODE", "message": "7 documents not indexed yet"},
    ]
    told = stale_sentences({"reasons": reasons, "documents_waiting": 7, "registries": {}})
    assert [one.before for one in told] == ["7 documents not indexed yet."]


async def test_nothing_is_said_of_what_is_fresh(filled: Path) -> None:
    for address in ("/", "/search", "/help"):
        assert not (await get_page(filled, address)).one(class_="stale").all("p")


async def test_a_dead_indexer_is_said_first(filled: Path, tmp_path: Path) -> None:
    with changed_state(tmp_path, of=filled) as states:
        states.fail("dead", REFUSED)
    bar = (await get_page(tmp_path, "/", seconds=180)).one(class_="stale")
    assert bar.all("p")[0].text == "The indexer has not been alive for 3 minutes."


async def test_the_first_reading_shows_how_far_it_is(tmp_path: Path) -> None:
    with changed_state(tmp_path) as states:
        states.read("main", done=1_240, waiting=18_760)
    for address in ("/", "/search", "/search?q=nginx&type=image"):
        page = await get_page(tmp_path, address)
        text = re.sub(r"\s", " ", page.one("main").text)
        assert "Reading main for the first time: 1 240 of about 20 000 places" in text
        bar = page.one("progress")
        assert (bar["value"], bar["max"]) == ("1240", "20000")
        assert bar["aria-label"] == "Reading main for the first time"
        assert "are empty" not in text


async def test_before_anything_is_known_of_its_size_a_reading_only_goes_on(tmp_path: Path) -> None:
    with changed_state(tmp_path) as states:
        states.read("main", done=0, waiting=0)
    page = await get_page(tmp_path, "/")
    assert page.one(class_="progress").text == "Reading main for the first time"
    assert "value" not in page.one("progress").attributes


async def test_later_crawls_are_not_shown_beside_results(filled: Path, tmp_path: Path) -> None:
    with changed_state(tmp_path, of=filled) as states:
        states.read("main", done=3, waiting=4)
    assert not (await get_page(tmp_path, "/search")).all("progress")
    assert not (await get_page(tmp_path, "/")).all("progress")
    assert "Reading main as a whole: 3 of about 7 places" in (
        (await get_page(tmp_path, "/status")).text
    )


async def test_a_short_crawl_is_not_said_to_read_all(filled: Path, tmp_path: Path) -> None:
    with changed_state(tmp_path, of=filled) as states:
        states.read("main", done=3, waiting=4, is_full=False)
    text = (await get_page(tmp_path, "/status")).text
    assert "Reading main: 3 of about 7 places" in text


async def test_without_a_store_there_is_a_first_page(tmp_path: Path) -> None:
    page = await get_page(tmp_path, "/")
    assert page.one("h1").text == "Search container registries"
    assert "Nothing was read yet." in page.text
