"""The state of a search node: what the indexer nodes say of themselves, taken together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2

from indexer.clock import Clock, parse_rfc3339, rfc3339
from indexer.errors import EngineAwayError, EngineError
from indexer.model import ALL_RIGHTS, Rights
from indexer.nodes import NodeState, read_state
from indexer.settings import NodeSettings
from indexer.store import (
    LiveIndex,
    NodeFreshness,
    RegistryFreshness,
    StoreFreshness,
    StoreStatus,
)
from search_api.search.remote_lineage import RemoteLineage

if TYPE_CHECKING:
    # An optional dependency.
    from indexer.engines.opensearch import OpenSearchEngine, OpenSearchReader

READ_EVERY_SECONDS = 1.0
"""What nodes say is read no more often: each writes it once a second."""
SOON_SECONDS = 3.0
"""What is new after a longer time may have been said at any moment of it."""


@dataclass(frozen=True, slots=True)
class _HeardNode:
    """What is known of a node."""

    state: NodeState | None
    problem: str | None
    """Why its documents cannot be searched."""
    alive_at: str | None
    """When its indexer was last alive, by our clock: that of another machine may be wrong."""
    ahead: timedelta = timedelta()
    """How far our clock is ahead of that of the node."""

    @property
    def live(self) -> LiveIndex | None:
        """Its part of the search index, if that can be searched."""
        return self.state.live if self.state and not self.problem else None


class JointSearchState:
    """What several nodes say, as if they were one. It belongs to one thread.

    It is a :class:`search_api.search.state.SearchState`. A node belongs to the settings, and so
    does which registries are its own: nothing else that it says is believed.
    """

    def __init__(
        self,
        nodes: Sequence[NodeSettings],
        *,
        engine: "OpenSearchEngine",
        secret: str,
        timeout: float,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the nodes, the engine that searches, and the secret of the nodes.

        ``timeout`` is how long a node may take to answer, in seconds.
        """
        self._nodes = nodes
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {secret}"}, timeout=timeout, trust_env=False
        )
        self._rights = ALL_RIGHTS
        self._engine = engine
        self._table = engine.node_table()
        self._clock = clock
        self._monotonic = monotonic
        self._read_at: float | None = None
        self._heard_at: float | None = None
        self._known: dict[str, _HeardNode] = {}
        self._reader: tuple[str, OpenSearchReader] | None = None
        self._names: Mapping[str, frozenset[str]] = {}

    @contextmanager
    def begin_request(self, rights: Rights = ALL_RIGHTS) -> Iterator[None]:
        """Enclose one request of somebody with these rights."""
        self._rights = rights
        try:
            yield
        finally:
            self._rights = ALL_RIGHTS

    def live(self) -> LiveIndex | None:
        """Return the generations of all nodes as one; None if there is none that can be searched.

        :class:`EngineAwayError` if the cluster does not answer.
        """
        known = self._read()
        found = [one.live for one in known.values() if one.live]
        if not found:
            return None
        from indexer.engines.opensearch import joint_name  # noqa: PLC0415

        return LiveIndex(
            generation=joint_name(one.generation for one in found),
            engine=self._engine.name,
            schema_version=self._engine.schema_version,
            extractor_version=min(one.extractor_version for one in found),
            complete=len(found) == len(self._nodes) and all(one.complete for one in found),
        )

    def look_again(self) -> None:
        """Read anew at the next question what nodes say: it led to what is not there."""
        self._read_at = None

    def freshness(self) -> StoreFreshness:
        """Return how fresh the stores of all nodes are, as far as it was heard."""
        with suppress(EngineAwayError):
            self._read()
        nodes, rows = list[NodeFreshness](), list[RegistryFreshness]()
        told = [_own_part(node, self._known.get(node.name)) for node in self._nodes]
        for node, freshness in zip(self._nodes, told, strict=True):
            known = self._known.get(node.name)
            problem = known.problem if known else "nothing is known of it"
            alive_at = known.alive_at if known else None
            nodes.append(NodeFreshness(node.name, node.registries, alive_at, problem))
            rows += freshness.registries
        alive = [one.alive_at for one in nodes]
        return StoreFreshness(
            registries=rows,
            journal={name: one for part in told for name, one in part.journal.items()},
            notifications={name: one for part in told for name, one in part.notifications.items()},
            documents_waiting=sum(part.documents_waiting for part in told),
            documents_waiting_of={
                name: count for part in told for name, count in part.documents_waiting_of.items()
            },
            alive_at=min(filter(None, alive)) if all(alive) else None,
            is_older=any(part.is_older for part in told),
            nodes=nodes,
        )

    def lineage_keys(self) -> RemoteLineage:
        """Return what asks the nodes what conditions about layers mean."""
        return RemoteLineage(self._nodes, client=self._client, rights=self._rights)

    def status(self) -> StoreStatus:
        """Return the part of a status that nodes tell each other; they have the rest themselves."""
        return StoreStatus(stale_documents=self.freshness().documents_waiting)

    def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories with documents, by registry.

        It is the same object until they change. :class:`EngineAwayError` if the cluster does not
        answer, and other errors of an engine.
        """
        try:
            names = self._read_names()
        except EngineAwayError:
            raise
        except EngineError:
            # A node swapped its generation meanwhile.
            self._close_reader()
            self.look_again()
            names = self._read_names()
        if names != self._names:
            self._names = names
        return self._names

    def token_origin(self, registry: str) -> str:
        """Return scheme, host and port of the token service of a registry; "" if unknown."""
        with suppress(EngineAwayError):
            self._read()
        for node in self._nodes:
            known = self._known.get(node.name)
            if registry in node.registries and known and known.state:
                return known.state.token_origins.get(registry, "")
        return ""

    def close(self) -> None:
        """Close all connections."""
        self._close_reader()
        self._table.close()
        self._client.close()

    def _read(self) -> Mapping[str, _HeardNode]:
        now = self._monotonic()
        if self._read_at is None or now - self._read_at >= READ_EVERY_SECONDS:
            found = self._table.read([node.name for node in self._nodes])
            texts = {name: one.text for name, one in found.items()}
            is_soon = self._heard_at is not None and now - self._heard_at <= SOON_SECONDS
            self._known = {
                node.name: self._judge(node.name, texts.get(node.name, ""), is_soon=is_soon)
                for node in self._nodes
            }
            self._read_at = self._heard_at = now
        return self._known

    def _judge(self, name: str, text: str, *, is_soon: bool) -> _HeardNode:
        """Return what is known of a node after it said ``text``."""
        if not text:
            return _HeardNode(None, "it never said what it has", None)
        try:
            state = read_state(text)
        except EngineError as error:
            return _HeardNode(None, str(error), None)
        alive_at, ahead = self._clocks(name, state, is_soon=is_soon)
        return _HeardNode(state, self._problem(state), alive_at, ahead)

    def _problem(self, state: NodeState) -> str | None:
        live = state.live
        if live is None:
            return "it has no search index yet"
        if live.engine != self._engine.name:
            return f"its search index is not in the cluster yet, but made by {live.engine}"
        if live.schema_version != self._engine.schema_version:
            return (
                f"its documents have the form {live.schema_version} of version {state.version},"
                f" and the form {self._engine.schema_version} is known here"
            )
        return None

    def _clocks(
        self, name: str, state: NodeState, *, is_soon: bool
    ) -> tuple[str | None, timedelta]:
        """Return when a node was alive by our clock, and how far that is ahead of its own.

        ``is_soon`` says that it was asked just before: then what is new was said just now.
        """
        said, before = state.freshness.alive_at, self._known.get(name)
        known = before.state.freshness.alive_at if before and before.state else None
        if said is None:
            return None, timedelta()
        ahead = self._clock.now() - parse_rfc3339(said)
        if before is not None and known is not None and (said == known or not is_soon):
            # It may have ended since it said so.
            ahead = min(ahead, before.ahead)
        return rfc3339(parse_rfc3339(said) + ahead), ahead

    def _read_names(self) -> Mapping[str, frozenset[str]]:
        live = self.live()
        if live is None:
            return {}
        if self._reader is None or self._reader[0] != live.generation:
            self._close_reader()
            self._reader = live.generation, self._engine.open_reader(live.generation)
        return self._reader[1].repository_names()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader[1].close()
        self._reader = None


def _own_part(node: NodeSettings, known: _HeardNode | None) -> StoreFreshness:
    """Return how fresh the registries of a node are, as far as it was heard."""
    if known is None or known.state is None:
        return StoreFreshness()
    told = known.state.freshness
    own = set(node.registries)
    return StoreFreshness(
        registries=[row for row in told.registries if row.name in own],
        journal={name: one for name, one in told.journal.items() if name in own},
        notifications={name: one for name, one in told.notifications.items() if name in own},
        documents_waiting=told.documents_waiting,
        documents_waiting_of={
            name: count for name, count in told.documents_waiting_of.items() if name in own
        },
        is_older=told.is_older,
    )
