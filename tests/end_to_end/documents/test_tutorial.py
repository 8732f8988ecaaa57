"""The tutorial, typed as it is written, with a real registry and a real docker search."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.docker_client import Docker
from tests.end_to_end.documents.blocks import read_steps
from tests.end_to_end.documents.shell import Shell
from tests.programs import NeedsProgram

TOP = Path(__file__).parents[3]
TUTORIAL = TOP / "docs" / "tutorial.md"


@pytest.fixture
def ports() -> Iterator[None]:
    """Keep others who type the tutorial on this machine away: its ports are written in it."""
    with (Path(tempfile.gettempdir()) / "regsearch-tutorial.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.thorough
def test_the_tutorial_typed_as_it_is_written(
    ports: None, docker: Docker, needs_program: NeedsProgram, tmp_path: Path
) -> None:
    """From an empty folder to a found image. The package comes from here, not from an index."""
    for program in ("docker-registry", "curl"):
        needs_program(program)
    folder, constraint = tmp_path / "empty", tmp_path / "constraint.txt"
    folder.mkdir()
    constraint.write_text(f"regsearch @ {TOP.as_uri()}\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOCKER_HOST": docker.address,
        "PIP_CACHE_DIR": _pip_cache(),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with Shell(folder, environment) as shell:
        for step in read_steps(TUTORIAL):
            if not step.why_not_typed:
                shell.type(step, seconds=400)
    assert not list(tmp_path.glob("regsearch-data"))


def _pip_cache() -> str:
    command = ["python3", "-m", "pip", "cache", "dir"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return ended.stdout.strip() or str(Path.home() / ".cache" / "pip")
