"""Starts Debian's Chromium, and says how wide and how dark its windows are."""

from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from tests.end_to_end.waiting import wait_until

WIDTHS = (320, 768, 1440)
SCHEMES = ("light", "dark")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def start_browser(playwright: Playwright, program: Path) -> Browser:
    """Start the browser ``program`` without a window; whoever starts it closes it."""
    return playwright.chromium.launch(executable_path=program, args=_FLAGS)


def wait_for(page: Page, condition: str) -> None:
    """Wait until an expression is true in a page.

    Playwright's own function for this is stopped by the policy of the pages.
    """
    wait_until(lambda: bool(page.evaluate(condition)), 20, condition)
