"""The real ``docker search``: a Docker Engine of our own and the docker command."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.answers import DockerRow
from tests.end_to_end.processes import RunningProgram, log_tail, run, run_well
from tests.end_to_end.waiting import wait_until


class Docker:
    """A Docker Engine without a network of its own: the Engine is what sends the searches.

    ``folder`` needs a short path, because the Engine makes Unix sockets below it. Of the storage
    drivers ``vfs`` works everywhere; ``overlay2`` is faster where images are built.
    """

    def __init__(self, folder: Path, *, storage_driver: str = "vfs") -> None:
        self._storage_driver = storage_driver
        self._socket = folder / "docker.sock"
        self._log = folder / "dockerd.log"
        self._config = folder / "config"
        self._folder = folder
        self._program: RunningProgram | None = None

    @property
    def address(self) -> str:
        """Where the Engine answers, for ``DOCKER_HOST``."""
        return f"unix://{self._socket}"

    @property
    def config(self) -> Path:
        """The folder of the client's configuration, with its logins."""
        return self._config

    def start(self) -> None:
        """Start the Engine; return when it answers."""
        self._program = RunningProgram(
            [
                "dockerd",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                f"--storage-driver={self._storage_driver}",
                f"--data-root={self._folder / 'data'}",
                f"--exec-root={self._folder / 'exec'}",
                f"--pidfile={self._folder / 'docker.pid'}",
                f"--host={self.address}",
            ],
            log=self._log,
        )
        wait_until(self._is_up, 120, "the Docker Engine answers", every=0.1)

    def stop(self) -> None:
        """Stop the Engine; its containerd stops with it."""
        if self._program is not None:
            self._program.terminate(10)
            self._program.kill()
        # In a mount namespace that keeps its mounts to itself the Engine leaves its own behind, and
        # those of its networks everywhere.
        for mount in (self._folder / "exec" / "netns" / "default", self._folder / "data"):
            subprocess.run(["umount", str(mount)], check=False, capture_output=True)

    def run(
        self, *words: str, seconds: float = 60, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run any docker command, which must succeed, and give what it printed."""
        return run_well([*self._client(), *words], seconds=seconds, environment=environment)

    def search(self, host: str, term: str, *options: str) -> list[DockerRow]:
        """Run ``docker search HOST/TERM`` and give its rows, descriptions in full."""
        printed = run_well(self._search(host, term, "--no-trunc", "--format={{json .}}", *options))
        rows = [json.loads(line) for line in printed.splitlines()]
        return [DockerRow(row["Name"], row["Description"]) for row in rows]

    def table(self, host: str, term: str, *options: str) -> str:
        """Run ``docker search HOST/TERM`` and give exactly what it printed for a person."""
        return run_well(self._search(host, term, *options))

    def pull(self, image: str) -> None:
        """Run ``docker pull`` for an image as it was printed, with a tag."""
        run_well([*self._client(), "pull", "--quiet", image])

    def log_in(self, host: str, user: str, password: str) -> bool:
        """Run ``docker login``; tell whether it took the password."""
        words = ["login", f"--username={user}", f"--password={password}", host]
        return run([*self._client(), *words]).returncode == 0

    def log_out(self, host: str) -> None:
        """Run ``docker logout``."""
        run_well([*self._client(), "logout", host])

    def log_text(self) -> str:
        """What the Engine wrote, its last part."""
        return log_tail(self._log)

    def _search(self, host: str, term: str, *options: str) -> list[str]:
        return [*self._client(), "search", *options, f"{host}/{term}"]

    def _client(self) -> list[str]:
        return ["docker", f"--config={self._config}", f"--host={self.address}"]

    def _is_up(self) -> bool:
        ended = self._program is None or self._program.exit_code is not None
        assert not ended, f"dockerd ended:\n{self.log_text()}"
        return self._socket.exists() and self._ping()

    def _ping(self) -> bool:
        # The socket is there a moment before anybody listens on it.
        ended = run([*self._client(), "info"])
        return ended.returncode == 0 and "Server Version" in ended.stdout
