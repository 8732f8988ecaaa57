"""``GET /metrics``: the status as numbers, in Prometheus' text format.

Every number is read from the store when asked for, so that all processes tell the same.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.clock import parse_rfc3339
from indexer.store import JournalCounts, RegistryFreshness
from search_api.search import Searching, Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NO_COUNTS = JournalCounts(waiting=0, rejected=0)

# Name, help, and the number of one registry; a number that is not known is left out.
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
        "Received events that could not be used and are kept.",
        lambda _, counts: counts.rejected,
    ),
    (
        "regsearch_refreshes_waiting",
        "Places of the registry that are to be read again.",
        lambda registry, _: registry.refreshes_waiting,
    ),
    (
        "regsearch_refreshes_set_aside",
        "Places that could not be read and wait for the next crawl.",
        lambda registry, _: registry.set_aside,
    ),
    (
        "regsearch_repositories_held_back",
        "Repositories still shown though the last crawl did not find them.",
        lambda registry, _: registry.quarantined,
    ),
    (
        "regsearch_registry_failing",
        "1 while the registry does not answer as it should.",
        lambda registry, _: float(registry.error is not None),
    ),
    (
        "regsearch_first_backfill_running",
        "1 while the registry is read whole for the first time.",
        lambda registry, _: float(registry.first_backfill_running),
    ),
    (
        "regsearch_newest_event_applied_timestamp_seconds",
        "When the newest event happened whose effect is searchable.",
        lambda registry, _: _seconds(registry.newest_event_applied_at),
    ),
    (
        "regsearch_last_complete_crawl_timestamp_seconds",
        "When the registry was last read whole.",
        lambda registry, _: _seconds(registry.last_complete_crawl_at),
    ),
)


class Metrics:
    """The endpoint of the metrics."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/metrics", self.metrics)]

    async def metrics(self, _: Request) -> Response:
        """Answer every metric."""
        text = metrics_text(await self._searching.status())
        return Response(text, headers={"Content-Type": CONTENT_TYPE})


def metrics_text(status: Status) -> bytes:
    """Return a status in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(status))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield _gauge(
            "regsearch_search_index_complete",
            "1 when the search index holds everything that the store knows.",
            float(status.freshness.index_complete),
        )
        yield _gauge(
            "regsearch_documents_waiting",
            "Documents that are to be made again.",
            status.stale_documents,
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
        yield from self._of_registries()

    def _of_registries(self) -> Iterator[Metric]:
        freshness = self._status.freshness
        for name, text, number_of in _OF_REGISTRY:
            family = GaugeMetricFamily(name, text, labels=["registry"])
            for row in freshness.registries:
                number = number_of(row, freshness.journal.get(row.name, _NO_COUNTS))
                if number is not None:
                    family.add_metric([row.name], number)
            yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _seconds(moment: str | None) -> float | None:
    return parse_rfc3339(moment).timestamp() if moment else None


class Health:
    """The endpoints that whoever runs the service asks."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/healthz", self.health), Route("/readyz", self.readiness)]

    async def health(self, _: Request) -> JSONResponse:
        """Answer 200 while the process runs."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, _: Request) -> JSONResponse:
        """Answer 200 once searches can be answered, before that 503."""
        ready = await self._searching.is_ready()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)
