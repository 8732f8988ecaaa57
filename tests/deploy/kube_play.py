"""``podman kube play``: what a manifest of Kubernetes says, run on this machine."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.end_to_end.docker_client import Docker
from tests.end_to_end.podman_client import storage
from tests.end_to_end.processes import run, run_well

# A machine without systemd, perhaps with limits that podman may not raise.
_SETTINGS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "{folder}/networks"
"""


class KubePlay:
    """Podman with everything below ``folder``, whose path is short."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        settings = folder / "containers.conf"
        settings.write_text(_SETTINGS.format(folder=folder), "utf-8")
        (folder / "networks").mkdir()
        # Debian's policy file comes with a recommended package that a bare machine lacks.
        self._policy = folder / "policy.json"
        self._policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', "utf-8")
        self._environment = os.environ | {"CONTAINERS_CONF": str(settings)}

    def load(self, docker: Docker, image: str) -> None:
        """Take an image from a Docker Engine."""
        archive = self._folder / "image.tar"
        docker.run("save", f"--output={archive}", image, seconds=300)
        self.run("load", f"--signature-policy={self._policy}", f"--input={archive}", seconds=300)
        archive.unlink()

    @contextmanager
    def play(self, manifests: str) -> Iterator[float]:
        """Run what the manifests say; give the seconds until it started. Afterwards it is gone."""
        file = self._folder / "manifests.yaml"
        file.write_text(manifests, "utf-8")
        start = time.monotonic()
        try:
            self.run("kube", "play", str(file), seconds=120)
            yield time.monotonic() - start
        finally:
            for words in (["kube", "down", str(file)], ["volume", "rm", "--all", "--force"]):
                run([*self._command(), *words], seconds=120, environment=self._environment)
            for network in json.loads(self.run("network", "ls", "--format=json")):
                self_made = network["name"] != "podman"
                if self_made:
                    self.run("network", "rm", network["name"])

    def inspect(self, container: str) -> Any:
        """Give all that podman tells of a container."""
        return json.loads(self.run("inspect", container))[0]

    def run(self, *words: str, seconds: float = 60) -> str:
        """Run a podman command, which must succeed, and give what it printed."""
        return run_well([*self._command(), *words], seconds=seconds, environment=self._environment)

    def _command(self) -> list[str]:
        return ["podman", *storage(self._folder)]
