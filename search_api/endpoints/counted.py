"""Metrics of what processes count: requests, connections, events, and traffic with registries."""

import platform
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from types import MappingProxyType

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from indexer.model import LAG_BOUNDS, REQUEST_BOUNDS, Measures, read_durations
from indexer.registry import RegistryTraffic, TrafficMeasure
from indexer.settings import Settings
from indexer.store import LOOKS, SEARCHABLE, LookResult
from search_api.api import Streams
from search_api.server import (
    SECONDS,
    ConnectionEnd,
    Connections,
    Refusals,
    RequestRefusal,
    RouteCounts,
)

_INDEX, _RIGHTS = "index", "rights"
"""Why a registry is asked: for the search index, or for what a caller may see."""


class Served(Collector):
    """What the web process served, and what it refused."""

    def __init__(
        self,
        counts: RouteCounts,
        refusals: Refusals,
        connections: Connections,
        streams: Streams,
        fetched: Mapping[tuple[str, str], int] = MappingProxyType({}),
    ) -> None:
        """Take what is counted; ``fetched`` are requests to indexer nodes, by node and status."""
        self._fetched = fetched
        self._counts = counts
        self._refusals = refusals
        self._connections = connections
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        requests = CounterMetricFamily(
            "regsearch_http_requests",
            "Requests that were answered, by method, route and class of the status.",
            labels=["method", "route", "status"],
        )
        for labels, number in self._counts.requests.items():
            requests.add_metric(labels, number)
        yield requests
        durations = HistogramMetricFamily(
            "regsearch_http_request_seconds",
            "How long it took until the answer to a request began.",
            labels=["route"],
        )
        for route, measures in self._counts.durations.items():
            buckets, total = read_durations(measures, SECONDS, REQUEST_BOUNDS)
            durations.add_metric([route], buckets, total)
        yield durations
        fetched = CounterMetricFamily(
            "regsearch_node_requests",
            "Requests of a search node to indexer nodes, by class of the status; none: no answer.",
            labels=["node", "status"],
        )
        for (node, status), number in self._fetched.items():
            fetched.add_metric([node, status], number)
        yield fetched
        yield gauge("regsearch_connections", "Open connections.", len(self._connections.open))
        yield gauge(
            "regsearch_connections_max",
            "The limit of open connections.",
            self._connections.limit,
        )
        yield gauge("regsearch_streams", "Open streams of changes.", self._streams.count)
        yield counters(
            "regsearch_connections_ended",
            "Connections that were refused or ended, by reason.",
            label="reason",
            values={end.value: self._refusals.connections[end] for end in ConnectionEnd},
        )
        yield counters(
            "regsearch_requests_refused",
            "Requests that were refused before they were answered, by reason.",
            label="reason",
            values={one.value: self._refusals.requests[one] for one in RequestRefusal},
        )


class Counted(Collector):
    """What was counted of registries and their notifications, and what this service is."""

    def __init__(
        self,
        settings: Settings,
        *,
        events: Counter[tuple[str, str, str]],
        measures: Mapping[str, Measures],
        rights_traffic: Mapping[str, RegistryTraffic],
    ) -> None:
        """Take the measures of the indexer, and those of this process: events and rights."""
        self._settings = settings
        self._events = events
        self._measures = measures
        self._rights_traffic = rights_traffic

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield InfoMetricFamily(
            "regsearch_build",
            "The version of this service, its engine and its Python.",
            value={
                "version": version("regsearch"),
                "engine": self._settings.engine,
                "python": platform.python_version(),
            },
        )
        free = shutil.disk_usage(self._settings.data_dir).free
        yield gauge("regsearch_data_dir_free_bytes", "Free space of the data directory.", free)
        events = CounterMetricFamily(
            "regsearch_notification_events",
            "Events in notifications that were accepted, by sender and result.",
            labels=["registry", "sender", "result"],
        )
        for labels, number in self._events.items():
            events.add_metric(labels, number)
        yield events
        lags = HistogramMetricFamily(
            "regsearch_notification_searchable_seconds",
            "The time from receiving a notification to its effect being searchable.",
            labels=["registry"],
        )
        for registry, measures in self._measures.items():
            buckets, total = read_durations(measures, SEARCHABLE, LAG_BOUNDS)
            lags.add_metric([registry], buckets, total)
        yield lags
        yield self._collect_looks()
        yield from self._collect_traffic()

    def _collect_looks(self) -> Metric:
        looks = CounterMetricFamily(
            "regsearch_looks",
            "Requests for one tag between two crawls: whether it had moved.",
            labels=["registry", "result"],
        )
        for registry, measures in self._measures.items():
            for result in LookResult:
                if number := measures[LOOKS, result]:
                    looks.add_metric([registry, result], number)
        return looks

    def _collect_traffic(self) -> Iterator[Metric]:
        labels = ["registry", "purpose"]
        answers = CounterMetricFamily(
            "regsearch_registry_answers",
            "Answers of a registry by the class of their status; none: no answer.",
            labels=[*labels, "status"],
        )
        retries = CounterMetricFamily(
            "regsearch_registry_retries",
            "Requests to a registry that were sent again after a failure.",
            labels=labels,
        )
        limited = CounterMetricFamily(
            "regsearch_registry_rate_limited",
            "Answers of a registry that it gets too many requests: 429.",
            labels=labels,
        )
        durations = HistogramMetricFamily(
            "regsearch_registry_request_seconds",
            "How long a registry took to answer, to the end of the answer.",
            labels=labels,
        )
        for purpose, registry, measures in self._traffic():
            both = [registry, purpose]
            for (name, part), number in measures.items():
                if name == TrafficMeasure.ANSWERS:
                    answers.add_metric([*both, part], number)
            retries.add_metric(both, measures[TrafficMeasure.RETRIES, ""])
            limited.add_metric(both, measures[TrafficMeasure.RATE_LIMITED, ""])
            buckets, total = read_durations(measures, TrafficMeasure.SECONDS, REQUEST_BOUNDS)
            durations.add_metric(both, buckets, total)
        yield from (answers, retries, limited, durations)

    def _traffic(self) -> Iterator[tuple[str, str, Measures]]:
        for registry, measures in self._measures.items():
            yield _INDEX, registry, measures
        for registry, traffic in self._rights_traffic.items():
            yield _RIGHTS, registry, traffic.measures


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter."""
    return CounterMetricFamily(name, text, value=value)


def counters(name: str, text: str, *, label: str, values: Mapping[str, float]) -> Metric:
    """Return counters that a label tells apart, by its value."""
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge."""
    return GaugeMetricFamily(name, text, value=value)
