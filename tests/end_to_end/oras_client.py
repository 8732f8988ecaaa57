"""The real ``oras``: pushes files as artifacts and Helm charts."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.processes import run_well
from tests.end_to_end.real_registry import RealRegistry

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


class Oras:
    """The oras command; ``program`` is its path, ``folder`` holds the files that it pushes."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def push_file(
        self,
        registry: RealRegistry,
        image: str,
        *,
        artifact_type: str,
        annotations: Mapping[str, str],
    ) -> None:
        """Push one small text file as an artifact to ``image``, a repository with its tag."""
        (self._folder / "notes.txt").write_text("some notes\n", "utf-8")
        options = [f"--artifact-type={artifact_type}"]
        options += [f"--annotation={key}={value}" for key, value in annotations.items()]
        self._push(registry, image, options, "notes.txt:text/plain")

    def push_chart(
        self, registry: RealRegistry, image: str, *, name: str, version: str, description: str
    ) -> None:
        """Push a Helm chart with the config and the annotations that ``helm push`` gives it."""
        chart = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "description": description,
            "type": "application",
        }
        (self._folder / "chart.json").write_text(json.dumps(chart), "utf-8")
        (self._folder / "chart.tgz").write_bytes(b"not read by anybody here")
        options = [f"--config=chart.json:{CHART_CONFIG}"]
        described = {"title": name, "version": version, "description": description}
        for key, value in described.items():
            options.append(f"--annotation=org.opencontainers.image.{key}={value}")
        self._push(registry, image, options, f"chart.tgz:{CHART_CONTENT}")

    def attach(
        self, registry: RealRegistry, image: str, *, artifact_type: str, content: str
    ) -> None:
        """Attach a small text to ``image``, a repository with its tag."""
        (self._folder / "attached.txt").write_text(content, "utf-8")
        target = f"{registry.host}/{image}"
        options = ["--plain-http", "--no-tty", f"--artifact-type={artifact_type}"]
        run_well(
            [self._program, "attach", *options, target, f"attached.txt:{artifact_type}"],
            folder=self._folder,
        )

    def _push(self, registry: RealRegistry, image: str, options: list[str], file: str) -> None:
        target = f"{registry.host}/{image}"
        # The file names are relative because they become the titles of the layers.
        run_well(
            [self._program, "push", "--plain-http", "--no-tty", *options, target, file],
            folder=self._folder,
        )
