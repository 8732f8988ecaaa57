"""Everything by keyboard: suggestions, results, copying; and keys that leave the typing alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.places import PAGES
from tests.end_to_end.pages.slow_proxy import SlowProxy
from tests.end_to_end.pages.windows import wait_for

CLIPBOARD = ["clipboard-read", "clipboard-write"]
COPIED = """document.querySelector("#said").textContent === "Copied"
    && document.querySelector(".result .copy").dataset.said === "Copied" """


def focused(page: Page) -> str:
    """Return the text of what has the focus, or the id of a field."""
    found: str = page.evaluate(
        "() => document.activeElement.id || document.activeElement.textContent.trim()"
    )
    return found


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def open_suggestions(page: Page, text: str) -> None:
    """Type something on the first page and wait for its suggestions."""
    page.locator("#q").press_sequentially(text)
    expect(page.locator("#suggestions")).to_be_visible()


def test_the_way_from_an_empty_box_to_a_copied_reference_needs_no_mouse(
    open_page: Open, demo: Deployment
) -> None:
    page = open_page("/", permissions=CLIPBOARD)
    page.keyboard.press("Tab")
    assert focused(page) != "q"
    page.keyboard.press("/")
    assert focused(page) == "q"
    page.keyboard.type("team/ga", delay=30)
    expect(page.locator("#suggestions [role=option]").first).to_contain_text("team/gateway")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions [aria-selected=true]")).to_contain_text("team/gateway")
    page.keyboard.press("Enter")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    # Results are seen before the script of their page runs.
    page.wait_for_load_state("domcontentloaded")
    page.keyboard.press("j")
    assert focused(page) == "team/gateway"
    page.keyboard.press("c")
    # Both say so for two seconds only: one look is for both.
    wait_for(page, COPIED)
    assert clipboard(page) == f"{demo.registry.host}/team/gateway:2.3.0"
    expect(page.locator("#said")).to_have_text("")


def test_suggestions_are_a_combobox(open_page: Open) -> None:
    page = open_page("/")
    box, items = page.locator("#q"), page.locator("#suggestions [role=option]")
    open_suggestions(page, "te")
    expect(box).to_have_attribute("aria-expanded", "true")
    assert page.get_attribute("#q", "aria-activedescendant") is None
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", items.first.get_attribute("id") or "")
    expect(items.first).to_have_attribute("aria-selected", "true")
    box.press("ArrowUp")
    assert page.get_attribute("#q", "aria-activedescendant") is None
    box.press("ArrowUp")
    expect(items.last).to_have_attribute("aria-selected", "true")
    assert page.input_value("#q") == "te"


def test_escape_closes_the_suggestions_and_then_empties_the_box(open_page: Open) -> None:
    page = open_page("/")
    open_suggestions(page, "te")
    page.keyboard.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(page.locator("#q")).to_have_attribute("aria-expanded", "false")
    assert page.input_value("#q") == "te"
    page.keyboard.press("Escape")
    assert page.input_value("#q") == ""


def test_a_field_is_completed_and_then_its_value(open_page: Open) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("licen")
    page.locator("#suggestions").get_by_text("license:").click()
    expect(page.locator("#suggestions [role=option]").first).to_contain_text("license:")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value(re.compile(r"^license:\S"))
    expect(page.locator(".result").first).to_be_visible()
    assert focused(page) == "q"


def test_names_cover_no_results_unless_they_are_asked_for(open_page: Open) -> None:
    page = open_page("/search")
    with page.expect_response(re.compile("/suggest")):
        page.locator("#q").press_sequentially("gatew")
    expect(page.locator(".result h2")).to_have_text(["team/gateway"])
    expect(page.locator("#suggestions")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions [aria-selected=true]")).to_contain_text("team/gateway")


def test_the_mouse_takes_a_suggestion(open_page: Open) -> None:
    page = open_page("/")
    open_suggestions(page, "team/g")
    page.locator("#suggestions [role=option]").first.click()
    expect(page).to_have_url(re.compile(r"/search\?q=team%2Fgateway|/search\?q=team/gateway"))


def test_nothing_is_asked_for_an_empty_box(proxy: SlowProxy, open_page: Open) -> None:
    page = open_page(proxy.url)
    page.keyboard.press("ArrowDown")
    page.keyboard.type(" ")
    page.wait_for_timeout(300)
    assert proxy.asked("/api/v1/suggest") == []


def test_keys_go_through_the_results_and_open_one(open_page: Open) -> None:
    page = open_page("/search?q=web")
    names = [one.strip() for one in page.locator(".result h2 > a:first-child").all_text_contents()]
    assert len(names) > 2
    seen = []
    for key in ("j", "j", "ArrowDown", "k", "ArrowUp", "ArrowUp", "k"):
        page.keyboard.press(key)
        seen.append(focused(page))
    assert seen == [names[number] for number in (0, 1, 2, 1, 0, 0, 0)]
    href = page.locator(".result h2 > a:first-child").first.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(str(href)) + "$"))


def test_arrows_scroll_where_no_result_is_chosen(open_page: Open) -> None:
    page = open_page("/search")
    page.keyboard.press("ArrowDown")
    wait_for(page, "scrollY > 0")


def test_the_help_is_one_key_away(open_page: Open) -> None:
    page = open_page("/search?q=web")
    page.keyboard.press("?")
    expect(page).to_have_url(re.compile("/help#keys$"))


def test_enter_in_the_box_leads_to_the_results(open_page: Open) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("gateway")
    page.keyboard.press("Enter")
    wait_for(page, "document.activeElement.textContent.trim() == 'team/gateway'")


def test_keys_of_the_browser_stay_its_own(open_page: Open) -> None:
    page = open_page("/search?q=web")
    page.locator(".result h2 > a:first-child").nth(1).focus()
    page.evaluate("""() => addEventListener("keydown",
        (event) => { window.taken = event.defaultPrevented; event.preventDefault(); })""")
    for modifier in ("Control", "Alt", "Meta"):
        for key in ("/", "j", "c", "?"):
            page.keyboard.press(f"{modifier}+{key}")
            assert page.evaluate("window.taken") is False, f"{modifier}+{key}"
    page.keyboard.press("j")
    assert page.evaluate("window.taken") is True


def test_keys_are_only_letters_while_somebody_types(open_page: Open) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("/jkc?")
    assert page.input_value("#q") == "/jkc?"
    page.locator("#sort").focus()
    page.keyboard.press("j")
    expect(page.locator("#total")).not_to_contain_text("All")
    assert focused(page) == "sort"


def test_single_keys_can_be_switched_off(open_page: Open) -> None:
    page = open_page("/help")
    expect(page.locator("#keys-on")).to_be_checked()
    page.uncheck("#keys-on")
    page.goto("/search?q=web")
    page.keyboard.press("j")
    page.keyboard.press("/")
    page.keyboard.press("?")
    assert page.evaluate("document.activeElement === document.body")
    assert page.url.endswith("/search?q=web")
    # What is no single letter still works.
    page.locator(".result h2 > a:first-child").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".result").nth(1).locator("h2 > a").first).to_be_focused()
    page.goto("/help")
    expect(page.locator("#keys-on")).not_to_be_checked()


def test_a_button_copies_where_the_browser_has_no_clipboard(open_page: Open) -> None:
    """Over plain HTTP browsers hide their clipboard from pages; localhost is an exception."""
    page = open_page("/", permissions=CLIPBOARD)
    page.evaluate("navigator.clipboard.writeText('before')")
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto("/search?q=gateway")
    page.locator(".result .copy").first.click()
    expect(page.locator("#said")).to_have_text("Copied")
    other = open_page("/help", storage_state=None, permissions=CLIPBOARD)
    assert clipboard(other).startswith("docker pull")
    assert page.locator("textarea").count() == 0


@pytest.mark.parametrize("name", ["repository", "image", "chart"])
def test_a_command_is_chosen_and_copied_by_keyboard(open_page: Open, name: str) -> None:
    """The tabs of the pull box are radio buttons: arrows go through them, as everywhere."""
    page = open_page(PAGES[name], permissions=CLIPBOARD)
    tools = [one.strip() for one in page.locator(".pull label").all_text_contents()]
    assert len(tools) > 1
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.pull input')"):
            break
    assert focused(page) == f"pull-{tools[0]}"
    for tool in (*tools[1:], tools[0]):
        page.keyboard.press("ArrowRight")
        assert focused(page) == f"pull-{tool}"
        label = page.locator(f".pull label[for=pull-{tool}]")
        assert label.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"
        expect(page.locator(".pull .pane:visible")).to_have_count(1)
        button = page.locator(".pull .pane:visible .copy").first
        command = button.get_attribute("data-copy") or ""
        assert command.startswith({"reference": "", "docker": "docker pull "}.get(tool, tool))
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_have_text("Copied")
        assert clipboard(page) == command
        expect(page.locator("#said")).to_have_text("")
        page.keyboard.press("Shift+Tab")
        assert focused(page) == f"pull-{tool}"
    page.keyboard.press("ArrowLeft")
    assert focused(page) == f"pull-{tools[-1]}"
    expect(page.locator(".pull .pane:visible code").first).to_be_visible()


def test_the_mouse_leaves_no_ring_around_a_command(open_page: Open) -> None:
    page = open_page(PAGES["repository"])
    label = page.locator(".pull label", has_text="docker")
    label.click()
    assert label.evaluate("(one) => getComputedStyle(one).outlineStyle") == "none"
    expect(page.locator(".pull .pane:visible code")).to_contain_text("docker pull")


def test_what_cannot_be_copied_is_selected(open_page: Open) -> None:
    page = open_page("/")
    page.add_init_script("""
        Object.defineProperty(navigator, 'clipboard', {value: undefined});
        document.execCommand = () => false;
    """)
    page.goto("/search?q=gateway")
    button = page.locator(".result .copy").first
    button.click()
    expect(page.locator("#said")).to_have_text("Press Ctrl+C to copy")
    assert page.evaluate("getSelection().toString()") == button.get_attribute("data-copy")
