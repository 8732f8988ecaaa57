"""Logging: an event name and key-value pairs, one line each, on standard error."""

import logging
import sys
from contextlib import suppress

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logging(level: str, *, process: str) -> None:
    """Log from ``level`` on, each line naming the process."""
    structlog.configure(
        processors=[
            _naming(process),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "process", "event"], bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=lambda *_: _ErrorOutput(sys.stderr),
    )
    for name in ("httpx2", "httpcore2"):
        # They log the address of every request, query and all.
        logging.getLogger(name).setLevel(logging.WARNING)


class _ErrorOutput(structlog.PrintLogger):
    """Prints lines, and goes on without where that fails.

    A log on a disk that is full, or whose reader has gone, must take no answer and no process with
    it; and there is nowhere to say so.
    """

    def msg(self, message: str) -> None:
        """Print a line if that can be."""
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = msg


def _naming(process: str) -> Processor:
    """Name the process in every line, whatever thread or task it comes from."""

    def name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"process": process, **event}

    return name
