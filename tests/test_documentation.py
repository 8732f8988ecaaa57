"""The README and the docs name everything that users meet, and are easy to read."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel
from starlette.routing import Route

from indexer.settings import (
    PREFIX,
    AccessSettings,
    OidcSettings,
    RegistrySettings,
    RuleSettings,
    Settings,
)
from search_api import http_errors
from search_api.cli.main import commands
from search_api.web import make_web
from tests import command_reference, settings_reference, upgrade_notes

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()
ADDRESSES = (TOP / "docs" / "addresses.md").read_text()
LAYOUT = (TOP / "docs" / "layout.md").read_text()
GLOSSARY = (TOP / "docs" / "glossary.md").read_text()
SECURITY = (TOP / "docs" / "security.md").read_text()
PAGES = sorted([TOP / "README.md", *TOP.glob("docs/*.md")])
WORDS_MAX = 30
"""The longest sentence of a page. The rule is 25; names, figures and code may need a few more."""
HARD_PHRASES = ("be it", "so many", "of which there", "no use", "nor what")
"""Phrases that are hard for readers whose first language is another."""
FIRST_SCREEN = "\n".join(README.splitlines()[:24])
TEXTS = [
    path
    for pattern in ("*.md", "docs/*.md", "indexer/**/*.py", "webhooks/*.py", "search_api/**/*.*")
    for path in sorted(TOP.glob(pattern))
    if "__pycache__" not in path.parts
] + [TOP / "Makefile", TOP / "pyproject.toml", *sorted((TOP / ".ci").iterdir())]


FEW_SETTINGS = re.findall(r"^\| `(\w+)` \| `REGSEARCH_\w+` \| (.+?) \|", README, re.MULTILINE)
"""The settings that the README has, because everybody needs them, with their defaults."""


def test_the_readme_has_few_settings_and_leads_to_the_others() -> None:
    assert 4 < len(FEW_SETTINGS) < 10
    assert "[all settings](docs/settings.md)" in README


@pytest.mark.parametrize(("name", "default"), FEW_SETTINGS)
def test_a_setting_of_the_readme_is_that_of_the_reference(name: str, default: str) -> None:
    row = rf"^\| `{name}` \| `{PREFIX}{name.upper()}` \| [^|]* \| {re.escape(default)} \|"
    assert re.search(row, settings_reference.PAGE.read_text(), re.MULTILINE)


TABLES = (Settings, RegistrySettings, RuleSettings, AccessSettings, OidcSettings)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_every_setting_says_what_it_is_for(model: type[BaseModel]) -> None:
    """The reference is made from these texts."""
    bare = [name for name, field in model.model_fields.items() if not field.description]
    assert bare == []


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`regsearch {name}" in README
    assert isinstance(commands.commands[name], click.Command)
    assert commands.commands[name].help


@pytest.mark.anyio
async def test_every_address_has_its_place(tmp_path: Path) -> None:
    app = make_web(Settings(data_dir=tmp_path))
    async with app.router.lifespan_context(app):
        paths = {route.path for route in app.routes if isinstance(route, Route)}
    shown = {path.rstrip("/").replace(":path}", "}") for path in paths if "{path" not in path}
    assert {path for path in shown if path not in ADDRESSES} == set()


@pytest.mark.parametrize(
    "code", sorted(set(re.findall(r'"([A-Z_]{5,})"', Path(http_errors.__file__).read_text())))
)
def test_every_error_code_is_with_the_addresses(code: str) -> None:
    assert f"| `{code}` |" in ADDRESSES


@pytest.mark.parametrize(
    "target", re.findall(r"^([a-z]+):.*## ", (TOP / "Makefile").read_text(), re.MULTILINE)
)
def test_every_target_says_what_it_does(target: str) -> None:
    assert re.search(rf"^{target}:.*## \w.*", (TOP / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("folder", ["indexer", "webhooks", "search_api", "tests", "bench", "docs"])
def test_the_first_screen_says_what_each_folder_is_for(folder: str) -> None:
    assert f"| `{folder}/` |" in FIRST_SCREEN
    assert (TOP / folder).is_dir()


def test_the_readme_begins_with_the_three_commands() -> None:
    commands = re.findall(r"^make \w+", FIRST_SCREEN, re.MULTILINE)
    assert commands == ["make run", "make test", "make check"]


def test_a_bare_machine_runs_everything() -> None:
    assert (TOP / ".ci" / "run").read_text().endswith("\nmake check\n")


def test_the_words_of_the_readme_are_in_the_glossary() -> None:
    words = re.search(r"\n## Words\n(.*?)\n## ", README, re.DOTALL)
    assert words is not None
    terms = re.findall(r"^\| ([a-z, ]+) \|", words[1], re.MULTILINE)[1:]
    defined = set(", ".join(re.findall(r"^\| ([\w, -]+) \|", GLOSSARY, re.MULTILINE)).split(", "))
    assert len(terms) > 10
    assert {one for term in terms for one in term.split(", ")} <= defined


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{path.name}" for path in PAGES[1:])])
def test_every_page_leads_to_the_glossary(name: str) -> None:
    assert name == "docs/glossary.md" or "glossary.md" in (TOP / name).read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_sentences_are_short(path: Path) -> None:
    lengths = {sentence: len(sentence.split()) for sentence in sentences(path.read_text())}
    assert {sentence for sentence, words in lengths.items() if words > WORDS_MAX} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_phrase_is_hard_to_read(path: Path) -> None:
    text = " ".join(path.read_text().lower().split())
    assert [phrase for phrase in HARD_PHRASES if re.search(rf"\b{phrase}\b", text)] == []


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page, without those of tables, headings and code."""
    prose = re.sub(r"^```.*?^```|^[|#].*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    items = re.sub(r"^\s*(-|\d+\.) ", "\n", prose, flags=re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", items):
        yield from re.split(r"(?<=[.?!])[*)]* ", " ".join(paragraph.split()))


