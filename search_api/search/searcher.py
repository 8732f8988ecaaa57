"""The searcher: it reads the search index and the state beside it, and changes neither."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from indexer.clock import Clock
from indexer.engines import Engine, IndexReader
from indexer.errors import EngineAwayError, EngineError
from indexer.model import Condition, DocumentType, Or, Visible, fold
from indexer.settings import OFFICIAL, RegistrySettings
from indexer.store import LiveIndex, StoreFreshness
from search_api.query import load_synonyms
from search_api.search.deadline import Deadline
from search_api.search.freshness import SearchFreshness, ServiceStatus
from search_api.search.hosts import ConfiguredRegistries
from search_api.search.request import SearchRequest
from search_api.search.result import SearchResult, search
from search_api.search.snapshot import Snapshot
from search_api.search.state import SearchState
from search_api.search.viewer import ALL_SIGHT, Sight

log = structlog.get_logger()

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
FRESHNESS_AGE = timedelta(milliseconds=250)
"""While anything waits, freshness is counted no more often: counting costs more than a search."""


class Searcher:
    """Searches the generation that is live at the time of each request.

    It belongs to one thread, as the reader of an engine does. Call its methods through ``run``.
    """

    def __init__(
        self,
        *,
        state: SearchState,
        engine: Engine,
        clock: Clock,
        others: Sequence[Engine] = (),
        synonyms: Iterable[Sequence[str]] = (),
        registries: Iterable[RegistrySettings] = (),
        official: Iterable[str] = OFFICIAL,
        restarts: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Take the engine of the settings, and ``others`` that may have made the index.

        ``synonyms``, ``registries`` and ``official`` namespaces are those of the settings.
        ``restarts`` tells how often each process was started again.
        """
        self._restarts = restarts
        self._registries = ConfiguredRegistries(registries)
        self._synonyms = load_synonyms(synonyms)
        conditions = tuple(Condition("namespace", fold(one)) for one in official)
        self._preferred = Or(conditions) if conditions else None
        self._state = state
        self.deadline = Deadline()
        """When the search that runs must end; none by itself."""
        self._engine = engine
        self._engines = {one.name: one for one in (*others, engine)}
        self._clock = clock
        self._reader: IndexReader | None = None
        self._live: LiveIndex | None = None
        self._freshness: tuple[datetime, StoreFreshness] | None = None
        self._sight = ALL_SIGHT
        self._noted: list[Mapping[str, Any]] | None = None

    @contextmanager
    def noting(self) -> Iterator[list[Mapping[str, Any]]]:
        """Give the results that everything finds that is called within."""
        noted: list[Mapping[str, Any]] = []
        self._noted = noted
        try:
            yield noted
        finally:
            self._noted = None

    @contextmanager
    def seen_by(self, sight: Sight) -> Iterator[None]:
        """Answer what is called within as for somebody with this sight; else all is seen."""
        self._sight = sight
        try:
            yield
        finally:
            self._sight = ALL_SIGHT

    def run(
        self,
        function: "Callable[Concatenate[Searcher, Parameters], Result]",
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Call ``function`` with this searcher and the arguments, as one request."""
        with self._state.begin_request(self._sight.rights):
            return function(self, *arguments, **named)

    def search(self, request: SearchRequest) -> SearchResult:
        """Return the requested page and its freshness."""
        now = self._clock.now()
        return self.with_snapshot(lambda snapshot: search(snapshot, request, now=now))

    def now(self) -> datetime:
        """Return the time from which the ages of a query count back."""
        return self._clock.now()

    def with_snapshot(self, use: Callable[[Snapshot], Result]) -> Result:
        """Call ``use`` with a snapshot of the search index; return its result.

        :class:`EngineError` if a generation opens but cannot be searched, or is on a server that
        does not answer.
        """
        # Freshness comes first: it must not include an event that came after the search.
        freshness, keys = self._known_freshness(), self._state.lineage_keys()

        def with_reader(reader: IndexReader | None) -> Result:
            return use(
                Snapshot(
                    reader=reader,
                    freshness=self._search_freshness(freshness),
                    lineage_keys=keys,
                    synonyms=self._synonyms,
                    registries=self._registries,
                    preferred=self._preferred,
                    sight=self._sight,
                    noted=self._noted,
                )
            )

        return self._with_reader(with_reader)

    def freshness(self) -> SearchFreshness:
        """Return how fresh the search index and each registry are."""
        try:
            return self.with_snapshot(lambda snapshot: snapshot.freshness)
        except EngineAwayError:
            return self._search_freshness(self._state.freshness(), is_away=True)

    def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories, by registry, whoever asks."""
        return self._state.repository_names()

    def token_origin(self, registry: str) -> str:
        """Return scheme, host and port of the token service of a registry; "" if unknown."""
        return self._state.token_origin(registry)

    def is_ready(self) -> bool:
        """Tell whether the search index can answer searches."""

        def answers(reader: IndexReader | None) -> bool:
            # A server may have gone away since the reader was opened.
            return reader is not None and reader.count(DocumentType.REPOSITORY) >= 0

        try:
            return self._with_reader(answers)
        except EngineAwayError:
            return False

    def status(self) -> ServiceStatus:
        """Return the status of the service, as far as it may be seen."""
        documents, size_bytes, is_away = dict[DocumentType, int](), 0, False
        try:
            documents, size_bytes = self._count_documents(), self._index_size_bytes()
        except EngineAwayError as error:
            log.warning("search_index_away", reason=str(error))
            is_away = True
        status = ServiceStatus(
            freshness=self._search_freshness(self._state.freshness(), is_away=is_away),
            live=self._state.live() if is_away else self._live,
            wanted_engine=self._engine.name,
            advice=self._engine.advice(sum(documents.values())),
            documents=documents,
            index_size_bytes=size_bytes,
            store=self._state.status(),
            restarts=self._restarts(),
        )
        return status.seen_by(self._sight)

    def close(self) -> None:
        """Close all files."""
        self._close_reader()
        self._state.close()

    def _with_reader(self, use: Callable[[IndexReader | None], Result]) -> Result:
        """Call ``use`` with a reader of the live generation; None if none can be opened."""
        try:
            return use(self._open_reader())
        except EngineAwayError:
            # No other reader would be answered, and an empty answer would be wrong.
            raise
        except EngineError as error:
            # The generation was replaced during the request: the next one is there already.
            log.warning("search_index_reopened", reason=str(error))
            self._close_reader()
            self._state.look_again()
        try:
            reader = self._open_reader()
        except EngineAwayError:
            raise
        except EngineError as error:
            # The indexer rebuilds it. Until then, results are marked incomplete.
            log.warning("search_index_unusable", reason=str(error))
            reader = None
        return use(reader)

    def _open_reader(self) -> IndexReader | None:
        """Return a refreshed reader of the live generation; None if there is none."""
        live = self._state.live()
        is_same = live and self._live and live.generation == self._live.generation
        if self._reader is not None and is_same:
            self._live = live
            self._reader.refresh()
            return self._reader
        self._close_reader()
        engine = self._engines.get(live.engine) if live else None
        if live is None or engine is None or live.schema_version != engine.schema_version:
            # The indexer makes a readable generation when it starts.
            return None
        self._reader = engine.open_reader(live.generation, check=self.deadline.check)
        self._live = live
        return self._reader

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._live = None, None

    def _known_freshness(self) -> StoreFreshness:
        now, known = self._clock.now(), self._freshness
        # What says that nothing waits must not be older than the search.
        if known is None or not known[1].is_waiting or now - known[0] > FRESHNESS_AGE:
            self._freshness = known = now, self._state.freshness()
        return known[1]

    def _search_freshness(
        self, of_store: StoreFreshness, *, is_away: bool = False
    ) -> SearchFreshness:
        is_complete = self._live is not None and self._live.complete
        seen = of_store.seen_by(self._sight.rights)
        return SearchFreshness(
            is_complete,
            seen,
            self._clock.now(),
            with_reasons=self._sight.sees_internals,
            index_away=is_away,
            hides_registries=len(seen.registries) < len(of_store.registries),
        )

    def _count_documents(self) -> dict[DocumentType, int]:
        """Return the number of documents; an index that does not open counts as empty."""
        rights = self._sight.rights
        seen = None if rights.are_all else Visible(rights)
        return self._with_reader(
            lambda reader: (
                {kind: reader.count(kind, seen) for kind in DocumentType} if reader else {}
            )
        )

    def _index_size_bytes(self) -> int:
        live = self._live
        return self._engines[live.engine].size_bytes(live.generation) if live else 0
