"""When a search must end: at its deadline, or as soon as nobody waits for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from indexer.errors import SearchCancelledError, SearchTimeoutError


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The time that one search has, its waiting included."""

    seconds: float
    until: float
    """The moment of ``time.monotonic()``, which is the same in all processes of a machine."""

    @classmethod
    def of(cls, seconds: float) -> "TimeLimit":
        """Return a limit of so many seconds from now on."""
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """The seconds that are left; negative when it is past."""
        return self.until - time.monotonic()

    def error(self) -> SearchTimeoutError:
        """Return the error of a search that ran until its deadline."""
        return SearchTimeoutError(
            f"the search took longer than {self.seconds:g} s (setting search_deadline): ask for"
            " fewer words, patterns, results or facets"
        )


class Deadline:
    """Ends the search that a searcher runs. It belongs to the thread of that searcher."""

    def __init__(self) -> None:
        self._until = inf
        self._limit: TimeLimit | None = None
        self._is_cancelled: Callable[[], bool] | None = None

    @contextmanager
    def set(self, limit: TimeLimit, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """Apply to one search, from its beginning to its end."""
        self._limit, self._until, self._is_cancelled = limit, limit.until, is_cancelled
        try:
            yield
        finally:
            self._limit, self._until, self._is_cancelled = None, inf, None

    def check(self) -> None:
        """End the search if it must end; it takes a fraction of a microsecond.

        :class:`SearchTimeoutError` after the deadline, :class:`SearchCancelledError` if nobody
        waits for the search.
        """
        if self._limit is not None and time.monotonic() > self._until:
            raise self._limit.error()
        if self._is_cancelled is not None and self._is_cancelled():
            raise SearchCancelledError("nobody waits for this search any more")
