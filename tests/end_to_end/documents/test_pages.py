"""The commands of the pages, each heading typed beside a real registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.documents.blocks import Step, read_steps
from tests.end_to_end.documents.installation import Installation
from tests.end_to_end.documents.shell import Shell
from tests.end_to_end.skopeo_client import Skopeo
from tests.programs import NeedsProgram

pytestmark = pytest.mark.thorough
DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("api-examples", "troubleshooting", "registries", "operations")
_FOUND = "regsearch search --type image --names | wc -l"
STEPS = {page: read_steps(DOCS / f"{page}.md") for page in PAGES}
HEADINGS = [(page, step.heading) for page in PAGES for step in STEPS[page]]
PROMISED = {
    "operations": {
        "Which ports to open",
        "What to back up",
        "The webhook secret",
        "Tokens",
        "The key of the sessions",
        "How to upgrade",
        "How to downgrade",
        "Disk full",
    },
    "troubleshooting": {"Nothing is found", "A push is not found", "401", "403", "404", "Slow"},
    "registries": {"For every registry", "distribution"},
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Shell]]:
    """Start one installation for all headings of the page, which follow each other."""
    installation = Installation(tmp_path_factory.mktemp("operations"))
    with installation.shell() as shell:
        installation.begin(shell)
        yield installation, shell


@pytest.fixture
def shell(needs_program: NeedsProgram, skopeo: Skopeo, request: pytest.FixtureRequest) -> Shell:
    """Give the shell of the module, where an image is in the registry."""
    for program in ("docker-registry", "curl", "openssl"):
        needs_program(program)
    installation, shell = request.getfixturevalue("started")
    if not (installation.folder / "images").exists():
        skopeo.push("webapp-1", installation, "team/web:1.0")
        shell.type(Step("the beginning", 0, _FOUND, ("1",), is_typed_again=True))
    assert isinstance(shell, Shell)
    return shell


@pytest.mark.parametrize(("page", "heading"), dict.fromkeys(HEADINGS))
def test_the_commands_of_a_heading_do_what_they_say(page: str, heading: str, shell: Shell) -> None:
    for step in STEPS[page]:
        if step.heading == heading and not step.why_not_typed:
            shell.type(step)


@pytest.mark.parametrize("page", PROMISED)
def test_each_task_has_a_heading_whose_commands_are_typed(page: str) -> None:
    typed = {step.heading for step in STEPS[page] if not step.why_not_typed}
    assert PROMISED[page] <= typed
