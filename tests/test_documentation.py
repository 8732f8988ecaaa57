"""The README names everything that a user can set, ask or meet, and what it says exists."""

import re
from pathlib import Path

import click
import pytest
from starlette.routing import Route

from indexer.settings import PREFIX, RegistrySettings, Settings
from search_api import http_errors
from search_api.cli import commands
from search_api.wiring import make_web

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()
FIRST_SCREEN = "\n".join(README.splitlines()[:24])
TEXTS = [
    path
    for pattern in ("*.md", "docs/*.md", "indexer/**/*.py", "webhooks/*.py", "search_api/**/*.*")
    for path in sorted(TOP.glob(pattern))
    if "__pycache__" not in path.parts
] + [TOP / "Makefile", TOP / "pyproject.toml", *sorted((TOP / ".ci").iterdir())]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme_with_its_variable(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| `{PREFIX}{name.upper()}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(RegistrySettings.model_fields))
def test_every_setting_of_a_registry_is_in_the_readme(name: str) -> None:
    assert re.search(rf"^\| [^|]*`{name}`[^|]* \|", README, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`regsearch {name}" in README
    assert isinstance(commands.commands[name], click.Command)
    assert commands.commands[name].help


@pytest.mark.anyio
async def test_every_address_is_in_the_readme(tmp_path: Path) -> None:
    app = make_web(Settings(data_dir=tmp_path))
    async with app.router.lifespan_context(app):
        paths = {route.path for route in app.routes if isinstance(route, Route)}
    shown = {path.rstrip("/") for path in paths if "{path" not in path}
    assert {path for path in shown if path not in README} == set()


@pytest.mark.parametrize(
    "code", sorted(set(re.findall(r'"([A-Z_]{5,})"', Path(http_errors.__file__).read_text())))
)
def test_every_error_code_is_in_the_readme(code: str) -> None:
    assert f"| `{code}` |" in README


@pytest.mark.parametrize(
    "target", re.findall(r"^([a-z]+):.*## ", (TOP / "Makefile").read_text(), re.MULTILINE)
)
def test_every_target_says_what_it_does(target: str) -> None:
    assert re.search(rf"^{target}:.*## \w.*", (TOP / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("folder", ["indexer", "webhooks", "search_api", "tests", "bench", "docs"])
def test_the_first_screen_says_what_each_folder_is_for(folder: str) -> None:
    assert f"| `{folder}/` |" in FIRST_SCREEN
    assert (TOP / folder).is_dir()


def test_the_readme_begins_with_the_two_commands() -> None:
    assert re.findall(r"^make \w+", FIRST_SCREEN, re.MULTILINE) == ["make run", "make test"]


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
