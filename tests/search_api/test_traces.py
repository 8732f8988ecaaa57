"""Traces of a running service, as a collector receives them over OTLP and HTTP."""

import gzip
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.builders import image
from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import run
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "a-secret-word"


class Collector:
    """Receives spans; by the process that made them."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        self.resources: list[dict[str, str]] = []
        self.app = Starlette(routes=[Route("/v1/traces", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        received = ExportTraceServiceRequest.FromString(body)
        for one in received.resource_spans:
            resource = {pair.key: pair.value.string_value for pair in one.resource.attributes}
            self.resources.append(resource)
            for scope in one.scope_spans:
                self.spans += [(resource["regsearch.process"], span) for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")

    def named(self, name: str, process: str) -> list[Span]:
        return [span for of, span in self.spans if of == process and span.name == name]


@pytest.fixture
def collector() -> Collector:
    return Collector()


@contextmanager
def service_of(folder: Path, registry: FakeRegistry, **environment: str) -> Iterator[Service]:
    with serving(registry.app) as url, closing(Service(folder)) as service:
        service.configure(
            REGSEARCH_REGISTRY=url,
            REGSEARCH_ACCESS_LOG="true",
            OTEL_BSP_SCHEDULE_DELAY="100",
            **environment,
        )
        service.start()
        service.wait_until_idle()
        yield service


def attributes(span: Span) -> dict[str, str | int]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


def test_requests_and_what_they_cause_are_spans(tmp_path: Path, collector: Collector) -> None:
    registry = FakeRegistry()
    registry.put("team/web", image(), tag="1")
    name = "GET /api/v1/search"

    def ours() -> list[Span]:
        return [one for one in collector.named(name, "web") if one.trace_id.hex() == TRACE]

    traced = {"traceparent": f"00-{TRACE}-{PARENT}-01", "baggage": f"user={SECRET}"}
    with serving(collector.app) as endpoint:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        with service_of(tmp_path, registry, **environment) as service:
            path = f"/api/v1/search?q={SECRET}"
            assert service._http.get(path, headers=traced).status_code == 200
            wait_until(lambda: bool(ours()), 20, "the span arrives")
            wait_until(
                lambda: bool(collector.named("refresh tag", "indexer")), 20, "the indexer's too"
            )
            log = (tmp_path / "service.log").read_text()
    [span] = ours()
    assert span.parent_span_id.hex() == PARENT
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/api/v1/search",
        "url.path": "/api/v1/search",
        "url.scheme": "http",
    }
    [refresh] = collector.named("refresh tag", "indexer")
    below = [one for _, one in collector.spans if one.parent_span_id == refresh.span_id]
    assert below
    assert {attributes(one)["server.address"] for one in below} == {"127.0.0.1"}
    assert all(one.trace_id == refresh.trace_id for one in below)
    names = {resource["service.name"] for resource in collector.resources}
    assert names == {"regsearch"}
    assert SECRET not in str(collector.spans)
    assert not [one for _, one in collector.spans if "readyz" in str(one)], "probes are left out"
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert TRACE in [one["trace_id"] for one in lines if one["path"] == "/api/v1/search"]


def test_without_a_collector_nothing_of_it_is_there(tmp_path: Path) -> None:
    traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with service_of(tmp_path, FakeRegistry()) as service:
        assert service._http.get("/api/v1/search", headers=traced).status_code == 200
        assert "trace_id" not in (tmp_path / "service.log").read_text()


def test_a_collector_that_is_away_stops_nothing(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.put("team/web", image(), tag="1")
    away = f"http://127.0.0.1:{free_port()}"
    with service_of(tmp_path, registry, OTEL_EXPORTER_OTLP_ENDPOINT=away) as service:
        assert service.finds("web")
        assert service.stop(20) == 0


WITHOUT = """
import sys
sys.modules["opentelemetry.sdk"] = None  # As if it were not installed.
from search_api.cli.main import main
sys.argv = ["regsearch", "web"]
main()
"""


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.configure(
        REGSEARCH_REGISTRY="http://127.0.0.1:9", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"
    )
    with closing(service):
        ended = run(
            [sys.executable, "-c", WITHOUT],
            seconds=60,
            environment=service.environment(),
            folder=tmp_path,
        )
    assert ended.returncode == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set" in ended.stderr
    assert 'pip install "regsearch[otel]", or remove that variable' in ended.stderr


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"])
def test_the_variable_is_on_the_page(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "observability.md"
    assert re.search(rf"`{name}`", page.read_text())
