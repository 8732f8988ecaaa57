"""The store on a thread of its own, so that SQLite never holds up the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from indexer.store.database import translated_errors
from indexer.store.store import Store

Result = TypeVar("Result")


class StoreThread:
    """Runs functions on the store one after the other, for asynchronous code."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def read(self, function: Callable[[Store], Result]) -> Result:
        """Return what ``function`` finds in the store.

        :class:`indexer.errors.StoreError` when SQLite cannot.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _translated, self._store, function)

    async def write(self, function: Callable[[Store], Result]) -> Result:
        """Run ``function`` inside one transaction and return what it returned."""
        return await self.read(lambda store: _in_transaction(store, function))

    def close(self) -> None:
        """Wait for what runs, then close the store."""
        self._executor.shutdown()
        self._store.close()


def _translated(store: Store, function: Callable[[Store], Result]) -> Result:
    with translated_errors(store.path):
        return function(store)


def _in_transaction(store: Store, function: Callable[[Store], Result]) -> Result:
    with store.transaction():
        return function(store)
