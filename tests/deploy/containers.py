"""Containers of a Docker Engine that do not outlive a test, and what regsearch answers in them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.end_to_end.docker_client import Docker
from tests.end_to_end.processes import run
from tests.end_to_end.waiting import wait_until

SECONDS = 120
"""How long anything may take here: images are large, and other tests run beside."""


@dataclass(frozen=True, slots=True)
class Address:
    """A registry of which only the host and port are known."""

    host: str


class Container:
    """One container; entered, it runs, and afterwards it is gone, without its named volumes."""

    def __init__(self, docker: Docker, image: str, *options: str, command: tuple[str, ...] = ()):
        self._docker = docker
        self._words = [*options, image, *command]
        self.id = ""

    def __enter__(self) -> Self:
        self.id = self._docker.run("run", "--detach", *self._words, seconds=SECONDS).strip()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self._docker.run("logs", self.id))
        self._docker.run("rm", "--force", "--volumes", self.id)

    def inspect(self) -> Any:
        """Give all that the Engine tells of the container."""
        return json.loads(self._docker.run("inspect", self.id))[0]

    def execute(self, *words: str) -> str:
        """Run a command in the container, which must succeed, and give what it printed."""
        return self._docker.run("exec", self.id, *words)

    def wait_until_healthy(self) -> float:
        """Wait for the health check; give the seconds."""

        def is_healthy() -> bool:
            state = self.inspect()["State"]
            assert state["Running"], f"the container ended: {state}"
            return bool(state["Health"]["Status"] == "healthy")

        return wait_until(is_healthy, SECONDS, "the container is healthy", every=0.2)

    def stop(self) -> int:
        """Stop the container in good order; give its exit status."""
        self._docker.run("stop", "--time=30", self.id)
        return int(self.inspect()["State"]["ExitCode"])


def wait_until_ready(url: str) -> float:
    """Wait until the service at ``url`` can search and be notified; give the seconds."""

    def is_ready() -> bool:
        try:
            return httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    return wait_until(is_ready, SECONDS, f"{url} is ready", every=0.1)


def wait_until_found(url: str, *repositories: str) -> float:
    """Wait until the service at ``url`` finds these repositories; give the seconds."""

    def are_found() -> bool:
        return set(repositories) <= set(found(url))

    return wait_until(are_found, SECONDS, f"{url} finds {repositories}", every=0.1)


def found(url: str) -> list[str]:
    """Give the repositories that the service at ``url`` has."""
    answer = httpx2.get(
        f"{url}/api/v1/search", params={"type": "repository"}, timeout=SECONDS, trust_env=False
    )
    return [result["repository"] for result in answer.json()["results"]]


def compose_environment(docker: Docker, file: Path, *, project: str) -> dict[str, str]:
    """Give the variables with which compose runs a file in an Engine; ``project`` names all."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER")}
    own = {"DOCKER_HOST": docker.address, "COMPOSE_FILE": str(file)}
    return {**others, **own, "COMPOSE_PROJECT_NAME": project}


def compose(program: str, *words: str, environment: Mapping[str, str]) -> str:
    """Run compose, which must succeed, and give all that it printed."""
    ended = run([program, *words], seconds=300, environment=environment)
    assert ended.returncode == 0, f"compose {words}: {ended.stderr}{ended.stdout}"
    return ended.stderr + ended.stdout
