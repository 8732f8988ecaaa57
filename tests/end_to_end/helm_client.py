"""The real ``helm``: packages charts and pushes them."""

import json
import os
from pathlib import Path

from tests.end_to_end.processes import run_well
from tests.end_to_end.real_registry import RealRegistry

_TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
"""


class Helm:
    """The helm command; it keeps everything it writes below ``folder``. ``program`` is its path."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def push(
        self, registry: RealRegistry, namespace: str, *, name: str, version: str, description: str
    ) -> None:
        """Package a chart and push it to ``namespace/name``, with its version as its tag."""
        chart = self._folder / name
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "templates" / "settings.yaml").write_text(_TEMPLATE, "utf-8")
        described = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "description": description,
        }
        # Every JSON text is YAML.
        (chart / "Chart.yaml").write_text(json.dumps(described), "utf-8")
        self._run("package", name)
        target = f"oci://{registry.host}/{namespace}"
        self._run("push", "--plain-http", f"{name}-{version}.tgz", target)

    def _run(self, *words: str) -> None:
        kept = {key: str(self._folder / key.lower()) for key in ("HELM_CACHE_HOME", "HOME")}
        own = {**kept, "HELM_CONFIG_HOME": kept["HOME"], "HELM_DATA_HOME": kept["HOME"]}
        run_well([self._program, *words], environment=os.environ | own, folder=self._folder)
