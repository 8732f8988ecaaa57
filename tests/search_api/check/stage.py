"""A registry, a service and a proxy to make mistakes with, and what ``regsearch check`` says."""

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.builders import image
from tests.end_to_end.nginx import nginx_command, nginx_configuration
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram, log_tail, run
from tests.end_to_end.real_registry import RealRegistry
from tests.end_to_end.service import COMMAND, PROJECT, Service
from tests.end_to_end.waiting import wait_until
from tests.push import push
from tests.search_api.check.table import Row


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that the command tried."""

    area: str
    thing: str
    verdict: str
    value: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the command said; ``status`` is its exit status."""

    status: int
    found: tuple[Found, ...]
    text: str

    @property
    def wrong(self) -> list[Found]:
        """What is wrong."""
        return [one for one in self.found if one.verdict == "wrong"]

    @property
    def not_ok(self) -> list[Found]:
        """What is wrong or a warning."""
        return [one for one in self.found if one.verdict != "ok"]


class ConfiguredNginx:
    """nginx with any ``server`` blocks; its port stays the same over restarts."""

    def __init__(self, folder: Path, *, program: str) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._command = nginx_command(program, folder)
        self._program: RunningProgram | None = None

    def start(self, servers: str) -> None:
        """Start, or start anew, with these blocks; one of them listens at our host."""
        self.stop()
        text = nginx_configuration(f"    default_type text/plain;\n{servers}")
        (self._folder / "nginx.conf").write_text(text, "utf-8")
        log = self._folder / "nginx.log"
        self._program = RunningProgram(self._command, log=log)
        port = int(self.host.rpartition(":")[2])

        def is_up() -> bool:
            ended = self._program is None or self._program.exit_code is not None
            assert not ended, f"nginx ended:\n{log_tail(log)}"
            return listening(port)

        wait_until(is_up, 20, f"nginx listens on {self.host}", every=0.02)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._program is not None:
            self._program.terminate(5)
            self._program.kill()
            self._program = None


@dataclass
class Stage:
    """Where a mistake is made: a registry with two images, and settings as environment."""

    folder: Path
    registry: RealRegistry
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """What is replaced in texts, so that they are the same each time."""
    closing: list[Callable[[], None]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "regsearch"

    def set(self, **values: str) -> None:
        """Set settings in the environment; the name without the prefix, small letters."""
        for name, value in values.items():
            self.settings[f"REGSEARCH_{name.upper()}"] = value

    def unset(self, name: str) -> None:
        """Take a setting out of the environment."""
        self.settings.pop(f"REGSEARCH_{name.upper()}", None)

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder in which the command runs."""
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def environment(self) -> dict[str, str]:
        """The environment of the command, free of the caller's settings."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("REGSEARCH_")
        }
        return {**inherited, "PYTHONPATH": str(PROJECT), **self.settings}

    def run(self, *words: str) -> tuple[int, str]:
        """Run ``regsearch`` with these words; give exit status and all that it wrote."""
        ended = run(
            [*COMMAND, *words], seconds=90, environment=self.environment(), folder=self.folder
        )
        return ended.returncode, ended.stdout + ended.stderr

    def check(self, *words: str) -> Checked:
        """Run ``regsearch check``."""
        status, text = self.run("check", "--json", *words)
        assert text.startswith("{"), text
        return parse_checked(status, json.loads(text), text)

    def plain(self, text: str) -> str:
        """Return a text with what differs from run to run replaced by samples."""
        for real, sample in self.secrets.items():
            text = text.replace(real, sample)
        text = re.sub(re.escape(str(self.folder)), "/srv", text)
        text = re.sub(r"\b\d+ seconds ago", "5 seconds ago", text)
        return re.sub(r"127\.0\.0\.1:(?!8080|5000|8443)\d{4,5}", "127.0.0.1:9999", text)

    def row(self, mistake: str, one: Found) -> Row:
        """Return the row of the table for what was said about a mistake."""
        return Row(
            mistake,
            f"{one.verdict}: {one.area}, {one.thing}: {self.plain(one.value)}",
            self.plain(one.remedy),
        )

    def close(self) -> None:
        """End what was started for one mistake."""
        while self.closing:
            self.closing.pop()()


def parse_checked(status: int, body: Any, text: str) -> Checked:
    """Turn the JSON of the command into a value."""
    return Checked(status, tuple(Found(**one) for one in body["checks"]), text)


class FilledRegistry:
    """A real registry with two images, which runs while this is entered."""

    def __init__(self, folder: Path, *, program: str) -> None:
        self.registry = RealRegistry(folder, program=program)

    def __enter__(self) -> Self:
        self.registry.start()
        fill(self.registry)
        return self

    def __exit__(self, *_: object) -> None:
        self.registry.stop()


def fill(registry: RealRegistry, *, auth: tuple[str, str] | None = None) -> None:
    """Push two images."""
    for name in ("team/web", "team/api"):
        push(registry.url, name, image(seed=name), "1.0", auth=auth)


def python(*words: str) -> Sequence[str]:
    """Return the command line of a Python program."""
    return [sys.executable, *words]


def make_service(stage: Stage, *, registry: str = "default") -> Service:
    """Return a service that is ended with the stage, not started; its settings are the stage's."""
    service = Service(stage.folder, registry=registry)
    stage.closing.append(service.close)
    return service
