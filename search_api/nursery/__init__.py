"""The nursery: a process that has imported what a search needs, and that search processes fork.

A new process would import it again: it takes most of a second of the processor each time, and most
of its memory. The nursery does nothing else, so it has no threads whose locks a fork would copy. It
is the fork server of :mod:`multiprocessing`, and ends after the last process that it forked.
"""

import os
import signal
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.context import ForkServerContext, SpawnContext
from threading import Thread

__all__ = ["end_with_starter", "prepare_nursery"]

_PRELOADED = (
    "search_api.nursery.bound",
    "search_api.search.setup",
    "indexer.engines.whoosh",
    "indexer.engines.tantivy",
    "search_api.nursery.frozen",
)
"""Modules; one that is not installed is left out. The first binds the nursery to its starter, the
last one keeps what was imported as it is."""


def prepare_nursery() -> ForkServerContext | SpawnContext:
    """Start the nursery if it does not run; return what starts processes.

    It returns at once. Where no nursery can be, because nothing temporary can be written, each
    process imports everything itself.
    """
    forkserver.set_forkserver_preload(list(_PRELOADED))
    try:
        forkserver.ensure_running()
    except OSError as error:
        # The nursery imports this package first, and should be bound to its starter soon.
        import structlog  # noqa: PLC0415

        structlog.get_logger().warning("search_processes_start_slowly", reason=str(error))
        return get_context("spawn")
    return get_context("forkserver")


def end_with_starter() -> None:
    """End this process soon after the end of the one that started it.

    That is not its parent, if it was forked by the nursery.
    """
    starter = parent_process()
    assert starter is not None  # noqa: S101 - it was started by this module's means

    def watch() -> None:
        starter.join()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="starter", daemon=True).start()
