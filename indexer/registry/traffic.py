"""What goes between this service and one registry: answers, how long they took, and retries."""

from enum import StrEnum
from http import HTTPStatus

from indexer.model import REQUEST_BOUNDS, Measures, add_duration


class TrafficMeasure(StrEnum):
    """What is measured; the names under which the store keeps it."""

    ANSWERS = "answers"
    """By the class of their status, such as ``2xx``."""
    RETRIES = "retries"
    RATE_LIMITED = "rate_limited"
    SECONDS = "request_seconds"


NO_ANSWER = "none"
"""Stands for the class of the status of a request that got no answer, or no end of it."""


class RegistryTraffic:
    """Counts requests to a registry, also those to its token service and to hosts of its blobs."""

    def __init__(self) -> None:
        self.measures = Measures()
        self._taken = Measures()

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
