"""Pictures of all pages, ``make screenshots``, and those of the documents.

Starts the registry and the service of the tests, and opens every page in Debian's Chromium: dark
and light, wide and narrow. The files go to ``build/screenshots``. With ``--documents`` only those
of the documents are made: ``docs/page.png`` and ``docs/image.png``.
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
PICTURE, IMAGE_PICTURE = TOP / "docs" / "page.png", TOP / "docs" / "image.png"
PICTURE_BYTES_MAX = 60_000
WIDE, NARROW = 1280, 390
_COLOURS = 128
_DOCUMENT_SIZE = {"width": 1000, "height": 640}


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


def take_document_pictures(deployment: Deployment, browser: Browser) -> Iterator[Path]:
    """Write the pictures of the documents; yield their files."""
    page: Page = browser.new_page(
        base_url=deployment.service.url,
        color_scheme="light",
        viewport=_DOCUMENT_SIZE,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page.goto("/search")
    page.locator("#q").press_sequentially("web", delay=50)
    expect(page.locator(".result h2").first).to_contain_text("team/web")
    page.wait_for_load_state("networkidle")
    yield _small(page, PICTURE)
    page.goto(PAGES["image"])
    page.wait_for_load_state("networkidle")
    yield _small(page, IMAGE_PICTURE)
    page.close()


def _small(page: Page, file: Path) -> Path:
    """Write a picture of what is seen, with a palette: half the bytes, and all colours of text."""
    page.screenshot(path=file)
    with Image.open(file) as picture:
        smaller = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    smaller.save(file, optimize=True)
    return file


def main() -> int:
    """Make the pictures; the exit status is 1 if one of the documents is too large."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.end_to_end.pages.pictures", description=__doc__
    )
    parser.add_argument("--documents", action="store_true", help="make those of docs/, no others")
    is_for_documents = parser.parse_args().documents
    with demonstration() as (deployment, browser):
        if is_for_documents:
            sizes = {
                file.relative_to(TOP): file.stat().st_size
                for file in take_document_pictures(deployment, browser)
            }
            for file, size in sizes.items():
                print(f"{file}: {size} bytes, at most {PICTURE_BYTES_MAX}")
            return int(max(sizes.values()) > PICTURE_BYTES_MAX)
        FOLDER.mkdir(parents=True, exist_ok=True)
        for file in take_all(deployment, browser):
            print(file.relative_to(TOP))
    return 0


if __name__ == "__main__":
    sys.exit(main())
