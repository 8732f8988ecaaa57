"""SQLite: the journal, the queue, our copy of the registries, and the history only events know."""

from indexer.store.absences import Absence, AbsentTags
from indexer.store.backup import CopiedDatabases, adopt_databases, copy_databases
from indexer.store.changes import Change, ChangeCursor, ChangeKind, ChangePlace
from indexer.store.content import ReadContent
from indexer.store.damage import DamagedRow
from indexer.store.damage_note import note_damage, take_damage_note
from indexer.store.database import refuse_unusable
from indexer.store.extraction import (
    EXTRACTED_AT_ONCE,
    IMAGE,
    ExtractedRow,
    ExtractionProgress,
    ManifestRows,
    attachment_form,
)
from indexer.store.history import TagMove
from indexer.store.index_state import LiveIndex, RebuildProgress, StaleDocument
from indexer.store.journal import JOURNAL_FILE, Entry, Journal, JournalCounts
from indexer.store.lineage import (
    KEYS_MAX,
    Bases,
    Declared,
    LineageKeys,
    RelatedImage,
    RelatedImages,
)
from indexer.store.measures import LOOKS, SEARCHABLE, LookResult
from indexer.store.moves import MovingTag, MovingTags
from indexer.store.notifications import NotificationCount, NotificationResult, ReceivedNotifications
from indexer.store.page import Page, make_page
from indexer.store.parts import NAME_LENGTHS, MadeParts, PartRow
from indexer.store.pulls import PullCount
from indexer.store.queue import NO_REPOSITORY, Priority, Refresh, RefreshKind, RefreshTarget
from indexer.store.registries import (
    NO_CATALOG,
    Crawl,
    FullCrawl,
    RegistryFreshness,
    RegistryRow,
)
from indexer.store.schema import STORE_FILE
from indexer.store.search_state import (
    NodeFreshness,
    StoreFreshness,
    StoreSearchState,
    StoreStatus,
)
from indexer.store.shown import (
    ListedTag,
    ShownPlace,
    ShownRegistry,
    ShownRepository,
    ShownTag,
)
from indexer.store.store import Store
from indexer.store.summaries import ImageSummary, RepositorySummary
from indexer.store.threaded import OwnThread, StoreThread

__all__ = [
    "EXTRACTED_AT_ONCE",
    "IMAGE",
    "JOURNAL_FILE",
    "KEYS_MAX",
    "LOOKS",
    "NAME_LENGTHS",
    "NO_CATALOG",
    "NO_REPOSITORY",
    "SEARCHABLE",
    "STORE_FILE",
    "Absence",
    "AbsentTags",
    "Bases",
    "Change",
    "ChangeCursor",
    "ChangeKind",
    "ChangePlace",
    "CopiedDatabases",
    "Crawl",
    "DamagedRow",
    "Declared",
    "Entry",
    "ExtractedRow",
    "ExtractionProgress",
    "FullCrawl",
    "ImageSummary",
    "Journal",
    "JournalCounts",
    "LineageKeys",
    "ListedTag",
    "LiveIndex",
    "LookResult",
    "MadeParts",
    "ManifestRows",
    "MovingTag",
    "MovingTags",
    "NodeFreshness",
    "NotificationCount",
    "NotificationResult",
    "OwnThread",
    "Page",
    "PartRow",
    "Priority",
    "PullCount",
    "ReadContent",
    "RebuildProgress",
    "ReceivedNotifications",
    "Refresh",
    "RefreshKind",
    "RefreshTarget",
    "RegistryFreshness",
    "RegistryRow",
    "RelatedImage",
    "RelatedImages",
    "RepositorySummary",
    "ShownPlace",
    "ShownRegistry",
    "ShownRepository",
    "ShownTag",
    "StaleDocument",
    "Store",
    "StoreFreshness",
    "StoreSearchState",
    "StoreStatus",
    "StoreThread",
    "TagMove",
    "adopt_databases",
    "attachment_form",
    "copy_databases",
    "make_page",
    "note_damage",
    "refuse_unusable",
    "take_damage_note",
]
