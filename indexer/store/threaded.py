"""SQLite, and what reads it, on threads of their own, so that nothing holds up the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from indexer.store.database import translated_errors
from indexer.store.store import Store

Result = TypeVar("Result")


class OwnThread:
    """Runs functions one after the other on one thread, for asynchronous code.

    SQLite's errors become :class:`indexer.errors.StoreError` naming ``path``.
    """

    def __init__(self, name: str, *, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[], Result]) -> Result:
        """Return what ``function`` returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._translated, function)

    def close(self) -> None:
        """Wait for what runs."""
        self._executor.shutdown()

    def _translated(self, function: Callable[[], Result]) -> Result:
        with translated_errors(self._path):
            return function()


class StoreThread:
    """Runs functions on the store one after the other, for asynchronous code."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = OwnThread("store", path=store.path)

    async def read(self, function: Callable[[Store], Result]) -> Result:
        """Return what ``function`` finds in the store.

        :class:`indexer.errors.StoreError` when SQLite cannot.
        """
        return await self._thread.run(lambda: function(self._store))

    async def write(self, function: Callable[[Store], Result]) -> Result:
        """Run ``function`` inside one transaction and return what it returned."""
        return await self.read(lambda store: _in_transaction(store, function))

    def close(self) -> None:
        """Wait for what runs, then close the store."""
        self._thread.close()
        self._store.close()


def _in_transaction(store: Store, function: Callable[[Store], Result]) -> Result:
    with store.transaction():
        return function(store)
