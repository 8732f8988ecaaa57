"""Pictures of all pages, ``make screenshots``, and the one of the README.

Starts the registry and the service of the tests, and opens every page in Debian's Chromium: dark
and light, wide and narrow. The files go to ``build/screenshots``. With ``--readme`` only the
picture ``docs/page.png`` is made.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.filling import fill
from tests.end_to_end.pages.places import PAGES
from tests.end_to_end.pages.windows import SCHEMES, start_browser
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.programs import find_program

TOP = Path(__file__).parents[3]
FOLDER = TOP / "build" / "screenshots"
PICTURE = TOP / "docs" / "page.png"
PICTURE_BYTES_MAX = 60_000
WIDE, NARROW = 1280, 390
_COLOURS = 128
_README_SIZE = {"width": 1000, "height": 640}


@contextmanager
def demonstration() -> Iterator[tuple[Deployment, Browser]]:
    """Run the service with content, and a browser; ``SystemExit`` if a program is missing."""
    programs = {name: find_program(name) for name in (DISTRIBUTION_2, "chromium")}
    for name, path in programs.items():
        if path is None:
            raise SystemExit(f"{name} is missing: install the Debian package {name}")
    with (
        TemporaryDirectory(prefix="regsearch-pages-") as folder,
        Deployment(Path(folder), program=str(programs[DISTRIBUTION_2])) as deployment,
        sync_playwright() as playwright,
        start_browser(playwright, Path(str(programs["chromium"]))) as browser,
    ):
        fill(deployment)
        yield deployment, browser


def take_all(deployment: Deployment, browser: Browser) -> Iterator[Path]:
    """Write a picture of each page in each scheme and width; yield their files."""
    for scheme in SCHEMES:
        for width in (WIDE, NARROW):
            page = browser.new_page(
                base_url=deployment.service.url,
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": width, "height": 900},
                reduced_motion="reduce",
            )
            for name, address in PAGES.items():
                page.goto(address)
                page.wait_for_load_state("load")
                file = FOLDER / f"{name}-{scheme}-{'wide' if width == WIDE else 'narrow'}.png"
                page.screenshot(path=file, full_page=True)
                yield file
            page.close()


def take_readme_picture(deployment: Deployment, browser: Browser) -> int:
    """Write the picture of the README; return its size in bytes."""
    page: Page = browser.new_page(
        base_url=deployment.service.url,
        color_scheme="light",
        viewport=_README_SIZE,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page.goto("/search")
    page.locator("#q").press_sequentially("web", delay=50)
    expect(page.locator(".result h2").first).to_contain_text("team/web")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURE)
    page.close()
    # A palette has all colours that a page of text needs, in half the bytes.
    with Image.open(PICTURE) as picture:
        smaller = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    smaller.save(PICTURE, optimize=True)
    return PICTURE.stat().st_size


def main() -> int:
    """Make the pictures; the exit status is 1 if that of the README is too large."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.end_to_end.pages.pictures", description=__doc__
    )
    parser.add_argument("--readme", action="store_true", help="make docs/page.png, nothing else")
    is_for_readme = parser.parse_args().readme
    with demonstration() as (deployment, browser):
        if is_for_readme:
            size = take_readme_picture(deployment, browser)
            print(f"{PICTURE.relative_to(TOP)}: {size} bytes, at most {PICTURE_BYTES_MAX}")
            return int(size > PICTURE_BYTES_MAX)
        FOLDER.mkdir(parents=True, exist_ok=True)
        for file in take_all(deployment, browser):
            print(file.relative_to(TOP))
    return 0


if __name__ == "__main__":
    sys.exit(main())
