"""The indexer process: it reads registries and updates the search index until it is stopped."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import structlog

from indexer.clock import SystemClock
from indexer.errors import DamagedRowError, RegsearchError, UnusableFileError
from indexer.settings import Settings
from search_api.processes.data_dir import make_engines
from search_api.processes.traces import send_traces

log = structlog.get_logger()


async def serve_indexer(settings: Settings) -> None:
    """Index until cancelled; :class:`IndexerRunningError` if another indexer runs.

    After an error that damaged rows may have caused, these are set aside, and the work goes on.
    """
    # Every process imports this folder, but only this one needs these.
    from indexer.extract import load_kinds  # noqa: PLC0415
    from indexer.garbage import collect_seldom  # noqa: PLC0415
    from indexer.run import indexer_lock, run_indexer  # noqa: PLC0415

    send_traces(process="indexer")
    with indexer_lock(settings.data_dir):
        engines, kinds = make_engines(settings), load_kinds()
        collect_seldom()
        while True:
            try:
                await run_indexer(
                    settings,
                    engine=engines.chosen,
                    others=engines.others,
                    clock=SystemClock(),
                    kinds=kinds,
                    extract_processes=os.cpu_count() or 1,
                )
            except Exception as error:
                if await asyncio.to_thread(_set_damage_aside, settings.data_dir, error):
                    continue
                raise


def _set_damage_aside(directory: Path, error: Exception) -> bool:
    """Set aside what may have caused an error; tell whether the work can go on."""
    from indexer.run import NOTED, set_damage_aside  # noqa: PLC0415

    causes = list(_leaves(error))
    if not any(_may_be_damage(cause) for cause in causes):
        return False
    rows = set_damage_aside(directory, now=SystemClock().now())
    log.warning("damage_looked_for", rows=rows, reason="; ".join(map(repr, causes)))
    # Who left the note may have read a row that was put right meanwhile.
    return rows > 0 or any(NOTED in str(cause) for cause in causes)


def _may_be_damage(error: BaseException) -> bool:
    """Tell whether a damaged row may be the cause: it may cause whatever is no error of ours."""
    return isinstance(error, DamagedRowError | UnusableFileError) or not isinstance(
        error, RegsearchError
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
