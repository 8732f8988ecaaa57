"""The real ``podman search``, with a storage of its own."""

import json
from pathlib import Path

from tests.end_to_end.answers import DockerRow
from tests.end_to_end.processes import run_well


def storage(folder: Path) -> list[str]:
    """Give the options with which podman writes below ``folder`` only.

    Its path is to be short: podman 4.3 refuses a run root of more than 50 characters.
    """
    return [
        f"--root={folder / 'root'}",
        f"--runroot={folder / 'run'}",
        f"--tmpdir={folder / 'tmp'}",
        "--storage-driver=vfs",
    ]


class Podman:
    """The podman command; it keeps everything it writes below ``folder``, a short path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = storage(folder)

    def search(self, host: str, term: str, *options: str) -> list[DockerRow]:
        """Run ``podman search HOST/TERM``; the names it gives begin with ``HOST/``."""
        command = self._search(host, term, "--no-trunc", "--format=json", *options)
        rows = json.loads(run_well(command) or "[]")
        return [DockerRow(row["Name"], row["Description"]) for row in rows]

    def pull(self, image: str) -> None:
        """Run ``podman pull`` for an image as it was printed, with a tag."""
        # Debian's policy file comes with a recommended package that a bare machine lacks.
        self._folder.mkdir(exist_ok=True)
        policy = self._folder / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', "utf-8")
        options = ["--quiet", "--tls-verify=false", f"--signature-policy={policy}"]
        run_well(["podman", *self._storage, "pull", *options, image])

    def _search(self, host: str, term: str, *options: str) -> list[str]:
        return [
            "podman",
            *self._storage,
            "search",
            "--tls-verify=false",
            *options,
            f"{host}/{term}",
        ]
