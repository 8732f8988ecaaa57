"""Sending traces to a collector of OpenTelemetry, if the environment names one.

The variables are those of OpenTelemetry itself, which its library reads.
"""

import os
from importlib.metadata import version

from structlog.typing import EventDict, WrappedLogger

from indexer.errors import SettingsError

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def are_traces_wanted() -> bool:
    """Tell whether the environment names a collector."""
    return any(os.environ.get(name) for name in ENDPOINTS)


def send_traces(*, process: str) -> None:
    """Send the traces of this process from now on, if that is wanted.

    :class:`SettingsError` if it is, and the libraries are not installed.
    """
    if not are_traces_wanted():
        return
    try:
        # They are an extra, and take long to import.
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        named = next(name for name in ENDPOINTS if os.environ.get(name))
        raise SettingsError(
            f"{named} is set, and the library that sends traces is not installed ({error}):"
            ' pip install "regsearch[otel]", or remove that variable'
        ) from error
    attributes = {
        SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or "regsearch",
        "service.version": version("regsearch"),
        "regsearch.process": process,
    }
    provider = TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def add_trace_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name the trace within which a line of the log is written, if traces are sent."""
    if not are_traces_wanted():
        return event
    from opentelemetry import trace  # noqa: PLC0415

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return event
    return {**event, "trace_id": trace.format_trace_id(context.trace_id)}
