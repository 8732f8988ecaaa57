"""The names of all repositories, which rights are about."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from indexer.errors import StoreError

Repositories = Mapping[str, frozenset[str]]
"""The names of all repositories, by registry. What did not change is the same object as before."""

LOOKED_AT_EVERY_SECONDS = 1.0
"""A new repository is seen after this time by those who may see it."""


class KnownRepositories:
    """Keeps the names, and asks the store at most once a second whether there are others."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Repositories]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what reads them; it returns the same object while the store is the same."""
        self._read = read
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
        self._newest: Repositories | None = None
        self._known: Repositories = {}

    async def get(self) -> Repositories:
        """Return the names; none before an indexer made the store."""
        if self._is_old():
            async with self._lock:
                if self._is_old():
                    await self._look()
        return self._known

    def _is_old(self) -> bool:
        return self._read_at is None or self._monotonic() - self._read_at >= LOOKED_AT_EVERY_SECONDS

    async def _look(self) -> None:
        try:
            newest = await self._read()
        except StoreError:
            # Nothing can be searched either. What was known stays.
            return
        self._read_at = self._monotonic()
        if newest is not self._newest:
            self._newest = newest
            self._known = {name: self._same(name, found) for name, found in newest.items()}

    def _same(self, registry: str, found: frozenset[str]) -> frozenset[str]:
        """Return the object of before if it is equal, so that what is kept by it stays."""
        known = self._known.get(registry)
        return known if known == found and known is not None else found
