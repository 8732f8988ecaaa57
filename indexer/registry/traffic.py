"""What goes between this service and one registry: answers, how long they took, and retries."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from indexer.model import REQUEST_BOUNDS, Measures, add_duration
from indexer.registry.messages import Outgoing
from indexer.registry.urls import shown

_TRACER = trace.get_tracer("regsearch")
_PROPAGATOR = TraceContextTextMapPropagator()


class TrafficMeasure(StrEnum):
    """What is measured; the names under which the store keeps it."""

    ANSWERS = "answers"
    """By the class of their status, such as ``2xx``."""
    RETRIES = "retries"
    RATE_LIMITED = "rate_limited"
    SECONDS = "request_seconds"


NO_ANSWER = "none"
"""Stands for the class of the status of a request that got no answer, or no end of it."""


@dataclass(slots=True)
class SentRequest:
    """A request on its way; ``status`` is to be set once all of the answer was read."""

    status: int | None = None


class RegistryTraffic:
    """Counts requests to a registry, also those to its token service and to hosts of its blobs."""

    def __init__(self) -> None:
        self.measures = Measures()
        self._taken = Measures()

    @contextmanager
    def sending(self, outgoing: Outgoing, *, is_own: bool) -> Iterator[SentRequest]:
        """Enclose one request: count it, and make a span of it, if traces are sent.

        The trace goes on in the registry, and not at other hosts if it is not ``is_own``.
        """
        sent, started = SentRequest(), time.monotonic()
        try:
            if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
                # Nobody sends traces, and spans of nothing take a tenth of a request.
                yield sent
            else:
                with _span(outgoing, sent, is_own=is_own):
                    yield sent
        finally:
            self.request(sent.status, seconds=time.monotonic() - started)

    def request(self, status: int | None, *, seconds: float) -> None:
        """Count a request, with the status of its answer, and how long all of it took."""
        answer = NO_ANSWER if status is None else f"{min(9, status // 100)}xx"
        self.measures[TrafficMeasure.ANSWERS, answer] += 1
        add_duration(self.measures, TrafficMeasure.SECONDS, seconds, REQUEST_BOUNDS)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.measures[TrafficMeasure.RATE_LIMITED, ""] += 1

    def retry(self) -> None:
        """Count a request that is sent again, because the one before failed."""
        self.measures[TrafficMeasure.RETRIES, ""] += 1

    def take_new(self) -> Measures:
        """Return what was counted since the last call."""
        new = self.measures - self._taken
        self._taken = self.measures.copy()
        return new


@contextmanager
def _span(outgoing: Outgoing, sent: SentRequest, *, is_own: bool) -> Iterator[None]:
    place = outgoing.place
    attributes = {
        "http.request.method": outgoing.method,
        "url.full": shown(place.url),
        "server.address": place.host,
    }
    with _TRACER.start_as_current_span(
        outgoing.method, kind=SpanKind.CLIENT, attributes=attributes
    ) as span:
        if is_own:
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier)
            outgoing.headers.extend((n.encode(), v.encode()) for n, v in carrier.items())
        try:
            yield
        finally:
            if sent.status is not None:
                span.set_attribute("http.response.status_code", sent.status)
