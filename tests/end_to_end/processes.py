"""Real programs as processes that never outlive the test that started them."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.waiting import wait_until

LOG_TAIL_CHARACTERS = 20_000


class RunningProgram:
    """One program in a process group of its own; its output goes to a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of the group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What the program returned (negative: the signal that ended it), None while it runs."""
        return self._process.poll()

    def terminate(self, seconds: float) -> int | None:
        """Ask the program to end; give its exit code, or None if it did not end in time."""
        self._process.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; give the exit code, or None if the program still runs then."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill the program and everything in its group, and collect it."""
        kill_group(self.pid)
        self._process.wait(timeout=10)


def kill_group(group: int) -> None:
    """Send SIGKILL to every process of a group; nothing happens when there is none."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def kill_process(pid: int) -> None:
    """Send SIGKILL to one process and return when it is gone; it may be gone already."""
    # That of a service that does not run is 0, and would mean all the tests themselves.
    assert pid > 0, "it does not run"
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 10, f"process {pid} is gone")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not collected yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def processes_with(variable: str, value: str) -> list[int]:
    """Find the processes that were started with an environment variable of this value.

    A daemon that left its group keeps its environment, so this finds what a group misses.
    """
    wanted = f"{variable}={value}".encode()
    return [pid for pid in _all_pids() if wanted in _environment(pid)]


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def log_tail(log: Path) -> str:
    """Give the last part of a log file, empty when there is none."""
    if not log.exists():
        return ""
    return log.read_text("utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]


def run(
    command: Sequence[str],
    *,
    seconds: float = 60,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and give its output, whatever its exit code."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=None if environment is None else dict(environment),
        cwd=folder,
    )


def run_well(
    command: Sequence[str],
    *,
    seconds: float = 60,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program to its end and give what it printed.

    Raises AssertionError with the command and its complaint when its exit code is not 0.
    """
    ended = run(command, seconds=seconds, environment=environment, folder=folder)
    complaint = f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr}{ended.stdout}"
    assert ended.returncode == 0, complaint
    return ended.stdout


def timed(command: Sequence[str]) -> float:
    """Run a program that must succeed and give how many seconds it took."""
    start = time.monotonic()
    run_well(command)
    return time.monotonic() - start
