"""Every page at every width, dark and light: nothing sticks out, and nobody is shut out."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.pages.conftest import Check, Open
from tests.end_to_end.pages.places import EACH, MAIN, PAGES
from tests.end_to_end.pages.slow_proxy import SlowProxy
from tests.end_to_end.pages.windows import SCHEMES, WIDTHS, wait_for

STICKING_OUT = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 200)).slice(0, 5)"""


def window(width: int, scheme: str) -> dict[str, Any]:
    """Return the options of a window."""
    return {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(open_page: Open, name: str) -> None:
    page = open_page(PAGES[name])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{width} {scheme}: {page.evaluate(STICKING_OUT)}"


@pytest.mark.parametrize("name", EACH)
def test_axe_finds_nothing(open_page: Open, axe: Check, name: str) -> None:
    page = open_page(PAGES[name])
    page.emulate_media(reduced_motion="reduce")
    for width, scheme in ((320, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert axe(page) == [], f"{width} {scheme}"


def open_suggestions(page: Page, proxy: SlowProxy) -> None:
    page.fill("#q", "te")
    page.press("#q", "ArrowDown")
    expect(page.locator("#suggestions [aria-selected=true]")).to_be_visible()


def wait_for_results(page: Page, proxy: SlowProxy) -> None:
    proxy.delay = lambda path: 6 if path.startswith("/search") else 0
    page.fill("#q", "gateway")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")


def make_a_mistake(page: Page, proxy: SlowProxy) -> None:
    page.fill("#q", '"gateway')
    expect(page.locator("#mistake")).to_be_visible()


def copy_a_reference(page: Page, proxy: SlowProxy) -> None:
    page.locator(".result .copy").first.click()
    expect(page.locator("[data-said]")).to_be_visible()


def open_the_filters(page: Page, proxy: SlowProxy) -> None:
    page.set_viewport_size({"width": 320, "height": 900})
    page.click(".fold > summary")
    for more in page.locator(".facet details summary").all():
        more.click()


STATES = (
    open_suggestions,
    wait_for_results,
    make_a_mistake,
    copy_a_reference,
    open_the_filters,
)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_in_any_state(
    open_page: Open,
    axe: Check,
    proxy: SlowProxy,
    state: Callable[[Page, SlowProxy], None],
    scheme: str,
) -> None:
    page = open_page(f"{proxy.url}/search?q=web", color_scheme=scheme, reduced_motion="reduce")
    state(page, proxy)
    assert axe(page) == []
    proxy.delay = lambda path: 0


def test_axe_finds_a_planted_fault(open_page: Open, axe: Check) -> None:
    page = open_page("/help")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [one for one in axe(page) if one.startswith("button-name")]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_switch_between_dark_and_light_is_kept_without_a_flash(
    open_page: Open, scheme: str
) -> None:
    page = open_page("/", color_scheme=scheme)
    before = background(page)
    page.click(".theme")
    after = background(page)
    assert before != after
    # What the first painted frame of each later page has: the theme is there before anything else.
    page.add_init_script("""
        addEventListener("DOMContentLoaded", () => { window.parsed = theme(); });
        const theme = () => document.documentElement.dataset.theme;
        new PerformanceObserver((list) => list.getEntries().forEach((one) => {
            window.painted ??= getComputedStyle(document.body).backgroundColor;
        })).observe({type: "paint", buffered: true});
        new MutationObserver((_, observer) => {
            if (document.body) { window.first = theme(); observer.disconnect(); }
        }).observe(document, {childList: true, subtree: true});
    """)
    page.goto("/search?q=web")
    wait_for(page, "window.painted")
    assert page.evaluate("window.painted") == background(page) == after
    other = "light" if scheme == "dark" else "dark"
    assert page.evaluate("[window.first, window.parsed]") == [other, other]
    page.click(".theme")
    assert background(page) == before


def background(page: Page) -> str:
    script = "getComputedStyle(document.body).backgroundColor"
    found: str = page.evaluate(script)
    return found


@pytest.mark.parametrize("name", EACH)
def test_touch_targets_are_large_enough(open_page: Open, name: str) -> None:
    """Buttons, boxes and links of a narrow page, other than those inside of a sentence."""
    page = open_page(PAGES[name], viewport={"width": 360, "height": 800}, has_touch=True)
    small = page.evaluate("""() => [...document.querySelectorAll("button, input, select, summary")]
        .filter((one) => one.checkVisibility() && one.type !== "checkbox" && one.type !== "radio")
        .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 120)])
        .filter(([place]) => place.height && (place.height < 24 || place.width < 24))
        .map(([place, html]) => `${place.width} x ${place.height}: ${html}`)""")
    assert small == []


# What moves: when, in milliseconds, how much, and what.
SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => list.getEntries().forEach((one) => window.shifts.push([
        one.startTime, one.value, one.sources.map(({node}) => node?.outerHTML ?? node?.data)
            .map((text) => text?.slice(0, 150)).join("; "),
    ]))).observe({type: "layout-shift", buffered: true});
"""
# An age that becomes longer meanwhile, "10 s ago", moves the one word behind it.
A_WORD = 0.00001
# A line of which only a part is there.
A_LINE = 0.002


def load_watched(proxy: SlowProxy, open_page: Open, name: str, width: int) -> Page:
    """Load a page by the proxy until all of it is there; ``SHIFTS`` has what moved meanwhile."""
    page = open_page("about:blank", viewport={"width": width, "height": 800})
    page.add_init_script(SHIFTS)
    page.goto(f"{proxy.url}{PAGES[name]}")
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("name", sorted(MAIN))
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_when_the_script_begins(
    proxy: SlowProxy, open_page: Open, name: str, width: int
) -> None:
    # The script comes after the first picture of the page.
    proxy.delay = lambda path: 1 if path.endswith("page.js") else 0
    page = load_watched(proxy, open_page, name, width)
    came = page.evaluate("""performance.getEntriesByType("resource")
        .find((one) => one.name.includes("page.js")).responseEnd""")
    assert came > 1000
    moved = [one for one in page.evaluate("window.shifts") if one[0] >= came and one[1] > A_WORD]
    assert moved == []


@pytest.mark.parametrize("name", sorted(MAIN))
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_while_a_page_comes_in_pieces(
    proxy: SlowProxy, open_page: Open, name: str, width: int
) -> None:
    proxy.piece_pause = 0.1
    page = load_watched(proxy, open_page, name, width)
    assert [one for one in page.evaluate("window.shifts") if one[1] > A_LINE] == []


def test_print_shows_the_content_alone(open_page: Open) -> None:
    page = open_page("/search?q=gateway")
    page.emulate_media(media="print")
    expect(page.locator(".filters")).to_be_hidden()
    expect(page.locator("#q")).to_be_hidden()
    expect(page.locator(".result h2")).to_have_text([re.compile("team/gateway")])


def test_the_chosen_tab_stays_at_its_command_on_a_telephone(open_page: Open) -> None:
    """A second line of tabs would stand between the first one and its command."""
    page = open_page(PAGES["repository"], viewport={"width": 390, "height": 800})
    tops = page.locator(".pull label").evaluate_all("all => all.map((one) => one.offsetTop)")
    assert len(tops) == 5
    assert len(set(tops)) == 1


def test_the_name_of_a_row_of_platforms_is_one_line(open_page: Open) -> None:
    page = open_page(PAGES["matrix"], viewport={"width": 390, "height": 800})
    lines = page.locator(".platform-matrix th[scope=row] bdi").evaluate_all(
        "all => all.map((one) => one.getClientRects().length)"
    )
    assert lines == [1]


@pytest.mark.parametrize("width", [320, 1440])
def test_each_line_of_facts_begins_below_the_title(open_page: Open, width: int) -> None:
    """The dot before the first fact of a line lies outside of what is shown."""
    page = open_page(PAGES["repository"], viewport={"width": width, "height": 800})
    starts = page.evaluate("""() => {
        const start = (one) => { const range = document.createRange();
            range.selectNodeContents(one); return range.getBoundingClientRect().left; };
        const facts = [...document.querySelectorAll(".repository > .facts li")];
        const first = facts.filter((one, n) => !n || one.offsetTop > facts[n - 1].offsetTop + 9);
        return [document.querySelector("h1"), ...first].map((one) => Math.round(start(one)));
    }""")
    assert len(starts) > (2 if width == 320 else 1)
    assert max(starts) - min(starts) <= 1
