"""What reads resources out of a store, for one request."""

from datetime import datetime

from indexer.extract import KindTable
from indexer.store import Store

NAME_SHOWN = 300
"""Characters of an unknown name that an error repeats."""


class StoreReader:
    """Reads an open store. ``now`` is the time; ``kinds`` are the kinds of content."""

    def __init__(self, store: Store, *, now: datetime, kinds: KindTable) -> None:
        self._store = store
        self._now = now
        self._kinds = kinds
