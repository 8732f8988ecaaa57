"""The freshness of results, and the status of the whole service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.model import DocumentType
from indexer.store import JournalCounts, LiveIndex, RegistryFreshness, StoreStatus


@dataclass(frozen=True, slots=True)
class SearchFreshness:
    """The freshness of the search index and of each registry."""

    index_complete: bool
    registries: Sequence[RegistryFreshness]
    journal: Mapping[str, JournalCounts]

    @property
    def complete(self) -> bool:
        """Whether every registry was read whole, can be read now, and is in the search index."""
        whole = all(row.last_complete_crawl_at and not row.error for row in self.registries)
        return self.index_complete and bool(self.registries) and whole


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status that operators see."""

    freshness: SearchFreshness
    live: LiveIndex | None
    wanted_engine: str
    """The engine of the settings. Until a rebuild ends, another engine may have the live index."""
    advice: str | None
    """The advice of the wanted engine to use another one, if it has any."""
    documents: Mapping[DocumentType, int]
    index_size_bytes: int
    store: StoreStatus
