"""Programs that are started for a while end with us, and their failures are told."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.children import Child, ChildError, Children

SLEEPER = "import time; print('started', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def start(children: Children, code: str, name: str = "child") -> Child:
    return children.start(name, [sys.executable, "-c", code], environment={"WORD": "hello"})


def has_started(child: Child) -> bool:
    return "started" in child.log.read_text()


@pytest.mark.parametrize("code", [SLEEPER, STUBBORN])
def test_programs_are_gone_when_the_run_is_left(tmp_path: Path, code: str) -> None:
    with Children(tmp_path, stop_seconds=0.2) as children:
        child = start(children, code)
        children.wait_for("start", lambda: has_started(child), seconds=20)
    with pytest.raises(ProcessLookupError):
        os.kill(child.process.pid, 0)


def test_programs_are_gone_when_the_run_fails(tmp_path: Path) -> None:
    started: list[Child] = []

    def run_and_fail() -> None:
        with Children(tmp_path) as children:
            started.append(start(children, SLEEPER))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_and_fail()
    assert started[0].process.returncode is not None


def test_a_program_that_dies_is_an_error_with_its_output(tmp_path: Path) -> None:
    code = "import os, sys; print('oh no,', os.environ['WORD']); sys.exit(3)"
    with Children(tmp_path) as children:
        start(children, code)
        with pytest.raises(ChildError, match=r"(?s)child ended with status 3.*oh no, hello"):
            children.watch()


def test_what_takes_too_long_is_an_error_with_every_output(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = start(children, SLEEPER)
        children.wait_for("start", lambda: has_started(child), seconds=20)
        with pytest.raises(ChildError, match=r"(?s)moon landing: not after 0 seconds.*started"):
            children.wait_for("moon landing", lambda: False, seconds=0)


KILLED = """
import pathlib, sys, time
from tests.children import Children
with Children(pathlib.Path(sys.argv[1]), stop_seconds=0.2) as children:
    for name, code in (("one", sys.argv[2]), ("two", sys.argv[3])):
        child = children.start(name, [sys.executable, "-c", code])
        children.wait_for(name, lambda: "started" in child.log.read_text(), seconds=20)
    print(*(one.process.pid for one in children._children), flush=True)
    time.sleep(600)
"""


def test_programs_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), SLEEPER, STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        pids = [int(pid) for pid in killed.stdout.readline().split()]
        killed.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while (running := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running == []


def is_running(pid: int) -> bool:
    """Tell whether a process is more than an entry that nobody has read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
