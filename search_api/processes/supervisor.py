"""``regsearch serve``: start, watch and stop the web and indexer processes."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog

log = structlog.get_logger()

STOP_SECONDS = 8.0
"""How long a process may take to stop before it is killed."""
RESTART_SECONDS_MAX = 30.0
STEADY_SECONDS = 10.0
"""A process that ran for at least this time is restarted at once when it dies."""
PARENT_SECONDS = 0.5
USAGE_ERROR = 2
"""The exit status of a process with unusable settings or files: do not restart it."""


async def supervise(
    commands: Mapping[str, Sequence[str]],
    *,
    stop_seconds: float = STOP_SECONDS,
    steady_seconds: float = STEADY_SECONDS,
    on_restart: Callable[[str], None] = lambda _: None,
) -> int:
    """Run the commands until SIGTERM or SIGINT; restart each that dies. Return the exit status.

    ``on_restart`` is called with the name of each that is started again.

    Status 2 of a process means that its settings or files are unusable; then all are stopped. A
    process that does not stop within ``stop_seconds`` is killed. One that ran longer than
    ``steady_seconds`` is restarted without a pause.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(
            _keep_running(
                name,
                command,
                stop=stop,
                stop_seconds=stop_seconds,
                steady_seconds=steady_seconds,
                on_restart=on_restart,
            )
        )
        for name, command in commands.items()
    ]
    statuses = await asyncio.gather(*tasks)
    return max(statuses)


async def _keep_running(
    name: str,
    command: Sequence[str],
    *,
    stop: asyncio.Event,
    stop_seconds: float,
    steady_seconds: float,
    on_restart: Callable[[str], None],
) -> int:
    loop = asyncio.get_running_loop()
    pause = 0.0
    while not stop.is_set():
        started = loop.time()
        status = await _run(name, command, stop=stop, stop_seconds=stop_seconds)
        if stop.is_set():
            break
        if status == USAGE_ERROR:
            log.warning("process_died", name=name, status=status)
            stop.set()
            return USAGE_ERROR
        steady = loop.time() - started > steady_seconds
        pause = 0.0 if steady else min(RESTART_SECONDS_MAX, 2 * pause or 0.1)
        log.warning("process_died", name=name, status=status, restarts_after=f"{pause:.1f} s")
        await _pause(pause, stop=stop)
        if not stop.is_set():
            on_restart(name)
    log.info("process_stopped", name=name)
    return 0


async def _run(
    name: str, command: Sequence[str], *, stop: asyncio.Event, stop_seconds: float
) -> int | None:
    """Return the status of a process after its end; None if it could not be started."""
    try:
        # A session of its own: Ctrl-C reaches only this process, which then stops the others.
        process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    except OSError as error:
        # The system may have no processes or memory left; the other process must not suffer.
        log.warning("process_not_started", name=name, reason=str(error))
        return None
    log.info("process_started", name=name, pid=process.pid)
    return await _wait(process, stop=stop, stop_seconds=stop_seconds)


async def _wait(
    process: asyncio.subprocess.Process, *, stop: asyncio.Event, stop_seconds: float
) -> int:
    """Return the status of a process after its end; stop it when ``stop`` is set."""
    ended = asyncio.create_task(process.wait())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    # It may end by itself at any moment.
    with suppress(ProcessLookupError):
        if not ended.done():
            process.send_signal(signal.SIGTERM)
            await asyncio.wait({ended}, timeout=stop_seconds)
        if not ended.done():
            log.warning("process_killed", pid=process.pid)
            process.kill()
    return await ended


async def _pause(seconds: float, *, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def own_command(*arguments: str) -> list[str]:
    """Return the command line that runs this program with other arguments."""
    # -P: do not run a folder of the working directory that has the name of our package.
    return [sys.executable, "-P", "-m", "search_api", *arguments]


def end_with_parent(parent: int) -> None:
    """End this process soon after the end of its supervisor, process ``parent``.

    A killed supervisor cannot stop its children. They would keep the lock and the port from the
    next one. The supervisor may have ended before this call.
    """

    def watch() -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
