"""The commands that run processes: ``serve``, ``web`` and ``indexer``."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import Any

import click
import structlog

from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.processes import (
    RestartCounts,
    check_address,
    end_with_parent,
    own_command,
    prepare_settings,
    serve_indexer,
    supervise,
    supervisor_lock,
)
from webhooks.auth import webhook_secrets

log = structlog.get_logger()


def serve() -> None:
    """Run web and indexer, watched and restarted."""
    settings = prepare_settings(process="serve")
    _refuse_no_indexer_node(settings)
    # What would stop one of the processes is found before any of them begins to work.
    for registry in settings.registry:
        registry.check_files()
    with supervisor_lock(settings.data_dir):
        check_address(settings)
        sys.exit(_supervise(settings))


def _supervise(settings: Settings) -> int:
    webhook_secrets(settings)  # Made before both processes look for it.
    if any(registry.notifications for registry in settings.registry):
        # Not the block itself: logs are kept and shown, and a secret is in it.
        click.echo("For the configuration of your registries: regsearch notifications")
    sys.stdout.flush()
    processes = {
        name: own_command(name, f"--supervised={os.getpid()}") for name in ("web", "indexer")
    }
    restarts = RestartCounts(settings.data_dir, names=processes)
    return asyncio.run(supervise(processes, on_restart=restarts.add))


def run_web(supervisor: int | None, *, search_only: bool = False) -> None:
    """Run the web process; it ends with its supervisor, if it has one.

    With ``search_only`` it is a search node, beside which no indexer runs.
    """
    # The processes that search are started by ``python -c``, which looks for modules in the working
    # directory first; -P is passed on, but a program such as ``regsearch`` does not have it.
    os.environ["PYTHONSAFEPATH"] = "1"
    settings = prepare_settings(process="web", supervised=supervisor is not None)
    refuse = _refuse_no_search_node if search_only else _refuse_no_indexer_node
    refuse(settings)
    if supervisor is not None:
        end_with_parent(supervisor)
    # The indexer does without these, which take long to import.
    from indexer.store import STORE_FILE, refuse_unusable  # noqa: PLC0415
    from search_api.search import start_search_process  # noqa: PLC0415

    # Beside a supervised one is an indexer, which looks at all of it.
    refuse_unusable(settings.data_dir / STORE_FILE, thoroughly=supervisor is None)
    with ExitStack() as stack, _closed_before_sigterm(stack):
        first = None
        if settings.search_processes:
            with sigterm_later():
                # The first answer needs both, so it imports beside what follows.
                started = start_search_process(settings, search_only=search_only)
                first = stack.enter_context(closing(started))
        from search_api.web import serve_web  # noqa: PLC0415

        serve_web(settings, first=first, search_only=search_only)


def _refuse_no_indexer_node(settings: Settings) -> None:
    """Raise :class:`SettingsError` if nothing says which of several nodes this is."""
    if settings.node and not settings.node_name:
        names = ", ".join(node.name for node in settings.node)
        raise SettingsError(
            f"node_name is not set: which of the nodes is this ({names})? A search node is started"
            " by regsearch web --search-only"
        )
    settings.shared_secret()


def _refuse_no_search_node(settings: Settings) -> None:
    """Raise :class:`SettingsError` if these are no settings of a search node."""
    if not settings.node:
        raise SettingsError(
            "--search-only needs [[node]] tables: which nodes have which registries"
        )
    if settings.node_name:
        raise SettingsError(
            f"node_name is {settings.node_name!r}, but a search node is none of the [[node]]"
            " tables: leave node_name empty, or run regsearch serve"
        )
    settings.shared_secret()


@contextmanager
def _closed_before_sigterm(stack: ExitStack) -> Iterator[None]:
    """Close a stack before SIGTERM ends this process, be it while it imports."""

    def end(number: int, _: FrameType | None) -> None:
        stack.close()
        signal.signal(number, before)
        signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sigterm_later() -> Iterator[None]:
    """Let SIGTERM wait for the end of a block; on the main thread.

    A process that is half started would write a traceback if this one ended now.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if came:
            signal.raise_signal(signal.SIGTERM)


def run_indexer(supervisor: int | None) -> None:
    """Run the indexer; it ends with its supervisor, if it has one."""
    settings = prepare_settings(process="indexer", supervised=supervisor is not None)
    _refuse_no_indexer_node(settings)
    if supervisor is not None:
        end_with_parent(supervisor)
    _run_until_stopped(serve_indexer(settings))


def _run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` until it ends or SIGTERM or SIGINT cancels it."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await task

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        log.info("stopped")
