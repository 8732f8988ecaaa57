"""The installation of which the pages for operators speak, in a folder of a test."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.documents.blocks import Step
from tests.end_to_end.documents.shell import Shell
from tests.end_to_end.ports import free_port

STAND_INS = Path(__file__).parent / "stand_ins"
REGSEARCH, REGISTRY = "127.0.0.1:8080", "127.0.0.1:5000"
_SETTINGS = """\
listen = "{regsearch}"
data_dir = "/var/lib/regsearch"

[[registry]]
name = "main"
url = "http://{registry}"
"""
_REGISTRY = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem:
    rootdirectory: {images}
  delete:
    enabled: true
http:
  addr: {registry}
"""
_BEGIN = """\
export REGSEARCH_CONFIG=/etc/regsearch/regsearch.toml
regsearch notifications main >> /etc/docker/registry/config.yml
systemctl start docker-registry
systemctl start 'regsearch*'
"""


class Installation:
    """Folders, settings and two services as the pages have them; ``docker`` is the Engine."""

    def __init__(self, folder: Path, *, docker: str = "") -> None:
        self.folder = folder
        self.registry, self.regsearch = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.host = self.registry
        self.settings = folder / "etc/regsearch/regsearch.toml"
        self._docker = docker
        for name in ("etc/regsearch", "etc/docker/registry", "var/lib", "backups", "tmp", "run"):
            (folder / name).mkdir(parents=True)
        self.settings.write_text(self._here(_SETTINGS))
        self._config.write_text(_REGISTRY.format(images=folder / "images", registry=self.registry))

    def shell(self) -> Shell:
        """Return a shell for the steps of a page, not entered yet."""
        return Shell(self.folder, self._environment(), self.places)

    def begin(self, shell: Shell) -> None:
        """Start registry and service, which know each other."""
        shell.type(Step("the beginning", 0, _BEGIN, ()))

    @property
    def places(self) -> Mapping[str, str]:
        """What the texts of the pages are here."""
        folders = ("/etc/regsearch", "/etc/docker", "/var/lib/regsearch", "/backups", "/tmp/")
        return {
            **{name: f"{self.folder}{name}" for name in folders},
            REGSEARCH: self.regsearch,
            REGISTRY: self.registry,
        }

    @property
    def _config(self) -> Path:
        return self.folder / "etc/docker/registry/config.yml"

    def _here(self, text: str) -> str:
        text = text.format(regsearch=self.regsearch, registry=self.registry)
        return text.replace("/var/lib", f"{self.folder}/var/lib")

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            "PATH": f"{STAND_INS}:{programs}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "DOCKER_HOST": self._docker,
            "STAND_IN_FOLDER": str(self.folder / "run"),
            "STAND_IN_REGSEARCH": f"http://{self.regsearch}",
            "STAND_IN_REGISTRY": f"http://{self.registry}",
            "STAND_IN_CONFIG": str(self._config),
        }
