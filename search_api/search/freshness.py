"""The freshness of results, and the status of the whole service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain

from indexer.clock import parse_rfc3339
from indexer.model import DocumentType
from indexer.store import (
    NO_CATALOG,
    JournalCounts,
    LiveIndex,
    NodeFreshness,
    ReceivedNotifications,
    RegistryFreshness,
    StoreFreshness,
    StoreStatus,
)
from search_api.search.viewer import Sight

FOR_OPERATORS = "operators see why"
ALIVE_SECONDS = 5
"""An indexer says every second that it is alive; after this time without that, it is not."""


class ReasonCode(StrEnum):
    """Names for programs of the reasons why results may be missing or old."""

    NO_REGISTRY = "NO_REGISTRY"
    INDEX_INCOMPLETE = "INDEX_INCOMPLETE"
    INDEX_AWAY = "INDEX_AWAY"
    INDEXER_NOT_ALIVE = "INDEXER_NOT_ALIVE"
    NODE_LEFT_OUT = "NODE_LEFT_OUT"
    DOCUMENTS_WAITING = "DOCUMENTS_WAITING"
    FIRST_CRAWL_RUNNING = "FIRST_CRAWL_RUNNING"
    NEVER_CRAWLED = "NEVER_CRAWLED"
    NO_CATALOG = "NO_CATALOG"
    UNREADABLE = "UNREADABLE"
    PAUSED = "PAUSED"
    STORE_OLD = "STORE_OLD"
    EVENTS_WAITING = "EVENTS_WAITING"
    REFRESHES_WAITING = "REFRESHES_WAITING"
    SET_ASIDE = "SET_ASIDE"
    NOTIFICATIONS_REFUSED = "NOTIFICATIONS_REFUSED"
    NEVER_NOTIFIED = "NEVER_NOTIFIED"


@dataclass(frozen=True, slots=True)
class BehindReason:
    """A reason why results may be missing or old; ``message`` tells it to people."""

    code: ReasonCode
    message: str


@dataclass(frozen=True, slots=True)
class SearchFreshness:
    """The freshness of the search index and of each registry, at a time."""

    index_complete: bool
    store: StoreFreshness
    now: datetime
    with_reasons: bool = True
    """Whether errors of registries are told: they hold addresses that only operators may see."""
    hides_registries: bool = False
    """Whether there are registries that this reader may not see."""
    index_away: bool = False
    """Whether the server of the search index does not answer."""

    @property
    def complete(self) -> bool:
        """Whether results are all that the registries hold, as far as anybody can know."""
        reasons = chain(self.behind(), *map(self.behind_registry, self.registries))
        return next(reasons, None) is None

    @property
    def registries(self) -> Sequence[RegistryFreshness]:
        """The freshness of each registry, as the store tells it."""
        return self.store.registries

    @property
    def is_indexer_alive(self) -> bool:
        """Whether the indexer said so within the last seconds; of several, whether each did."""
        return self._is_alive(self.store.alive_at)

    @property
    def indexer_age_seconds(self) -> float | None:
        """How long ago the indexer was last alive; None if it never was."""
        alive_at = self.store.alive_at
        return max(0.0, self._seconds_since(alive_at)) if alive_at is not None else None

    @property
    def journal(self) -> Mapping[str, JournalCounts]:
        """What the journal holds of each registry that it knows."""
        return self.store.journal

    @property
    def nodes(self) -> Sequence[NodeFreshness]:
        """The indexer nodes that the answer is of, if it is of several."""
        return self.store.nodes

    def is_node_alive(self, node: NodeFreshness) -> bool:
        """Whether the indexer of a node was alive within the last seconds."""
        return self._is_alive(node.alive_at)

    def told(self, reason: str | None) -> str | None:
        """Return a reason as this reader may know it."""
        return reason if self.with_reasons or not reason else FOR_OPERATORS

    def notifications(self, registry: str) -> ReceivedNotifications:
        """Return what was received from a registry."""
        return self.store.notifications.get(registry, ReceivedNotifications())

    def is_paused(self, registry: RegistryFreshness) -> bool:
        """Whether a registry is left alone now, because it failed or asked for that."""
        until = registry.paused_until
        return until is not None and self._seconds_since(until) < 0

    def behind(self) -> Iterator[BehindReason]:
        """Yield the reasons why results of any registry may be missing or old."""
        if not self.registries and not self.hides_registries:
            yield BehindReason(ReasonCode.NO_REGISTRY, "no registry is known yet")
        if self.index_away:
            yield BehindReason(
                ReasonCode.INDEX_AWAY, "the server of the search index does not answer"
            )
        elif not self.index_complete:
            yield BehindReason(ReasonCode.INDEX_INCOMPLETE, "the search index is being filled")
        if self.nodes:
            for node in self.nodes:
                yield from self._node_reasons(node)
        elif not self.is_indexer_alive:
            message = f"the indexer {self._not_alive(self.store.alive_at)}"
            yield BehindReason(ReasonCode.INDEXER_NOT_ALIVE, message)
        if waiting := self.store.documents_waiting:
            yield BehindReason(
                ReasonCode.DOCUMENTS_WAITING, f"{_count(waiting, 'document')} not indexed yet"
            )

    def behind_registry(self, registry: RegistryFreshness) -> Iterator[BehindReason]:
        """Yield the reasons why results of one registry may be missing or old."""
        yield from self._crawl_reasons(registry)
        yield from self._work_reasons(registry)
        yield from self._notification_reasons(registry)

    def _node_reasons(self, node: NodeFreshness) -> Iterator[BehindReason]:
        whose = f"node {node.name} ({', '.join(node.registries)})"
        if node.problem:
            yield BehindReason(ReasonCode.NODE_LEFT_OUT, f"{whose} is left out: {node.problem}")
        is_heard = node.alive_at is not None or not node.problem
        if is_heard and not self.is_node_alive(node):
            message = f"the indexer of {whose} {self._not_alive(node.alive_at)}"
            yield BehindReason(ReasonCode.INDEXER_NOT_ALIVE, message)

    def _is_alive(self, alive_at: str | None) -> bool:
        # Either way, as a clock may have been set back.
        return alive_at is not None and abs(self._seconds_since(alive_at)) <= ALIVE_SECONDS

    def _not_alive(self, alive_at: str | None) -> str:
        if alive_at is None:
            return "is not known to be alive"
        return f"has not been alive for {_duration(round(abs(self._seconds_since(alive_at))))}"

    def _seconds_since(self, moment: str) -> float:
        return (self.now - parse_rfc3339(moment)).total_seconds()

    def _crawl_reasons(self, registry: RegistryFreshness) -> Iterator[BehindReason]:
        if not registry.has_catalog:
            yield BehindReason(ReasonCode.NO_CATALOG, NO_CATALOG)
        elif registry.first_backfill_running:
            yield BehindReason(
                ReasonCode.FIRST_CRAWL_RUNNING, "it is being read for the first time"
            )
        elif registry.last_complete_crawl_at is None:
            yield BehindReason(ReasonCode.NEVER_CRAWLED, "it was never read completely")
        if registry.error:
            yield BehindReason(
                ReasonCode.UNREADABLE, f"it could not be read: {self.told(registry.error)}"
            )
        if self.is_paused(registry):
            yield BehindReason(
                ReasonCode.PAUSED,
                f"it is left alone until {registry.paused_until}:"
                f" {self.told(registry.pause_reason)}",
            )
        if self.store.is_older or _is_after(registry.lost_at, registry):
            yield BehindReason(
                ReasonCode.STORE_OLD,
                "the store is older than the last known event, until a crawl is complete",
            )

    def _work_reasons(self, registry: RegistryFreshness) -> Iterator[BehindReason]:
        counts = self.journal.get(registry.name)
        if counts and counts.waiting:
            yield BehindReason(
                ReasonCode.EVENTS_WAITING,
                f"{_count(counts.waiting, 'event')} received, but not taken in yet",
            )
        if waiting := registry.refreshes_waiting:
            yield BehindReason(
                ReasonCode.REFRESHES_WAITING, f"{_count(waiting, 'refresh', 'es')} waiting"
            )
        if registry.set_aside:
            yield BehindReason(
                ReasonCode.SET_ASIDE,
                f"{_count(registry.set_aside, 'refresh', 'es')} set aside: they failed",
            )

    def _notification_reasons(self, registry: RegistryFreshness) -> Iterator[BehindReason]:
        notifications = self.notifications(registry.name)
        if refused := notifications.refused_since:
            yield BehindReason(
                ReasonCode.NOTIFICATIONS_REFUSED,
                f"{_count(refused, 'notification')} refused: wrong secret",
            )
        if registry.notifies and registry.untold_at and notifications.received_at is None:
            yield BehindReason(
                ReasonCode.NEVER_NOTIFIED, "no notification ever came, but a crawl found changes"
            )


def _is_after(moment: str | None, registry: RegistryFreshness) -> bool:
    """Tell whether the last complete crawl began too early to see what was at a time."""
    started = registry.last_complete_crawl_started_at
    return moment is not None and (started is None or started <= moment)


def _duration(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{plural if number != 1 else ''}"


@dataclass(frozen=True, slots=True)
class SearchLoad:
    """How busy the searches of a process are, and how those since its start ended."""

    running: int
    waiting: int
    begun: int
    waited_seconds: float
    """How long those that began had waited for their turn, together."""
    refused: Mapping[str, int]
    """By reason: ``busy`` if too many waited, ``costly`` if it would have taken too much work."""
    cancelled: int
    """Their clients closed the connection."""
    timed_out: int
    processes_ready: int | None
    """The search processes that can search; None if there are none at all."""
    processes_replaced: int


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status of the service, whole for operators."""

    freshness: SearchFreshness
    live: LiveIndex | None
    wanted_engine: str
    """The engine of the settings. Until a rebuild ends, another engine may have the live index."""
    advice: str | None
    """The advice of the wanted engine to use another one, if it has any."""
    documents: Mapping[DocumentType, int]
    index_size_bytes: int
    store: StoreStatus
    restarts: Mapping[str, int] = field(default_factory=dict)
    """How often the supervisor started each process again since its own start."""
    searches: SearchLoad | None = None
    """Of this process; None if it is not known."""
    started_at: datetime | None = None
    """The start of the service that answers; None if no service does, as on the command line."""

    def seen_by(self, sight: Sight) -> "ServiceStatus":
        """Return the part that somebody may see; the freshness and the documents are that already.

        Others than operators see no reasons, and nothing that tells how much they do not see.
        """
        status = self
        if not sight.rights.are_all:
            # These are about all registries together.
            crawls = {
                name: crawl
                for name, crawl in self.store.crawls.items()
                if sight.rights.sees_all_of(name)
            }
            store = replace(status.store, crawls=crawls, rebuild=None, extraction=None)
            status = replace(status, store=store, index_size_bytes=0, advice=None)
        if not sight.sees_internals:
            store = replace(status.store, set_aside=(), postponed=(), rejected=(), damaged=())
            status = replace(status, store=store)
        return status
