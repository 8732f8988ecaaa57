"""Opening the data directory of the settings, with the engine that they choose."""

from functools import partial

from indexer.clock import Clock, SystemClock
from indexer.settings import Settings
from indexer.store import StoreSearchState
from search_api.processes import configure_logging, make_engines
from search_api.search.pool import SearchProcesses
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService


def make_service(
    settings: Settings, *, clock: Clock | None = None, processes: int = 0
) -> SearchService:
    """Return what searches the data directory, with so many processes for it."""
    clock = clock or SystemClock()
    state = StoreSearchState(settings.data_dir)
    return SearchService(
        _searcher(settings, state, clock),
        state,
        clock=clock,
        processes=(
            SearchProcesses(partial(_searcher_of_process, settings), count=processes)
            if processes
            else None
        ),
    )


def _searcher(settings: Settings, state: StoreSearchState, clock: Clock) -> Searcher:
    engines = make_engines(settings)
    return Searcher(state=state, engine=engines.chosen, others=engines.others, clock=clock)


def _searcher_of_process(settings: Settings) -> Searcher:
    configure_logging(settings.log_level, process="search")
    return _searcher(settings, StoreSearchState(settings.data_dir), SystemClock())
