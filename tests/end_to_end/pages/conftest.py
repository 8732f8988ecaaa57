"""The service with the content of the demonstration and hostile images, and a real browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.filling import fill
from tests.end_to_end.pages.slow_proxy import SlowProxy
from tests.end_to_end.pages.windows import start_browser
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.programs import NeedsProgram, find_program

Open = Callable[..., Page]
Check = Callable[[Page], list[str]]

# The rules of WCAG 2.2 AA, and what axe calls good practice.
AXE = """() => axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map((one) =>
    `${one.id}: ${one.help}: ` + one.nodes.map((node) => node.target + " " + node.html.slice(0, 200)
        + " " + node.any.map((check) => check.message)).slice(0, 4).join(" | ")))"""

# How long a page may take to show something: the machine may be busy.
# Chromium says each status of 400 and above in the console; the tests look at the status.
WAIT_MS = 20_000
_EXPECTED = "Failed to load resource: the server responded with a status of "


@pytest.fixture
def demo(registry_program: str, request: pytest.FixtureRequest) -> Deployment:
    """Give the registry and the service of all tests of pages; tests only add to them."""
    everybodys = request.getfixturevalue("everybodys_demo")
    assert isinstance(everybodys, Deployment)
    return everybodys


@pytest.fixture(scope="package")
def everybodys_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run a registry and a service with content."""
    program = find_program(DISTRIBUTION_2)
    assert program is not None
    with Deployment(tmp_path_factory.mktemp("demo"), program=program) as own:
        fill(own)
        yield own


@pytest.fixture(scope="package")
def everybodys_browser() -> Iterator[Browser]:
    """Run a browser without a window."""
    expect.set_options(timeout=WAIT_MS)
    program = find_program("chromium")
    assert program is not None
    with sync_playwright() as playwright, start_browser(playwright, Path(program)) as browser:
        yield browser


@pytest.fixture
def open_page(
    needs_program: NeedsProgram, demo: Deployment, request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Give a function that opens an address in a window of its own, with options of a context.

    A mistake of a script, a breach of the policy and whatever else the console says of errors
    fails the test in the end.
    """
    needs_program("chromium")
    browser = request.getfixturevalue("everybodys_browser")
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_EXPECTED):
            faults.append(f"{message.page.url if message.page else ''}: {message.text}")

    def open_one(address: str = "/", *, has_clock: bool = False, **options: object) -> Page:
        context = browser.new_context(**{"base_url": demo.service.url, **options})
        context.set_default_timeout(WAIT_MS)
        context.on("console", heard)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page: Page = context.new_page()
        if has_clock:
            # The time of the page goes on only when the test says so: an installed clock runs.
            now = datetime.now(UTC)
            page.clock.install(time=now)
            page.clock.pause_at(now + timedelta(seconds=1))
        page.goto(address)
        return page

    yield open_one
    for context in browser.contexts:
        context.close()
    assert faults == []


@pytest.fixture
def proxy(demo: Deployment) -> Iterator[SlowProxy]:
    """Give a proxy in front of the service."""
    own = SlowProxy(demo.service.url)
    with own.open():
        yield own


@pytest.fixture
def axe(needs_program: NeedsProgram) -> Check:
    """Give a function that returns what axe-core finds wrong with a page."""
    source = Path(needs_program("axe-core")).read_text("utf-8")

    def check(page: Page) -> list[str]:
        # The policy of the page forbids a script element; this way is not one.
        page.evaluate(source)
        found: list[str] = page.evaluate(AXE)
        return found

    return check
