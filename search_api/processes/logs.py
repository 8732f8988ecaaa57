"""Logging to standard error: an event name and key-value pairs, one line each."""

import json
import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from search_api.processes.traces import add_trace_id

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of requests."""


def configure_logging(level: str, *, process: str, as_json: bool = False) -> None:
    """Log from ``level`` on; each line names the process.

    With ``as_json`` each line is an object, also what libraries log and what ends the process.
    """
    renderer: Processor = structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "process", "event"], bool_as_flag=False
    )
    if as_json:
        renderer = structlog.processors.JSONRenderer(serializer=_json)
        logging.basicConfig(handlers=[_OfLibraries()], force=True)
        sys.excepthook = _log_crash
    structlog.configure(
        processors=[
            _add_process(process),
            _add_request_id,
            add_trace_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=lambda *_: _Output(sys.stderr),
    )
    for name in ("httpx2", "httpcore2"):
        # These libraries log the address of every request with its query.
        logging.getLogger(name).setLevel(logging.WARNING)


def access_log() -> Any:
    """Return a log of JSON lines on standard output."""
    return structlog.wrap_logger(
        _Output(sys.stdout),
        processors=[
            add_trace_id,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.BoundLogger,
    )


def _json(pairs: EventDict, **_: Any) -> str:
    try:
        return orjson.dumps(pairs, default=str).decode()
    except TypeError:
        # Such as text with half of a character, from a file name.
        return json.dumps(pairs, default=str)


class _OfLibraries(logging.Handler):
    """Passes on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record as a line of ours."""
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    structlog.get_logger().error("crashed", exc_info=(kind, error, trace))


class _Output(structlog.PrintLogger):
    """Prints lines, and ignores failures.

    A log on a full disk, or with a reader that ended, must not stop an answer or a process. There
    is no place to report it.
    """

    def msg(self, message: str) -> None:
        """Print a line, if possible."""
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = msg


def _add_process(process: str) -> Processor:
    """Name the process in every line, from any thread or task."""

    def name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"process": process, **event}

    return name


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name the request within which a line is written."""
    request_id = REQUEST_ID.get()
    return {**event, "request_id": request_id} if request_id else event
