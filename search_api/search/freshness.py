"""How true answers are, and the status of the whole service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.model import DocumentType
from indexer.store import JournalCounts, LiveIndex, RegistryFreshness, StoreStatus


@dataclass(frozen=True, slots=True)
class SearchFreshness:
    """How true an answer is: of the search index as a whole, and of each registry."""

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
    """Everything an operator asks for."""

    freshness: SearchFreshness
    live: LiveIndex | None
    wanted_engine: str
    """The one that the settings name; the live index is another's until a rebuild is done."""
    advice: str | None
    """What would serve better than the wanted engine, in that engine's words."""
    documents: Mapping[DocumentType, int]
    index_size_bytes: int
    store: StoreStatus
