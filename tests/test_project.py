"""What the forge and the package index see: workflow, forms, addresses, versions."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import NeedsProgram

TOP = Path(__file__).parents[1]
FORGE = TOP / ".github"
ADDRESS = "https://github.com/regsearch/regsearch"
FORMS = sorted(FORGE.glob("ISSUE_TEMPLATE/*.yml"))
KINDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
WORKFLOW = (FORGE / "workflows" / "ci.yml").read_text()


def test_the_workflow_is_one(needs_program: NeedsProgram) -> None:
    lint = [needs_program("actionlint"), *map(str, FORGE.glob("workflows/*"))]
    done = subprocess.run(lint, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_everything_on_a_bare_debian_for_every_change() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    # YAML takes the word "on" for true.
    assert set(workflow[True]) == {"push", "pull_request"}
    [job] = workflow["jobs"].values()
    assert job["container"]["image"].startswith("debian:")
    assert job["steps"][-1] == {"run": ".ci/run"}
    versions = (TOP / ".ci" / "versions").read_text()
    go = re.search(r"^go +(\d+\.\d+)", versions, re.MULTILINE)
    assert go is not None
    assert f'go-version: "{go[1]}"' in WORKFLOW
    java = re.search(r"^opensearch .* maven:(\d+)", versions, re.MULTILINE)
    assert java is not None
    assert f'java-version: "{java[1]}"' in WORKFLOW


@pytest.mark.parametrize("path", [one for one in FORMS if one.name != "config.yml"], ids=str)
def test_a_form_can_be_filled_in(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    names = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(names)) == len(names)
    for part in form["body"]:
        assert part["type"] in KINDS
        assert part["attributes"]["value" if part["type"] == "markdown" else "label"]


def test_the_project_has_one_address() -> None:
    assert all(url.startswith(ADDRESS) for url in PROJECT["urls"].values())
    pages = [*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *FORMS, *TOP.glob("deploy/**/*.yaml")]
    found = {
        address
        for page in pages
        for address in re.findall(r"https://github\.com/[\w-]*/regsearch\b", page.read_text())
    }
    assert found == {ADDRESS}


def test_the_version_is_in_the_changes() -> None:
    assert re.search(
        rf"^## {re.escape(PROJECT['version'])} ", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_every_python_that_is_allowed_is_told() -> None:
    low, high = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    told = {f"Programming Language :: Python :: 3.{one}" for one in range(int(low), int(high))}
    assert {one for one in PROJECT["classifiers"] if re.search(r"3\.\d", one)} == told


def test_caches_are_not_part_of_the_project() -> None:
    ignored = (TOP / ".gitignore").read_text().splitlines()
    assert {".schemathesis/", ".hypothesis/", "dist/"} <= set(ignored)


def test_the_readme_installs_it_in_an_environment_of_its_own() -> None:
    text = (TOP / "README.md").read_text()
    assert "pipx install regsearch" in text
    assert "uv tool install regsearch" in text
