"""What the server refused: counted for the metrics, and told in the log without flooding it."""

from collections import Counter
from enum import StrEnum

import structlog

log = structlog.get_logger()

TOLD_MAX = 100
"""Callers and reasons that the log tells apart within a minute; the others share a line."""
OTHERS = "others"


class RequestRefusal(StrEnum):
    """Why a request was refused."""

    RATE = "rate"
    """The caller sends more than ``caller_requests_per_second``."""
    CALLER_STREAMS = "caller_streams"
    """The caller has ``caller_streams`` streams open."""
    STREAMS = "streams"
    """All callers together have as many streams open as are allowed."""
    CREDENTIALS = "credentials"
    """A password or token is wrong."""
    GUESSES = "guesses"
    """Too many passwords were wrong, so the caller must wait."""
    FRAMING = "framing"
    """It has ``Content-Length`` and ``Transfer-Encoding``."""
    MALFORMED = "malformed"
    """It is not HTTP."""


class ConnectionEnd(StrEnum):
    """Why the server ended a connection, or did not take it."""

    FULL = "full"
    """All places are taken by requests that are being answered."""
    DISPLACED = "displaced"
    """All places were taken, and this connection waited for its client."""
    HEAD = "head"
    """No whole head of a request came in time."""
    BODY = "body"
    """The body of a request came too slowly."""
    ANSWER = "answer"
    """The client read its answer too slowly."""
    NOT_ACCEPTED = "not_accepted"
    """The system had no descriptor or memory for it."""


class Refusals:
    """Counts refusals. The log tells the first of a caller at once, then a number each minute."""

    def __init__(self) -> None:
        self.requests: Counter[RequestRefusal] = Counter()
        self.connections: Counter[ConnectionEnd] = Counter()
        self._told: dict[tuple[str, str, str], int] = {}

    def request(self, reason: RequestRefusal, *, caller: str) -> None:
        """Count a request that was refused."""
        self.requests[reason] += 1
        self._tell("requests_refused", reason, caller)

    def count(self, reason: RequestRefusal) -> None:
        """Count a request that was refused, and that the log tells of otherwise."""
        self.requests[reason] += 1

    def connection(self, reason: ConnectionEnd, *, caller: str) -> None:
        """Count a connection that was ended or not taken."""
        self.connections[reason] += 1
        self._tell("connections_ended", reason, caller)

    def tell(self) -> None:
        """Write how many there were since the last time; call it once a minute."""
        for (event, reason, caller), number in self._told.items():
            if number:
                log.warning(event, reason=reason, caller=caller, number=number)
        # One that goes on is told with its number, a minute later; all others begin anew.
        self._told = {key: 0 for key, number in self._told.items() if number}

    def _tell(self, event: str, reason: str, caller: str) -> None:
        key = (event, reason, caller)
        if key not in self._told and len(self._told) >= TOLD_MAX:
            key = (event, reason, OTHERS)
        if key in self._told:
            self._told[key] += 1
        else:
            self._told[key] = 0
            log.warning(event, reason=reason, caller=key[2], number=1)
