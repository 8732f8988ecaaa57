"""Starts Debian's Chromium, and says how wide and how dark its windows are."""

from pathlib import Path

from playwright.sync_api import Browser, Playwright

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
