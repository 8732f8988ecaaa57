"""``GET /metrics``: the status as numbers, in Prometheus' text format.

Each request reads the numbers of registries, store and search index from the store, where the
indexer keeps what it measured. Those of connections, requests and searches are of this process,
from its start on. So one address tells of all processes, also of those that are not running.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from indexer.clock import parse_rfc3339
from indexer.errors import NotAllowedError, SignInError
from indexer.registry import RegistryTraffic
from indexer.settings import Settings
from indexer.store import JournalCounts, NotificationResult, RegistryFreshness
from search_api.access import CALLER
from search_api.endpoints.counted import Counted, Served, counter, counters, gauge
from search_api.search import VIEWER, SearchLoad, SearchService, ServiceStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NOT_FOR_ALL = (
    "the metrics are for operators: send a token of `regsearch token create --metrics` as"
    " Authorization: Bearer, or ask from the machine on which the service runs"
)
_NO_COUNTS = JournalCounts(waiting=0, rejected=0)

# Name, help, and the value for one registry; an unknown value is left out.
_OF_REGISTRY: tuple[
    tuple[str, str, Callable[[RegistryFreshness, JournalCounts], float | None]], ...
] = (
    (
        "regsearch_entries_waiting",
        "Received events that are not in the queue yet.",
        lambda _, counts: counts.waiting,
    ),
    (
        "regsearch_entries_rejected",
        "Received events that could not be used; they are kept.",
        lambda _, counts: counts.rejected,
    ),
    (
        "regsearch_refreshes_waiting",
        "Places of the registry that wait to be read again.",
        lambda registry, _: registry.refreshes_waiting,
    ),
    (
        "regsearch_refreshes_set_aside",
        "Places that could not be read and wait for the next crawl.",
        lambda registry, _: registry.set_aside,
    ),
    (
        "regsearch_repositories_held_back",
        "Repositories that are still shown, although the last crawl did not find them.",
        lambda registry, _: registry.quarantined,
    ),
    (
        "regsearch_registry_failing",
        "1 while requests to the registry fail.",
        lambda registry, _: float(registry.error is not None),
    ),
    (
        "regsearch_registry_paused_until_timestamp_seconds",
        "Until when the registry is left alone, because it failed or asked for that.",
        lambda registry, _: _seconds(registry.paused_until),
    ),
    (
        "regsearch_first_backfill_running",
        "1 while the first complete crawl of the registry runs.",
        lambda registry, _: float(registry.first_backfill_running),
    ),
    (
        "regsearch_newest_event_applied_timestamp_seconds",
        "The time of the newest event with a searchable effect.",
        lambda registry, _: _seconds(registry.newest_event_applied_at),
    ),
    (
        "regsearch_last_complete_crawl_timestamp_seconds",
        "The time of the last complete crawl of the registry.",
        lambda registry, _: _seconds(registry.last_complete_crawl_at),
    ),
)


class Metrics:
    """The endpoint of the metrics."""

    def __init__(
        self,
        service: SearchService,
        settings: Settings,
        *,
        served: Served,
        events: Counter[tuple[str, str, str]],
        rights_traffic: Mapping[str, RegistryTraffic],
    ) -> None:
        """Take what this process counts: its requests, the events, the questions about rights."""
        self._service = service
        self._settings = settings
        self._served = served
        self._events = events
        self._rights_traffic = rights_traffic

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/metrics", self.metrics)]

    async def metrics(self, request: Request) -> Response:
        """Answer with all metrics, to those who may see the status whole."""
        if not (await VIEWER.get().sight()).sees_internals:
            caller = request.scope.get(CALLER)
            is_known = caller is not None and caller.name
            raise NotAllowedError(_NOT_FOR_ALL) if is_known else SignInError(_NOT_FOR_ALL)
        registry = CollectorRegistry(auto_describe=False)
        status = await self._service.status()
        registry.register(_Collected(status))
        registry.register(self._served)
        registry.register(
            Counted(
                self._settings,
                events=self._events,
                measures=status.store.measures,
                rights_traffic=self._rights_traffic,
            )
        )
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})


class _Collected(Collector):
    def __init__(self, status: ServiceStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield gauge(
            "regsearch_search_index_complete",
            "1 if the search index has everything that the store has.",
            float(status.freshness.index_complete),
        )
        yield gauge(
            "regsearch_complete",
            "1 if nothing is known to be missing in results.",
            float(status.freshness.complete),
        )
        yield gauge(
            "regsearch_indexer_alive",
            "1 if the indexer was alive within the last seconds.",
            float(status.freshness.is_indexer_alive),
        )
        age = status.freshness.indexer_age_seconds
        if age is not None:
            yield gauge(
                "regsearch_indexer_alive_age_seconds",
                "How long ago the indexer was last alive.",
                age,
            )
        yield from self._collect_nodes()
        yield counter(
            "regsearch_damaged_rows",
            "Rows of store and journal that could not be read.",
            status.store.damaged_total,
        )
        yield counters(
            "regsearch_process_restarts",
            "How often the supervisor started a process again since its own start.",
            label="process",
            values=status.restarts,
        )
        yield gauge(
            "regsearch_documents_waiting",
            "Documents that wait to be made again.",
            status.store.stale_documents,
        )
        documents = GaugeMetricFamily(
            "regsearch_documents", "Documents of the search index.", labels=["type"]
        )
        for kind, count in status.documents.items():
            documents.add_metric([kind.value], count)
        yield documents
        requests = CounterMetricFamily(
            "regsearch_registry_requests", "Requests sent to a registry.", labels=["registry"]
        )
        for row in status.freshness.registries:
            requests.add_metric([row.name], row.requests)
        yield requests
        yield from self._collect_notifications()
        yield from self._collect_registries()
        if status.searches is not None:
            yield from _load_metrics(status.searches)

    def _collect_nodes(self) -> Iterator[Metric]:
        freshness = self._status.freshness
        alive = GaugeMetricFamily(
            "regsearch_node_alive",
            "1 if the indexer of the node was alive within the last seconds.",
            labels=["node"],
        )
        left_out = GaugeMetricFamily(
            "regsearch_node_left_out",
            "1 while the documents of the node cannot be searched.",
            labels=["node"],
        )
        for node in freshness.store.nodes:
            alive.add_metric([node.name], float(freshness.is_node_alive(node)))
            left_out.add_metric([node.name], float(node.problem is not None))
        yield alive
        yield left_out

    def _collect_notifications(self) -> Iterator[Metric]:
        totals = CounterMetricFamily(
            "regsearch_notifications",
            "Notifications of a registry: accepted, or refused because of a wrong secret.",
            labels=["registry", "result"],
        )
        received = GaugeMetricFamily(
            "regsearch_notification_received_timestamp_seconds",
            "The time of the newest notification that was accepted.",
            labels=["registry"],
        )
        refused = GaugeMetricFamily(
            "regsearch_notification_refused_timestamp_seconds",
            "The time of the newest notification with a wrong secret, by the address it came from.",
            labels=["registry", "address"],
        )
        for row in self._status.freshness.registries:
            notifications = self._status.freshness.notifications(row.name)
            for result in NotificationResult:
                totals.add_metric([row.name, result.value], notifications.total(result))
            if (seconds := _seconds(notifications.received_at)) is not None:
                received.add_metric([row.name], seconds)
            if newest := notifications.by_result.get(NotificationResult.REFUSED):
                moment = parse_rfc3339(newest.newest_at).timestamp()
                refused.add_metric([row.name, newest.sender], moment)
        yield totals
        yield received
        yield refused

    def _collect_registries(self) -> Iterator[Metric]:
        freshness = self._status.freshness
        for name, text, number_of in _OF_REGISTRY:
            family = GaugeMetricFamily(name, text, labels=["registry"])
            for row in freshness.registries:
                number = number_of(row, freshness.journal.get(row.name, _NO_COUNTS))
                if number is not None:
                    family.add_metric([row.name], number)
            yield family


def _load_metrics(load: SearchLoad) -> Iterator[Metric]:
    yield gauge("regsearch_searches_running", "Searches that run.", load.running)
    yield gauge("regsearch_searches_waiting", "Searches that wait for a turn.", load.waiting)
    yield SummaryMetricFamily(
        "regsearch_search_queue_seconds",
        "How long searches waited for their turn.",
        count_value=load.begun,
        sum_value=load.waited_seconds,
    )
    yield counters(
        "regsearch_searches_refused",
        "Searches refused: busy, because too many waited; costly, because of too much work.",
        label="reason",
        values=load.refused,
    )
    yield counter(
        "regsearch_searches_cancelled",
        "Searches whose clients closed the connection.",
        load.cancelled,
    )
    yield counter(
        "regsearch_searches_timed_out", "Searches that reached the deadline.", load.timed_out
    )
    if load.processes_ready is not None:
        yield gauge(
            "regsearch_search_processes", "Processes that can search.", load.processes_ready
        )
    yield counter(
        "regsearch_search_processes_replaced",
        "Search processes that died or hung, and were replaced.",
        load.processes_replaced,
    )


def _seconds(moment: str | None) -> float | None:
    return parse_rfc3339(moment).timestamp() if moment else None
