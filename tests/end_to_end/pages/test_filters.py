"""Filters, types and the order change the results in place, as typing does."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.slow_proxy import SlowProxy

CHARTS = 'kind:="helm-chart"'
CHARTS_ADDRESS = "/search?q=kind:%3D%22helm-chart%22"


def remember(page: Page) -> None:
    """Leave a mark that a new page would not have."""
    page.evaluate("window.same = true")


def is_same(page: Page) -> bool:
    return page.evaluate("window.same") is True


def chart(page: Page) -> Locator:
    """Return the filter of a kind that the demonstration has."""
    return page.locator("#kind-helm-chart")


def test_a_filter_changes_the_results_in_place(open_page: Open) -> None:
    page = open_page("/search")
    remember(page)
    count = chart(page).locator(".number").text_content() or ""
    chart(page).click()
    expect(page.locator("#total")).to_contain_text(count)
    assert page.url.endswith(CHARTS_ADDRESS)
    assert page.input_value("#q") == CHARTS
    expect(page).to_have_title(f"{CHARTS} · regsearch")
    expect(page.locator("footer .twin")).to_have_attribute("href", f"/api/v1{CHARTS_ADDRESS}")
    expect(chart(page)).to_have_attribute("aria-current", "true")
    expect(chart(page)).to_be_focused()
    expect(page.locator("#said")).to_contain_text(count)
    chart(page).click()
    expect(page.locator("#total")).to_contain_text("All repositories")
    expect(chart(page)).to_be_focused()
    assert is_same(page)


def test_back_and_forward_go_through_the_filters(open_page: Open) -> None:
    page = open_page("/search")
    remember(page)
    chart(page).click()
    expect(page.locator(".chips a")).to_have_count(1)
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially(" web")
    expect(page.locator(".chips a")).to_have_count(2)
    # Results for a part of the word have two chips too, and lead to images of that part.
    expect(page.locator("#type-image")).to_have_attribute("href", re.compile("web&"))
    page.locator("#type-image").click()
    expect(page.locator("#type-image")).to_have_attribute("aria-current", "page")
    shown = []
    for step in (page.go_back, page.go_back, page.go_back, page.go_forward):
        step()
        expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
        shown.append((page.input_value("#q"), "type=image" in page.url))
    assert shown == [
        (f"{CHARTS} web", False),
        (CHARTS, False),
        ("", False),
        (CHARTS, False),
    ]
    expect(page.locator(".chips a")).to_have_count(1)
    assert is_same(page)


def test_the_focus_goes_to_the_next_chip_and_then_to_the_filters(open_page: Open) -> None:
    page = open_page("/search?q=kind:image team web", viewport={"width": 390, "height": 800})
    page.click("#filters")
    remember(page)
    page.locator(".chips a").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chips a")).to_have_count(2)
    expect(page.locator(".chips a").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".chips a")).to_have_count(1)
    expect(page.locator("#filters")).to_be_focused()
    expect(page.locator(".fold")).to_have_attribute("open", "")
    assert page.input_value("#q") == "kind:image"
    assert is_same(page)


def test_an_order_is_chosen_in_place(open_page: Open) -> None:
    page = open_page("/search?q=team&type=image&limit=100")
    remember(page)
    page.locator("#sort").focus()
    page.select_option("#sort", "size")
    expect(page).to_have_url(re.compile(r"[?&]sort=size\b"))
    assert re.search("[?&]q=team&.*type=image", page.url)
    assert "limit=100" in page.url
    expect(page.locator("#sort")).to_have_value("size")
    expect(page.locator("#sort")).to_be_focused()
    expect(page.locator("#type-image")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.locator("#sort")).to_have_value("relevance")
    assert is_same(page)


def test_who_types_on_after_a_click_loses_neither(proxy: SlowProxy, open_page: Open) -> None:
    page = open_page(f"{proxy.url}/search?q=team")
    proxy.delay = lambda path: 1.5 if path == "/search?q=team&type=image" else 0
    page.locator("#type-image").click()
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially("/gateway")
    expect(page).to_have_url(re.compile(r"q=team/gateway&type=image$"))
    expect(page.locator("#type-image")).to_have_attribute("aria-current", "page")
    expect(page.locator("#total")).to_contain_text("image")
    assert page.input_value("#q") == "team/gateway"


def test_a_filter_of_a_service_that_is_away_is_asked_again(
    proxy: SlowProxy, open_page: Open
) -> None:
    page = open_page(f"{proxy.url}/search")
    proxy.refusals["/search?q=kind"] = 503
    chart(page).click()
    expect(page.locator("#mistake")).to_contain_text("Trying again in 1 s")
    proxy.refusals.clear()
    expect(chart(page)).to_have_attribute("aria-current", "true")
    expect(page.locator("#mistake")).to_be_hidden()


@pytest.mark.parametrize("modifier", ["Control", "Shift"])
def test_a_filter_opens_in_another_window_if_that_is_asked(open_page: Open, modifier: str) -> None:
    page = open_page("/search")
    with page.context.expect_page() as opened:
        chart(page).click(modifiers=[modifier])  # type: ignore[list-item]
    expect(opened.value).to_have_url(re.compile(re.escape(CHARTS_ADDRESS) + "$"))
    assert page.url.endswith("/search")
