"""The documents are a site: it is built strictly, and shows what the forge shows."""

import os
import re
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.processes import run

TOP = Path(__file__).parents[3]
NEVER = {"NO_MKDOCS_2_WARNING": "1"}
"""MkDocs would advertise what comes after it; `make site` says the same."""


class Texts(HTMLParser):
    """Collects the text of list items and paragraphs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._depth += tag == "pre"
        if tag in {"p", "li"}:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if self.found and not self._depth:
            self.found[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, as `make site` does; return its folder."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", f"--site-dir={folder}"]
    ended = run(command, environment={**os.environ, **NEVER}, folder=TOP, seconds=600)
    assert ended.returncode == 0, ended.stderr
    assert "WARNING" not in ended.stderr, ended.stderr
    return folder


def test_the_site_is_built_without_a_warning_and_has_every_page(site: Path) -> None:
    pages = {path.stem for path in (TOP / "docs").glob("*.md")} - {"index"}
    assert {page for page in pages if not (site / page / "index.html").exists()} == set()


def test_a_dead_link_or_anchor_stops_the_build(tmp_path: Path) -> None:
    """The links are looked at, and not only the pages."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# A\n\n[no page](none.md), [no anchor](#none)\n")
    settings = yaml.safe_load((TOP / "mkdocs.yml").read_text()) | {"nav": None, "hooks": []}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    ended = run(command, environment={**os.environ, **NEVER}, folder=tmp_path, seconds=600)
    assert ended.returncode != 0
    assert "none.md" in ended.stderr
    assert "#none" in ended.stderr


def test_lists_are_lists_in_the_site_too(site: Path) -> None:
    """A list that needs an empty line before it, or more space, is a list on the forge only."""
    for page in site.glob("*/index.html"):
        texts = Texts()
        texts.feed(page.read_text())
        broken = [text for text in texts.found if re.search(r"\n\s*(-|\d+\.) \w", text)]
        assert broken == [], page.parent.name


def test_a_nested_list_has_the_space_that_the_site_needs() -> None:
    for page in (TOP / "docs").glob("*.md"):
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert re.findall(r"^ {1,3}(?:-|\d+\.) .*", prose, re.MULTILINE) == [], page.name


def test_what_is_outside_of_the_site_is_linked_in_the_repository(site: Path) -> None:
    address = yaml.safe_load((TOP / "mkdocs.yml").read_text())["repo_url"]
    assert (
        f'href="{address}/blob/main/deploy/proxies/nginx.conf"'
        in (site / "proxies" / "index.html").read_text()
    )


def test_the_site_names_the_repository_that_the_package_names() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    known = {address.rstrip("/") for address in project.get("urls", {}).values()}
    address = yaml.safe_load((TOP / "mkdocs.yml").read_text())["repo_url"]
    assert not known or address in known


def test_nothing_of_the_site_comes_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'(?:src|<link[^>]* href)="(https?://[^"]+)"', page.read_text())
        assert loaded == [], page.relative_to(site)