def test_the_layout_names_every_folder_of_the_product() -> None:
    folders = {
        f"{path.parent.relative_to(TOP)}/"
        for package in ("indexer", "webhooks", "search_api")
        for path in (TOP / package).rglob("__init__.py")
    }
    named = re.findall(r"^\| `([a-z_/]+/)` \|", LAYOUT, re.MULTILINE)
    assert sorted(named) == sorted(folders)


@pytest.mark.parametrize("path", re.findall(r"`([a-z_/]+(?:\.py|/))` \|$", LAYOUT, re.MULTILINE))
def test_the_layout_sends_nobody_to_a_file_that_is_gone(path: str) -> None:
    assert (TOP / path).exists()


def test_links_lead_somewhere() -> None:
    for path in TEXTS:
        if path.suffix == ".md":
            for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
                assert (path.parent / link).exists(), f"{path.name} links to {link}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(TOP)))
def test_the_project_stands_alone(path: Path) -> None:
    """No file points out of the project or at files that are not shipped with it."""
    assert not re.search(
        r"\.\./shared|/work/|/root/|registry-content|real-components", path.read_text()
    )


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", SECURITY))))
def test_a_test_that_the_page_on_security_names_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^\s*(async )?def {function}\(", (TOP / path).read_text(), re.MULTILINE)


def test_the_reference_of_the_settings_is_that_of_the_code() -> None:
    """``make tables`` writes it."""
    page = settings_reference.PAGE.read_text()
    assert page == settings_reference.with_reference(page)


def test_the_upgrade_notes_are_those_of_the_changelog() -> None:
    """``make tables`` writes them."""
    page = upgrade_notes.PAGE.read_text()
    assert page == upgrade_notes.with_notes(page, upgrade_notes.CHANGES.read_text())


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    """``python -m tests.command_reference`` writes it."""
    page = command_reference.PAGE.read_text()
    assert page == command_reference.with_reference(page)
