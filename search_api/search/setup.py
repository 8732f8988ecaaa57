"""Make the search service of a data directory, with the engine of the settings."""

from collections.abc import Callable
from functools import partial

from indexer.clock import Clock, SystemClock
from indexer.extract import load_kinds
from indexer.settings import Settings
from indexer.store import StoreSearchState
from search_api.processes import configure_logging, make_engines, read_restarts
from search_api.search.pool import SearchProcesses
from search_api.search.process import StartedProcess, start_process
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService
from search_api.search.viewer import OWNER, VIEWER, Viewer


def make_service(
    settings: Settings, *, clock: Clock | None = None, processes: int = 0
) -> SearchService:
    """Return the search service of the data directory, with ``processes`` search processes."""
    return _make_service(settings, clock or SystemClock(), processes=processes)


def start_search_process(settings: Settings) -> StartedProcess:
    """Start a search process, for the search service of the web process.

    It takes as long to start as the web process itself, so both do it at the same time.
    """
    return start_process(partial(_make_process_searcher, settings))


def make_web_service(
    settings: Settings, *, clock: Clock, first: StartedProcess | None = None
) -> SearchService:
    """Return the search service of the web process, whose status never waits for searches.

    It answers for the viewer of the request. ``first`` is a search process that was started before.
    """
    status_searcher = _make_searcher(settings, StoreSearchState(settings.data_dir), clock)
    return _make_service(
        settings,
        clock,
        processes=settings.search_processes,
        status_searcher=status_searcher,
        viewer=VIEWER.get,
        first=first,
    )


def _make_service(
    settings: Settings,
    clock: Clock,
    *,
    processes: int,
    status_searcher: Searcher | None = None,
    viewer: Callable[[], Viewer] = lambda: OWNER,
    first: StartedProcess | None = None,
) -> SearchService:
    state = StoreSearchState(settings.data_dir)
    return SearchService(
        _make_searcher(settings, state, clock),
        state,
        clock=clock,
        kinds=load_kinds(),
        deadline=settings.search_deadline,
        status_searcher=status_searcher,
        viewer=viewer,
        processes=(
            SearchProcesses(partial(_make_process_searcher, settings), count=processes, first=first)
            if processes
            else None
        ),
    )


def _make_searcher(settings: Settings, state: StoreSearchState, clock: Clock) -> Searcher:
    engines = make_engines(settings)
    return Searcher(
        state=state,
        engine=engines.chosen,
        others=engines.others,
        clock=clock,
        synonyms=settings.synonyms,
        registries=settings.registry,
        official=settings.official,
        restarts=partial(read_restarts, settings.data_dir),
    )


def _make_process_searcher(settings: Settings) -> Searcher:
    configure_logging(settings.log_level, process="search", as_json=settings.log_format == "json")
    return _make_searcher(settings, StoreSearchState(settings.data_dir), SystemClock())
