"""Reads that refreshes share, so that those that run side by side read each content once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True, eq=False)
class SharedRead(Generic[Value]):
    """One read, running or done, and the number of refreshes that hold it."""

    future: asyncio.Future[Value]
    holders: int = 0


@dataclass(slots=True)
class HeldReads(Generic[Value]):
    """The reads that one refresh holds until the store has what it read."""

    reads: list[tuple[Hashable, SharedRead[Value]]] = field(default_factory=list)


class SharedReads(Generic[Value]):
    """The reads of one registry by key, each kept while a refresh holds it.

    A refresh holds a read until its own end, because only then the store has the content. A
    failure goes to those that wait for it; who asks later starts another read.
    """

    def __init__(self) -> None:
        self._reads: dict[Hashable, SharedRead[Value]] = {}

    def __contains__(self, key: Hashable) -> bool:
        """Tell whether a read is held."""
        return key in self._reads

    async def get(
        self, key: Hashable, read: Callable[[], Awaitable[Value]], *, held: HeldReads[Value]
    ) -> Value:
        """Return what the read of ``key`` gives; start it with ``read`` if nobody has."""
        shared = self._reads.get(key)
        if shared is None:
            shared = self._reads[key] = SharedRead(asyncio.ensure_future(read()))
        self._hold(key, shared, held)
        try:
            # One waiter that is cancelled must not take the answer from the others.
            return await asyncio.shield(shared.future)
        except Exception:
            self._drop(key, shared)
            raise

    def put(self, key: Hashable, value: Value, *, held: HeldReads[Value]) -> None:
        """Share what was read in another way."""
        shared = self._reads.get(key)
        if shared is None:
            shared = self._reads[key] = SharedRead(asyncio.get_running_loop().create_future())
            shared.future.set_result(value)
        self._hold(key, shared, held)

    def release(self, held: HeldReads[Value]) -> None:
        """Let go of all reads of a refresh; a running one that nobody holds is cancelled."""
        for key, shared in held.reads:
            shared.holders -= 1
            if not shared.holders:
                shared.future.cancel()
                self._drop(key, shared)
        held.reads.clear()

    def _hold(self, key: Hashable, shared: SharedRead[Value], held: HeldReads[Value]) -> None:
        shared.holders += 1
        held.reads.append((key, shared))

    def _drop(self, key: Hashable, shared: SharedRead[Value]) -> None:
        if self._reads.get(key) is shared:
            del self._reads[key]
