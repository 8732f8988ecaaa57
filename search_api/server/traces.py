"""A span of OpenTelemetry for each request, which goes on a trace that a proxy began."""

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.server.callers import NEVER_LIMITED
from search_api.server.routes import METHODS, OTHER, route_of

_TRACER = trace.get_tracer("regsearch")
# Without the baggage: it would lead what any client sends to the registries.
_PROPAGATOR = TraceContextTextMapPropagator()
_READ = frozenset({b"traceparent", b"tracestate"})


class Traces:
    """Makes a span of each request but probes and scrapes.

    It has no query, no address of the client and no headers: they may be nobody's business. That,
    and that the route comes from :class:`RouteNotes`, is why no ready instrumentation is used.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["path"] in NEVER_LIMITED:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        carried = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _READ
        }
        with _TRACER.start_as_current_span(
            method,
            context=_PROPAGATOR.extract(carried),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.path": scope["path"],
                "url.scheme": scope["scheme"],
            },
        ) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self._app(scope, receive, sending)
            finally:
                route = route_of(scope)
                if route != OTHER:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)
