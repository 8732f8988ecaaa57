"""Logging to standard error: an event name and key-value pairs, one line each."""

import logging
import sys
from contextlib import suppress

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logging(level: str, *, process: str) -> None:
    """Log from ``level`` on; each line names the process."""
    structlog.configure(
        processors=[
            _add_process(process),
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
        # They log the address of every request with its query.
        logging.getLogger(name).setLevel(logging.WARNING)


class _ErrorOutput(structlog.PrintLogger):
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
