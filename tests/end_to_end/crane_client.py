"""The real ``crane``: pushes, tags, copies and deletes by tag."""

import os
from pathlib import Path

from tests.builders import BuiltManifest
from tests.end_to_end.layouts import write_layout
from tests.end_to_end.processes import run_well
from tests.end_to_end.real_registry import RealRegistry


class Crane:
    """The crane command; ``program`` is its path, ``folder`` is where it pushes from."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def push(self, built: BuiltManifest, registry: RealRegistry, image: str) -> None:
        """Push one image or index to ``image``, a repository with its tag."""
        layout = self._folder / built.digest.replace(":", "-")
        write_layout(layout, {"pushed": built})
        self._run("push", str(layout), f"{registry.host}/{image}")

    def tag(self, registry: RealRegistry, image: str, tag: str) -> None:
        """Give an image one more tag."""
        self._run("tag", f"{registry.host}/{image}", tag)

    def copy(self, registry: RealRegistry, image: str, target: str) -> None:
        """Copy an image to another repository of the same registry."""
        self._run("copy", f"{registry.host}/{image}", f"{registry.host}/{target}")

    def delete(self, registry: RealRegistry, image: str) -> None:
        """Delete a tag by its name: unlike skopeo, crane does not ask for its digest first."""
        self._run("delete", f"{registry.host}/{image}")

    def _run(self, *words: str) -> None:
        # Away from the credentials of whoever runs the tests.
        environment = os.environ | {"DOCKER_CONFIG": str(self._folder / "docker")}
        run_well([self._program, *words], environment=environment)
