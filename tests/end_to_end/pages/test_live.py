"""Pages that follow what happens, without moving anything under the reader."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from search_api.pages.words import age_text
from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.slow_proxy import SlowProxy
from tests.end_to_end.pages.windows import wait_for
from tests.end_to_end.waiting import wait_until
from tests.push import push

AGES = (-7200, -61, -60, -59, -1, 0, 1, 59, 60, 3599, 3600, 86_399, 86_400, 90 * 86_400 - 1)
LONG_AGES = (90 * 86_400, 400 * 86_400, 730 * 86_400 - 1, 730 * 86_400, 5000 * 86_400)


def push_anew(demo: Deployment, repository: str, seed: str) -> None:
    """Push an image that was not there, and wait until it is found."""
    push(demo.registry.url, repository, image(seed=seed, labels={"live": seed}), f"live-{seed}")
    demo.service.wait_until_found(f"label:live={seed}")


def hide(page: Page, *, is_hidden: bool) -> None:
    """Do what a browser does when its window is covered, which one without windows never is."""
    page.evaluate(
        """(is_hidden) => {
            Object.defineProperty(document, "hidden", {value: is_hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_the_status_makes_itself_new_and_says_how_old_it_is(
    proxy: SlowProxy, open_page: Open
) -> None:
    page = open_page(f"{proxy.url}/status", has_clock=True)
    page.wait_for_load_state("networkidle")
    page.clock.run_for(3_000)
    expect(page.locator("#updated")).to_have_text("updated 3 s ago")
    page.evaluate("window.same = document.querySelector('#status').firstElementChild")
    # To the very moment in which it asks: no second passes before the answer.
    page.clock.run_for(7_000)
    wait_until(lambda: len(proxy.asked("/status")) == 2, 10, "the status is asked for again")
    wait_for(page, "!window.same.isConnected")
    page.clock.run_for(1_000)
    expect(page.locator("#updated")).to_have_text("updated 1 s ago")


def test_the_age_of_the_status_grows_while_the_service_is_away(
    proxy: SlowProxy, open_page: Open
) -> None:
    page = open_page(f"{proxy.url}/status", has_clock=True)
    page.wait_for_load_state("networkidle")
    proxy.refusals["/status"] = 502
    shown = page.locator("#status").inner_text()
    page.clock.run_for(25_000)
    expect(page.locator("#updated")).to_have_text("updated 25 s ago")
    assert page.locator("#status").inner_text() == shown


def test_a_hidden_status_asks_for_nothing(proxy: SlowProxy, open_page: Open) -> None:
    page = open_page(f"{proxy.url}/status", has_clock=True)
    page.wait_for_load_state("networkidle")
    hide(page, is_hidden=True)
    page.clock.run_for(60_000)
    assert len(proxy.asked("/status")) == 1
    hide(page, is_hidden=False)
    page.clock.run_for(1_000)
    wait_until(lambda: len(proxy.asked("/status")) == 2, 10, "the status is asked for again")


def test_new_changes_are_counted_and_shown_on_demand(open_page: Open, demo: Deployment) -> None:
    page = open_page("/changes")
    expect(page.locator("#news")).to_be_hidden()
    before = page.locator("#changes").inner_text()
    push_anew(demo, "live/one", "counted")
    expect(page.locator("#news")).to_have_text("1 new change Show")
    push_anew(demo, "live/one", "counted-too")
    expect(page.locator("#news")).to_have_text("2 new changes Show")
    assert page.locator("#changes").inner_text() == before
    page.locator("#news a").click()
    expect(page.locator("#changes")).to_contain_text("live-counted-too")
    expect(page.locator("#news")).to_be_hidden()


def test_a_repository_counts_its_own_changes(open_page: Open, demo: Deployment) -> None:
    push_anew(demo, "live/mine", "first")
    page = open_page("/r/default/live/mine")
    push_anew(demo, "live/other", "of-another")
    push_anew(demo, "live/mine", "own")
    expect(page.locator("#news")).to_have_text("1 new change Show")
    page.locator("#news a").click()
    expect(page.locator("main")).to_contain_text("live-own")


PLACES = """() => [scrollX, scrollY, ...[...document.querySelectorAll("main *")]
    .filter((one) => one.checkVisibility() && !one.closest("#news") && !one.closest("time"))
    .map((one) => [one.getBoundingClientRect(), one])
    .map(([place, one]) => `${place.x} ${place.y} ${place.width} ${one.tagName} ${one.id}`)]"""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scrolled", [0, 150])
def test_nothing_moves_under_the_reader_of_a_repository(
    open_page: Open, demo: Deployment, width: int, scrolled: int
) -> None:
    window = f"{width}-{scrolled}"
    name = f"live/read-{window}"
    push_anew(demo, name, f"before-{window}")
    page = open_page(f"/r/default/{name}", viewport={"width": width, "height": 600})
    page.wait_for_load_state("networkidle")
    page.evaluate("(y) => scrollTo(0, y)", scrolled)
    before = page.evaluate(PLACES)
    assert before[1] == scrolled
    push_anew(demo, name, f"meanwhile-{window}")
    expect(page.locator("#news")).to_be_in_viewport()
    expect(page.locator("#news")).to_have_text("1 new change Show")
    expect(page.locator("#said")).to_have_text("1 new change")
    assert page.evaluate(PLACES) == before
    # It stays where the focus is when more comes.
    page.locator("#news a").focus()
    push_anew(demo, name, f"later-{window}")
    expect(page.locator("#news")).to_have_text("2 new changes Show")
    expect(page.locator("#news a")).to_be_focused()
    assert "meanwhile" not in page.locator("#tags").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#tags")).to_contain_text(f"live-meanwhile-{window}")
    expect(page.locator("#tags")).to_contain_text(f"live-later-{window}")
    expect(page.locator("#news")).to_be_hidden()


def test_a_hidden_page_has_no_stream_and_goes_on_where_it_was(
    proxy: SlowProxy, open_page: Open, demo: Deployment
) -> None:
    page = open_page(f"{proxy.url}/changes")
    wait_until(lambda: proxy.streams == 1, 10, "there is a stream")
    hide(page, is_hidden=True)
    wait_until(lambda: proxy.streams == 0, 10, "the stream is closed")
    push_anew(demo, "live/two", "unseen")
    assert page.locator("#news").is_hidden()
    hide(page, is_hidden=False)
    expect(page.locator("#news")).to_have_text("1 new change Show")
    assert proxy.streams == 1


def test_where_there_are_too_many_streams_the_page_polls(
    proxy: SlowProxy, open_page: Open, demo: Deployment
) -> None:
    proxy.refusals["/api/v1/changes/stream"] = 503
    page = open_page(f"{proxy.url}/changes", has_clock=True)
    wait_until(lambda: bool(proxy.asked("/api/v1/changes/stream")), 10, "a stream is asked for")
    page.wait_for_load_state("networkidle")
    push_anew(demo, "live/three", "polled")
    assert proxy.asked("/api/v1/changes?") == []
    page.clock.run_for(31_000)
    expect(page.locator("#news")).to_have_text("1 new change Show")
    page.clock.run_for(31_000)
    wait_until(lambda: len(proxy.asked("/api/v1/changes?")) == 2, 10, "it polls again")
    expect(page.locator("#news")).to_have_text("1 new change Show")


def test_a_cursor_that_is_too_old_begins_anew_but_not_for_ever(
    proxy: SlowProxy, open_page: Open
) -> None:
    proxy.refusals["/api/v1/changes"] = 410
    page = open_page(f"{proxy.url}/changes", has_clock=True)
    wait_until(lambda: bool(proxy.asked("/api/v1/changes/stream")), 10, "a stream is asked for")
    page.wait_for_load_state("networkidle")
    page.clock.run_for(31_000)
    wait_until(lambda: len(proxy.asked("/changes")) == 2, 10, "the page is loaded again")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    assert len(proxy.asked("/changes")) == 2


def test_pages_that_are_not_live_have_no_stream(proxy: SlowProxy, open_page: Open) -> None:
    page = open_page(f"{proxy.url}/search?q=web")
    page.wait_for_load_state("networkidle")
    assert proxy.asked("/api/v1/changes") == []
    assert not [one for one in proxy.requests if one.endswith("live.js")]


def test_ages_are_said_in_the_words_of_the_server(open_page: Open) -> None:
    page = open_page("/search")
    now = datetime(2026, 11, 28, tzinfo=UTC)
    ages = (*AGES, *LONG_AGES)
    said = page.evaluate(
        """async (ages) => {
            const script = await import(document.querySelector("script[type=module]").src);
            return ages.map((age) => script.ageText(age * 1000));
        }""",
        ages,
    )
    assert said == [age_text(now - timedelta(seconds=age), now=now) for age in ages]


@pytest.mark.parametrize("address", ["/", "/search", "/status"])
def test_ages_grow_while_a_page_is_open(open_page: Open, address: str) -> None:
    page = open_page(address, has_clock=True)
    time = page.locator("footer time")
    time.evaluate("(one) => { one.dateTime = new Date(Date.now() - 590_000).toISOString(); }")
    page.clock.run_for(61_000)
    expect(time).to_have_text("10 min ago")
