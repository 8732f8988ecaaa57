"""Make the search service of a data directory or a search node, with the engine of the settings."""

from collections.abc import Callable
from functools import partial

from indexer.clock import Clock, SystemClock
from indexer.extract import load_kinds
from indexer.settings import Settings
from indexer.store import OwnThread, StoreSearchState
from search_api.processes import (
    configure_logging,
    make_engines,
    make_joint_engine,
    read_restarts,
)
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


def start_search_process(settings: Settings, *, search_only: bool = False) -> StartedProcess:
    """Start a search process, for the search service of the web process.

    It takes as long to start as the web process itself, so both do it at the same time.
    """
    return start_process(partial(_make_process_searcher, settings, search_only=search_only))


def make_web_service(
    settings: Settings,
    *,
    clock: Clock,
    first: StartedProcess | None = None,
    search_only: bool = False,
) -> SearchService:
    """Return the search service of the web process, whose status never waits for searches.

    It answers for the viewer of the request. ``first`` is a search process that was started before.
    With ``search_only`` it is that of a search node: it searches what all indexer nodes have, and
    has no store.
    """
    return _make_service(
        settings,
        clock,
        processes=settings.search_processes,
        status_searcher=_make_searcher(settings, clock, search_only=search_only),
        viewer=VIEWER.get,
        first=first,
        search_only=search_only,
    )


def _make_service(
    settings: Settings,
    clock: Clock,
    *,
    processes: int,
    status_searcher: Searcher | None = None,
    viewer: Callable[[], Viewer] = lambda: OWNER,
    first: StartedProcess | None = None,
    search_only: bool = False,
) -> SearchService:
    make_one = partial(_make_process_searcher, settings, search_only=search_only)
    store = None if search_only else StoreSearchState(settings.data_dir)
    return SearchService(
        _make_searcher(settings, clock, search_only=search_only, store=store),
        store,
        make_thread=partial(OwnThread, path=settings.data_dir),
        clock=clock,
        kinds=load_kinds(),
        deadline=settings.search_deadline,
        status_searcher=status_searcher,
        viewer=viewer,
        processes=SearchProcesses(make_one, count=processes, first=first) if processes else None,
    )


def _make_searcher(
    settings: Settings,
    clock: Clock,
    *,
    search_only: bool = False,
    store: StoreSearchState | None = None,
) -> Searcher:
    """Return a searcher over ``store``; without one, over a state of its own."""
    make = partial(
        Searcher,
        clock=clock,
        synonyms=settings.synonyms,
        registries=settings.registry,
        official=settings.official,
        restarts=partial(read_restarts, settings.data_dir),
    )
    if search_only:
        # What it needs takes long to import, and most services have no nodes.
        from search_api.search.joint_state import JointSearchState  # noqa: PLC0415

        engine = make_joint_engine(settings)
        joint = JointSearchState(
            settings.node,
            engine=engine,
            secret=settings.shared_secret(),
            timeout=settings.search_deadline.total_seconds(),
            clock=clock,
        )
        return make(state=joint, engine=engine)
    engines = make_engines(settings)
    state = store or StoreSearchState(settings.data_dir)
    return make(state=state, engine=engines.chosen, others=engines.others)


def _make_process_searcher(settings: Settings, *, search_only: bool) -> Searcher:
    configure_logging(settings.log_level, process="search", as_json=settings.log_format == "json")
    return _make_searcher(settings, SystemClock(), search_only=search_only)
