"""Opening the data directory of the settings, with the engine that they choose."""

from functools import partial

import structlog

from indexer.clock import Clock, SystemClock
from indexer.extract import load_kinds
from indexer.settings import Settings
from search_api.processes import configure_logging, make_engines
from search_api.search.pool import SearchProcesses
from search_api.search.searcher import Searcher
from search_api.search.service import Searching

log = structlog.get_logger()


def make_searcher(settings: Settings, *, clock: Clock | None = None) -> Searcher:
    """Return what answers searches over the data directory of the settings."""
    engines = make_engines(settings)
    return Searcher(
        directory=settings.data_dir,
        engine=engines.chosen,
        others=engines.others,
        clock=clock or SystemClock(),
        kinds=load_kinds(),
    )


def make_searching(
    settings: Settings, *, clock: Clock | None = None, processes: int = 0
) -> Searching:
    """Return the same for asynchronous code, with so many processes that search."""
    started = (
        SearchProcesses(partial(_searcher_of_process, settings), count=processes)
        if processes
        else None
    )
    return Searching(make_searcher(settings, clock=clock), started)


def _searcher_of_process(settings: Settings) -> Searcher:
    configure_logging(settings.log_level, process="search")
    return make_searcher(settings)
