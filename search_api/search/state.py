"""What a search needs besides an engine, whoever keeps it."""

from contextlib import AbstractContextManager
from typing import Protocol

from indexer.store import LineageKeys, LiveIndex, StoreFreshness, StoreStatus


class SearchState(Protocol):
    """Read only. Belongs to one thread; each request is inside :meth:`reading`."""

    def reading(self) -> AbstractContextManager[None]:
        """Enclose one request; what goes wrong in it is a :class:`indexer.errors.StoreError`."""

    def live(self) -> LiveIndex | None:
        """Return the generation that answers searches; None before the first."""

    def freshness(self) -> StoreFreshness:
        """Return how fresh the store is."""

    def lineage_keys(self) -> LineageKeys | None:
        """Return the meaning of ``base:``, ``baseof:`` and ``layer:``; None if nothing tells it."""

    def status(self) -> StoreStatus:
        """Return what an operator asks for besides freshness."""

    def close(self) -> None:
        """Let go of all files and connections."""
