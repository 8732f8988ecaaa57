"""Web and indexer as real processes. They can be killed at a named step and restarted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import httpx2

from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import RunningProgram, log_tail, run
from tests.torture import victim
from tests.torture.steps import INDEXER, WEB

SECRET = "secret-of-the-torture"
PROJECT = Path(__file__).parents[2]
LOOK_SECONDS = 0.02
START_SECONDS = 30.0
COMMAND_SECONDS = 90.0
COMMAND = "command"
HELD_BACK = "disappeared at once and are held back"
"""What a backfill says that found more gone than it believes."""
STOP_SECONDS = 10.0


class TortureError(Exception):
    """The service failed in a way that no kill excuses; the message names it."""


class Processes:
    """The two processes of one data directory below ``folder``, for one registry."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.host = f"127.0.0.1:{free_port()}"
        self.http = httpx2.Client(base_url=f"http://{self.host}", timeout=20, trust_env=False)
        self._folder = folder
        self._registry = ""
        self._running: dict[str, RunningProgram] = {}
        self._log_read: dict[str, int] = {}

    def serve(self, registry: str) -> None:
        """Name the address of the registry."""
        self._registry = registry

    def start(self, name: str) -> None:
        """Start ``web`` or ``indexer``; it runs already when this returns, but may not be ready."""
        command = [sys.executable, "-m", "tests.torture.victim", name]
        environment = {**self._environment(), victim.PLAN: str(self._plan(name))}
        self._running[name] = RunningProgram(
            command, log=self._log(name), environment=environment, folder=self._folder
        )

    def is_dead(self, name: str) -> bool:
        """Tell whether a process was killed; :class:`TortureError` when it ended otherwise."""
        code = self._running[name].exit_code
        if code not in {None, -signal.SIGKILL}:
            raise TortureError(f"{name} ended with status {code}:\n{log_tail(self._log(name))}")
        return code is not None

    def kill(self, name: str) -> None:
        """Kill a process now; it may be dead already."""
        if not self.is_dead(name):
            self._running[name].kill()

    def pid(self, name: str) -> int:
        """Return the process id."""
        return self._running[name].pid

    def stop(self) -> None:
        """End what runs, and close the connections."""
        self.http.close()
        for process in self._running.values():
            if process.terminate(STOP_SECONDS) is None:
                process.kill()

    # Plans

    def arm(self, name: str, step: str, *, times: int) -> None:
        """Have a process kill itself when it reaches a step for the n-th time from now."""
        draft = self._folder / "plan.new"
        draft.write_text(f"{step} {times}\n")
        draft.rename(self._plan(name))

    def disarm(self, name: str) -> str:
        """Call the plan off; return the step at which the process killed itself, else nothing."""
        plan = self._plan(name)
        fired = plan.with_name(plan.name + victim.FIRED)
        with suppress(FileNotFoundError):
            plan.unlink()
        if not fired.exists():
            return ""
        step = fired.read_text().split()[0]
        fired.unlink()
        # It renamed the plan and is about to die.
        wait_for(lambda: self.is_dead(name), START_SECONDS, f"{name} dies at {step}")
        return step

    def _plan(self, name: str) -> Path:
        return self._folder / f"{name}.plan"

    # What users see

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``regsearch`` with these words to its end."""
        return run(
            [sys.executable, "-m", "search_api", *words],
            seconds=COMMAND_SECONDS,
            environment=self._environment(),
            folder=self._folder,
        )

    def command_in_background(self, *words: str) -> RunningProgram:
        """Start ``regsearch`` with these words; :meth:`end_command` waits for its end."""
        self._log(COMMAND).unlink(missing_ok=True)
        return RunningProgram(
            [sys.executable, "-m", "search_api", *words],
            log=self._log(COMMAND),
            environment=self._environment(),
            folder=self._folder,
        )

    def end_command(self, command: RunningProgram) -> None:
        """Wait until a command has done its work; :class:`TortureError` when it could not."""
        status = command.wait(COMMAND_SECONDS)
        printed = log_tail(self._log(COMMAND))
        if status != 0 and not (status == 1 and HELD_BACK in printed):
            command.kill()
            raise TortureError(f"a command ended with {status}: {printed}")

    def is_ready(self) -> bool:
        """Tell whether web answers searches."""
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def new_log(self) -> str:
        """Return the new output of both processes."""
        texts = []
        for name in (WEB, INDEXER):
            with self._log(name).open("rb") as log:
                log.seek(self._log_read.get(name, 0))
                texts.append(log.read().decode(errors="replace"))
                self._log_read[name] = log.tell()
        return "".join(texts)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _environment(self) -> Mapping[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("REGSEARCH_")
        }
        return inherited | {
            "REGSEARCH_REGISTRY": self._registry,
            "REGSEARCH_DATA_DIR": str(self.data),
            "REGSEARCH_LISTEN": self.host,
            "REGSEARCH_WEBHOOK_SECRET": SECRET,
            "REGSEARCH_CALLER_REQUESTS_PER_SECOND": "0",
            "PYTHONPATH": str(PROJECT),
        }


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return once ``condition`` holds; :class:`TortureError` naming ``what`` if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TortureError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(LOOK_SECONDS)
