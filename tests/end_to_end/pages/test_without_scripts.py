"""Without JavaScript everything works but what follows the typing, and what is live."""

import re

import pytest
from playwright.sync_api import expect

from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.places import EACH, PAGES


@pytest.mark.parametrize("name", EACH)
def test_every_page_is_whole(open_page: Open, name: str) -> None:
    page = open_page(PAGES[name], java_script_enabled=False)
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("h1")).to_be_visible()
    for button in page.locator("button:visible").all():
        assert button.get_attribute("type") == "submit", button.text_content()
    # Nothing waits for a script.
    expect(page.locator("[aria-busy]")).to_have_count(0)


def test_a_search_is_a_form_and_its_results_are_links(open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    page.fill("#q", "web")
    page.press("#q", "Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=web$"))
    total = page.locator("#total").text_content()
    page.select_option("#sort", "name")
    page.click(".sort button")
    expect(page).to_have_url(re.compile("sort=name"))
    # All of its names are there, and the last of its links.
    page.wait_for_load_state()
    expect(page.locator("#total")).to_have_text(total or "")
    names = [one.strip() for one in page.locator(".result h2 > a:first-child").all_text_contents()]
    assert names == sorted(names)
    page.locator(".types a").last.click()
    expect(page).to_have_url(re.compile("type=image"))


def test_a_filter_is_a_link(open_page: Open) -> None:
    page = open_page("/search", java_script_enabled=False)
    value = page.locator(".facet a", has_text="helm-chart").first
    count = value.locator(".number").text_content() or ""
    value.click()
    expect(page.locator("#total")).to_contain_text(count)
    page.locator(".chips a").first.click()
    expect(page.locator("#total")).to_contain_text("All repositories")


def test_a_mistake_keeps_the_text_in_the_box(open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    page.fill("#q", '"web')
    page.press("#q", "Enter")
    expect(page.locator("#mistake")).to_be_visible()
    expect(page.locator("#q")).to_have_value('"web')


def test_a_reference_is_selected_whole_by_one_click(open_page: Open) -> None:
    page = open_page("/search?q=gateway", java_script_enabled=False)
    code = page.locator(".result .command code").first
    assert code.evaluate("(one) => getComputedStyle(one).userSelect") == "all"
