"""Rights on their way to a search process, whole only once.

Rights may have 10,000 names, which take some 230 kB, and a millisecond on each side. So a process
keeps the rights of its last searches, and is sent their key alone.

Both sides keep the same: each takes every message once, in the same order.
"""

import pickle
from typing import TypeVar

from indexer.model import Rights

KEPT = 16
"""How many rights a process keeps. Large ones take a megabyte each."""

_Value = TypeVar("_Value")


class SentRights:
    """What one process was sent, as the sender knows it."""

    def __init__(self) -> None:
        self._kept: dict[str, None] = {}

    def message(self, rights: Rights) -> bytes:
        """Return what the process must be sent next, to have these rights."""
        is_kept = rights.key in self._kept
        _keep(self._kept, rights.key, None)
        return pickle.dumps((rights.key, None if is_kept else rights))


class ReceivedRights:
    """What a process keeps of the rights that it was sent."""

    def __init__(self) -> None:
        self._kept: dict[str, Rights] = {}

    def read(self, message: bytes) -> Rights:
        """Return the rights of the next message."""
        # The web process wrote it.
        key, rights = pickle.loads(message)  # noqa: S301
        _keep(self._kept, key, rights or self._kept[key])
        return self._kept[key]


def _keep(kept: dict[str, _Value], key: str, value: _Value) -> None:
    """Keep what is used now, and let go of what was used longest ago."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
