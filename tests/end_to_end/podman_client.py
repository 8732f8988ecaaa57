"""The real ``podman search``, with a storage of its own."""

import json
from pathlib import Path

from tests.end_to_end.answers import DockerRow
from tests.end_to_end.processes import run, run_well


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

    def log_in(self, host: str, user: str, password: str) -> bool:
        """Run ``podman login``; tell whether it took the password."""
        words = ["login", "--tls-verify=false", self._authfile(), "-u", user, "-p", password, host]
        return run(["podman", *self._storage, *words]).returncode == 0

    def log_out(self, host: str) -> None:
        """Run ``podman logout``."""
        run_well(["podman", *self._storage, "logout", self._authfile(), host])

    def _authfile(self) -> str:
        """Return the option that names the file of credentials, which has to be there."""
        self._folder.mkdir(exist_ok=True)
        file = self._folder / "auth.json"
        if not file.exists():
            file.write_text("{}", "utf-8")
        return f"--authfile={file}"

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
            self._authfile(),
            *options,
            f"{host}/{term}",
        ]
