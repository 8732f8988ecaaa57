"""Processes that are started, watched, restarted and stopped: real ones, small ones."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from search_api.processes.supervisor import USAGE_ERROR, end_with_parent, own_command, supervise

PROJECT = Path(__file__).parents[3]
PYTHON = [sys.executable, "-I", "-S", "-c"]
WRITE = (
    "import os, sys, time; f = open(sys.argv[1], 'a');"
    "print(time.monotonic(), os.getpid(), os.getsid(0), file=f, flush=True)"
)
# Each writes a line when it starts.
DIES = f"{WRITE}; sys.exit(1)"
STAYS = f"{WRITE}; time.sleep(600)"
POLITE = (
    # Not through the file's buffer: the signal may come while it is being written.
    "import os, signal; stop = lambda *_: (os.write(f.fileno(), b'asked\\n'), sys.exit(0));"
    f"signal.signal(signal.SIGTERM, stop); {WRITE}; time.sleep(600)"
)
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WRITE}; time.sleep(600)"
UNUSABLE = f"{WRITE}; sys.exit({USAGE_ERROR})"


def program(code: str, file: Path) -> list[str]:
    return [*PYTHON, code, str(file)]


def lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


async def until(file: Path, count: int) -> None:
    async with asyncio.timeout(20):
        while len(lines(file)) < count:
            await asyncio.sleep(0.01)


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


async def stopped(task: "asyncio.Task[int]", number: int = signal.SIGTERM) -> int:
    """Send the supervisor, which is this process, a signal, and return its exit status."""
    os.kill(os.getpid(), number)
    return await asyncio.wait_for(task, 20)


@pytest.mark.anyio
async def test_what_dies_is_restarted_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    dying, staying = tmp_path / "dying", tmp_path / "staying"
    commands = {"one": program(DIES, dying), "two": program(STAYS, staying)}
    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(supervise(commands))
        await until(staying, 1)
        await until(dying, 4)
        assert await stopped(task) == 0
    times = [float(line[0]) for line in lines(dying)]
    pauses = [after - before for before, after in pairwise(times)]
    for pause, least in zip(pauses, [0.1, 0.2, 0.4], strict=False):
        assert pause >= least
    assert len(lines(staying)) == 1, "the other one was left alone"
    died = [line for line in logged if line["event"] == "process_died"]
    assert {(line["name"], line["status"]) for line in died} == {("one", 1)}


@pytest.mark.anyio
async def test_what_ran_for_long_is_restarted_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(supervise({"one": program(DIES, file)}, steady_seconds=0.0))
        await until(file, 6)
        await stopped(task)
    # The time of six starts says little: each takes long on a busy machine.
    pauses = [line["restarts_after"] for line in logged if line["event"] == "process_died"]
    assert len(pauses) >= 5
    assert set(pauses) == {"0.0 s"}


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_all_politely(tmp_path: Path, number: int) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    commands = {file.name: program(POLITE, file) for file in files}
    task = asyncio.create_task(supervise(commands))
    for file in files:
        await until(file, 1)
    assert await stopped(task, number) == 0
    for file in files:
        started, asked = lines(file)
        assert asked == ["asked"]
        assert not is_alive(started[1])
        # Ctrl-C in a terminal goes to a whole session: it must reach the supervisor alone.
        assert started[1] == started[2]


@pytest.mark.anyio
async def test_unusable_settings_stop_all(tmp_path: Path) -> None:
    unusable, polite = tmp_path / "unusable", tmp_path / "polite"
    commands = {"one": program(POLITE, polite), "two": program(UNUSABLE, unusable)}
    assert await asyncio.wait_for(supervise(commands), 20) == USAGE_ERROR
    assert len(lines(unusable)) == 1, "it was not tried again"
    assert all(not is_alive(line[1]) for line in lines(polite)[:1])


@pytest.mark.anyio
async def test_what_does_not_stop_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    task = asyncio.create_task(supervise({"one": program(STUBBORN, file)}, stop_seconds=0.2))
    await until(file, 1)
    with structlog.testing.capture_logs() as logged:
        assert await stopped(task) == 0
    ((_, pid, _),) = lines(file)
    assert not is_alive(pid)
    assert [line["event"] for line in logged] == ["process_killed", "process_stopped"]


@pytest.mark.anyio
async def test_what_cannot_be_started_is_tried_again_and_harms_no_other(tmp_path: Path) -> None:
    file, late = tmp_path / "file", tmp_path / "late"
    commands: dict[str, Sequence[str]] = {"one": [str(late)], "two": program(STAYS, file)}
    task = asyncio.create_task(supervise(commands))
    await until(file, 1)
    late.write_text(f"#!/bin/sh\necho started > {tmp_path}/started\nexec sleep 600\n")
    late.chmod(0o755)
    await until(tmp_path / "started", 1)
    assert await stopped(task) == 0
    assert len(lines(file)) == 1


@pytest.mark.anyio
async def test_a_stop_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(supervise({"one": program(DIES, file)}))
        async with asyncio.timeout(60):
            while not any(line.get("restarts_after") == "3.2 s" for line in logged):
                await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await stopped(task) == 0
    assert loop.time() - started < 3.1
    assert len(lines(file)) == 6


def test_our_own_command_runs_this_program() -> None:
    command = own_command("--version")
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert "version" in done.stdout


# A process that ends with its supervisor

CHILD = (
    "import os, sys, time; from search_api.processes.supervisor import end_with_parent;"
    "end_with_parent(int(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
)
PARENT = (
    "import os, subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', {CHILD!r}, str(os.getpid())]); time.sleep(600)"
)


def test_a_process_ends_when_its_supervisor_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=PROJECT
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        # The child holds the pipe open for as long as it lives.
        assert parent.stdout.read() == b""


def test_a_process_ends_when_its_supervisor_was_gone_before_it_could_look() -> None:
    """A supervisor killed while its child starts must not leave it behind with lock and port."""
    # Not its parent, as if that had been replaced already.
    with subprocess.Popen([sys.executable, "-c", CHILD, "1"], cwd=PROJECT) as child:
        assert child.wait(20) == -signal.SIGTERM


def test_a_process_stays_while_its_supervisor_does() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(os.getpid())], stdout=subprocess.PIPE, cwd=PROJECT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.7)
        child.kill()


def test_it_ends_as_if_it_had_been_asked_to() -> None:
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        end_with_parent(1)
        assert asked.wait(20)
    finally:
        signal.signal(signal.SIGTERM, before)
