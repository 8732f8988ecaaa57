"""Results follow the typing, and nothing of it disturbs the one who types."""

import re

from playwright.sync_api import Page, expect

from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.slow_proxy import SlowProxy

KEY_MS = 1000 / 30
# How long the page waits for more.
TYPING_MS = 120
# Counts the pauses in the typing that are as long as the page waits for, or nearly so.
PAUSES = """() => {
    let last = Infinity;
    window.pauses = 0;
    document.getElementById("q").addEventListener("input", () => {
        const now = performance.now();
        window.pauses += now - last > 100;
        last = now;
    });
}"""


def caret(page: Page) -> list[object]:
    """Return what has the focus, and where the caret is in it."""
    script = "() => [document.activeElement.id, document.activeElement.selectionStart]"
    found: list[object] = page.evaluate(script)
    return found


def test_results_follow_the_typing(open_page: Open) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("gateway", delay=KEY_MS)
    expect(page.locator("#total")).to_have_text("1 repository")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    expect(page).to_have_title("gateway · regsearch")
    assert page.url.endswith("/search?q=gateway")
    assert caret(page) == ["q", 7]
    expect(page.locator("footer .twin")).to_have_attribute("href", "/api/v1/search?q=gateway")
    expect(page.locator("#said")).to_have_text("1 repository")


def test_typing_keeps_focus_and_caret_while_answers_arrive_out_of_order(
    proxy: SlowProxy, open_page: Open
) -> None:
    proxy.delay = lambda path: 1.5 if path.endswith("q=ga") else 0
    page = open_page(f"{proxy.url}/search")
    box = page.locator("#q")
    box.press_sequentially("ga")
    expect(page).to_have_url(re.compile("q=ga$"))
    box.press_sequentially("tway")
    box.press("ArrowLeft")
    box.press("ArrowLeft")
    # Not only the name: who types slowly sees it before the answer to the whole word.
    expect(page).to_have_title("gatway · regsearch")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    # The late answer to "ga" finds the same name, so that to the whole word is marked.
    page.evaluate("window.first = document.querySelector('.result')")
    page.wait_for_timeout(2000)
    assert page.evaluate("window.first.isConnected"), "a late answer replaced a newer one"
    assert caret(page) == ["q", 4]
    assert page.input_value("#q") == "gatway"


def test_typing_at_thirty_keys_a_second_against_a_slow_server_loses_nothing(
    proxy: SlowProxy, open_page: Open
) -> None:
    proxy.delay = lambda path: 0.7
    page = open_page(f"{proxy.url}/search")
    before = len(proxy.asked("/search"))
    text = "kind:image customer web shop storefront basket"
    page.evaluate(PAUSES)
    page.locator("#q").press_sequentially(text, delay=KEY_MS)
    pauses = page.evaluate("window.pauses")
    assert page.input_value("#q") == text
    assert caret(page) == ["q", len(text)]
    expect(page.locator("#total")).to_have_text("1 repository")
    assert page.input_value("#q") == text
    assert caret(page) == ["q", len(text)]
    # Without waiting for a pause there would be one for each key. A busy machine makes pauses.
    assert len(proxy.asked("/search")) - before <= pauses + 1


def test_old_results_stay_while_new_ones_are_awaited(proxy: SlowProxy, open_page: Open) -> None:
    page = open_page(f"{proxy.url}/search?q=gateway")
    proxy.delay = lambda path: 600 if "postgres" in path else 0
    page.fill("#q", "postgres")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    proxy.delay = lambda path: 0
    expect(page.locator(".result h2")).to_have_text(["mirror/library/postgres"])
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")


def test_a_quick_answer_is_never_announced_as_work(open_page: Open) -> None:
    # The clock of the page stands while it waits for the answer, so this is quick.
    page = open_page("/search?q=gateway", has_clock=True)
    page.evaluate("""() => {
        window.busy = 0;
        new MutationObserver(() => window.busy++).observe(
            document.getElementById("results"), {attributes: true, attributeFilter: ["aria-busy"]});
    }""")
    page.fill("#q", "gatewayx")
    page.clock.run_for(TYPING_MS)
    expect(page).to_have_title("gatewayx · regsearch")
    page.clock.run_for(1_000)
    assert page.evaluate("window.busy") == 0


def test_half_a_query_that_is_a_mistake_leaves_the_results(open_page: Open) -> None:
    page = open_page("/search?q=gateway")
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially(' "web')
    expect(page.locator("#mistake")).to_be_visible()
    expect(page.locator("#q")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    page.locator("#q").press_sequentially('"')
    expect(page.locator("#mistake")).to_be_hidden()
    expect(page.locator("#q")).to_have_attribute("aria-invalid", "false")


def test_a_service_that_is_starting_is_asked_again_when_it_says(
    proxy: SlowProxy, open_page: Open
) -> None:
    page = open_page(f"{proxy.url}/search?q=gateway")
    proxy.refusals["/search?q=postgres"] = 503
    page.fill("#q", "postgres")
    expect(page.locator("#mistake")).to_contain_text("Trying again in 1 s")
    proxy.refusals.clear()
    expect(page.locator(".result h2")).to_have_text(["mirror/library/postgres"])
    expect(page.locator("#mistake")).to_be_hidden()


def test_back_leads_to_the_search_before(open_page: Open) -> None:
    page = open_page("/")
    page.fill("#q", "gateway")
    page.press("#q", "Enter")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    # Results are seen before the script of their page runs.
    page.wait_for_load_state("domcontentloaded")
    page.fill("#q", "postgres")
    page.locator("#q").press_sequentially(" database", delay=KEY_MS)
    expect(page.locator(".result h2")).to_have_text(["mirror/library/postgres"])
    page.go_back()
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    assert page.input_value("#q") == "gateway"
    page.go_back()
    assert page.url.endswith("/")


def test_filters_stay_open(open_page: Open) -> None:
    page = open_page("/search?q=web", viewport={"width": 320, "height": 600})
    page.click(".fold > summary")
    page.fill("#q", "gateway")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    expect(page.locator(".fold")).to_have_attribute("open", "")


def test_an_emptied_box_shows_everything(open_page: Open) -> None:
    page = open_page("/search?q=gateway")
    page.fill("#q", "")
    expect(page.locator("#total")).to_contain_text("All repositories")
    assert page.url.endswith("/search")
