"""Programs started for a while: watched, with their output kept, stopped by their process id.

They end with us also if we are killed: a guard, which is a process of its own, then ends them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_OUTPUT_LINES = 40


_GUARD = """
import os, signal, sys, time
groups = []
for line in sys.stdin:
    if line == "done\\n":
        sys.exit()
    groups.append(int(line))
# Nobody holds the other end of our input any more.
def send(number):
    for group in groups[::-1]:
        try:
            os.killpg(group, number)
        except OSError:
            groups.remove(group)
send(signal.SIGTERM)
deadline = time.monotonic() + float(sys.argv[1])
while groups and time.monotonic() < deadline:
    time.sleep(0.05)
    send(0)
send(signal.SIGKILL)
"""
"""Reads a process id a line, and ends these processes when its input ends without ``done``."""


class ChildError(Exception):
    """A program ended although it should run, or did not get ready in time."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running program, and the file of its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """Return the last lines it printed."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_OUTPUT_LINES:]) or "  (no output)"


class Children:
    """The programs of one run. On exit they are stopped, the last started first.

    ``folder`` has their output. ``stop_seconds`` is the time for each to end.
    """

    def __init__(self, folder: Path, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._folder = folder
        self._stop_seconds = stop_seconds
        self._children: list[Child] = []

    def __enter__(self) -> "Children":
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(self._stop_seconds)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):
            _stop(child.process, seconds=self._stop_seconds)
        self._tell("done")
        self._guard.communicate()

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a program; ``environment`` is added to our own."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(environment or {}),
                # In a group of its own, so that Ctrl-C reaches us alone and we stop it in order.
                start_new_session=True,
            )
        self._tell(str(process.pid))
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def kill(self, child: Child) -> None:
        """End a program at once, without the chance to do anything before."""
        self._children.remove(child)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def stop(self, child: Child) -> None:
        """Ask a program to end, and wait for it."""
        self._children.remove(child)
        _stop(child.process, seconds=self._stop_seconds)

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{line}\n")
        self._guard.stdin.flush()

    def check(self) -> None:
        """Raise :class:`ChildError`, with its output, if a program has ended."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                message = f"{child.name} ended with status {status}. Its output:"
                raise ChildError(f"{message}\n{child.output()}")

    def wait_for(self, what: str, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return once ``ready()``; :class:`ChildError` when a program ends or it takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                outputs = "\n".join(f"{child.name}:\n{child.output()}" for child in self._children)
                raise ChildError(f"{what}: not after {seconds:.0f} seconds\n{outputs}")
            time.sleep(_LOOK_SECONDS)

    def watch(self) -> None:
        """Return never: :class:`ChildError` when a program ends."""
        while True:
            self.check()
            time.sleep(4 * _LOOK_SECONDS)


def _stop(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Ask a program to end, and end it and all that it started if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
