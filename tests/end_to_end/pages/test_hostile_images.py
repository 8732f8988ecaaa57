"""What images say is text: it runs nothing, hides nothing, and breaks no page."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.conftest import Open
from tests.end_to_end.pages.places import SCRIPT, hostile_images

BREACHES = """
    window.breaches = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        window.breaches.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    window.alert = window.confirm = window.prompt = () => window.breaches.push("a dialog");
"""
ADDRESSES = (
    *(f"/r/default/hostile/image:{tag}" for tag in hostile_images()),
    *(f"/i/{built.digest}" for built in hostile_images().values()),
    f"/l/{hostile_images()['script'].blobs[1].digest}",
    "/r/default/hostile/image",
    "/changes?repository=hostile/image&registry=default",
    "/search?q=hostile",
    "/search?q=hostile&type=image",
    "/search?q=hostile/image:script&type=image",
    "/search?q=large&type=image",
    "/search?q=nnnn*&type=image",
    "/search?facets=1&q=%3Cscript%3Edocument.title%3D1%3C/script%3E",
    "/search?q=%22%3E%3Cscript%3Edocument.title%3D1%3C/script%3E%22",
    "/%3Cscript%3Edocument.title%3D1%3C%2Fscript%3E",
    "/r/default/hostile/image:script",
    "/r/default/hostile/image:bidi",
    "/r/default/hostile/image:long",
    "/r/default/hostile/image:large",
    "/compare?a=hostile/image:script&b=hostile/image:bidi",
    "/go?ref=%3Cscript%3E1%3C/script%3E",
)


def assert_unharmed(page: Page) -> None:
    """Nothing of an image ran, was loaded, or is an element."""
    assert page.evaluate("window.breaches") == []
    assert page.title() != "taken"
    inside = page.locator("main img, main script, main iframe, main [onfocus], main [onerror]")
    assert inside.count() == 0
    # At once: results may be replaced meanwhile.
    for href in page.locator("a").evaluate_all("all => all.map((one) => one.getAttribute('href'))"):
        assert not re.match(r"\s*(javascript|data|vbscript):", href or "", re.IGNORECASE), href
    text = page.locator("body").inner_text()
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("width", [320, pytest.param(1440, marks=pytest.mark.thorough)])
def test_labels_are_text_everywhere(open_page: Open, address: str, width: int) -> None:
    page = open_page("/help", viewport={"width": width, "height": 900})
    page.add_init_script(BREACHES)
    page.goto(address)
    assert_unharmed(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_script_of_a_label_is_shown_as_it_is(open_page: Open) -> None:
    page = open_page("/search?q=hostile/image:script&type=image")
    expect(page.locator(".result").first).to_contain_text(SCRIPT)
    expect(page.locator(".result").first).to_contain_text("{{ 7 * 7 }}")


def test_labels_are_text_where_results_follow_the_typing(open_page: Open) -> None:
    page = open_page("/help")
    page.add_init_script(BREACHES)
    page.goto("/search?type=image")
    page.locator("#q").press_sequentially("hostile")
    expect(page.locator("#total")).to_have_text("4 images")
    assert_unharmed(page)
    page.fill("#q", "label:")
    expect(page.locator("#suggestions [role=option]").first).to_be_visible()
    assert_unharmed(page)
    page.fill("#q", SCRIPT)
    expect(page).to_have_title(re.compile("^<script>"))
    assert_unharmed(page)


def test_text_of_another_direction_turns_nothing_around_it(open_page: Open) -> None:
    """The words after a title stand at its right, whatever direction the title has."""
    page = open_page("/search?q=hostile/image:bidi&type=image")
    for text in page.locator(".result .title, .result .description").all():
        assert text.locator("bdi").count() == 1
    command = page.locator(".result .command code").first.inner_text()
    assert command.endswith("hostile/image:bidi")


def test_a_page_with_large_labels_is_small(open_page: Open, demo: Deployment) -> None:
    found = demo.service.get("/search", q="hostile", type="image")
    assert len(found.content) < 100_000
    assert len(hostile_images()["large"].blobs[0].body) > 1_000_000
