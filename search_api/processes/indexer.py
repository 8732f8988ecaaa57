"""The indexer process: it reads registries and updates the search index until it is stopped."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from indexer.clock import SystemClock
from indexer.engines import Engine
from indexer.errors import DamagedRowError, RegsearchError, UnusableFileError
from indexer.settings import Settings
from search_api.processes.data_dir import make_engines
from search_api.processes.traces import send_traces

if TYPE_CHECKING:
    from indexer.nodes import Announcer

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
        announcer = _make_announcer(settings, engines.chosen)
        collect_seldom()
        async with AsyncExitStack() as stack:
            if announcer is not None:
                stack.push_async_callback(announcer.close)
            while True:
                try:
                    await run_indexer(
                        settings,
                        engine=engines.chosen,
                        others=engines.others,
                        clock=SystemClock(),
                        kinds=kinds,
                        extract_processes=os.cpu_count() or 1,
                        announcer=announcer,
                    )
                except Exception as error:
                    if await asyncio.to_thread(_set_damage_aside, settings.data_dir, error):
                        continue
                    raise


def _make_announcer(settings: Settings, engine: Engine) -> "Announcer | None":
    """Return what tells search nodes what this node has; None if it is none of several."""
    node = settings.own_node()
    if node is None:
        return None
    from indexer.engines.opensearch import OpenSearchEngine  # noqa: PLC0415
    from indexer.nodes import Announcer  # noqa: PLC0415

    assert isinstance(engine, OpenSearchEngine)  # noqa: S101 - the settings need it for nodes
    return Announcer(
        settings.data_dir,
        node=node,
        table=engine.node_table(),
        read_owner=engine.owner,
        clock=SystemClock(),
    )


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
