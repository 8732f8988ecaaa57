"""What a notification says, in one form for every sender. A hint where to look, never a fact."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.model.names import Digest, RepositoryName, TagName


class Action(StrEnum):
    """What the sender says happened."""

    PUSH = "push"
    DELETE = "delete"
    PULL = "pull"
    """A manifest was pulled through a registry that caches another one."""
    PULL_BLOB = "pull_blob"
    """So was a blob, perhaps a config."""


class Command(StrEnum):
    """What an operator asks for; the journal carries it to the indexer, as it does events.

    A journal outlives upgrades, and stores these values beside those of :class:`Action`.
    """

    CRAWL = "crawl"
    """Read the whole registry again: ``regsearch backfill``."""
    REBUILD = "rebuild"
    """Make the search index again from the store: ``regsearch rebuild``."""
    EXTRACT = "extract"
    """Extract from the stored bodies again, then rebuild: ``regsearch rebuild --extract``."""
    ACCEPT = "accept"
    """Hide what is quarantined of a registry: ``regsearch reconcile --accept``."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry inside a notification that is worth a look at the registry.

    ``occurred_at`` is the sender's own time; ``source`` tells one run of a registry process from
    the next.
    """

    action: Action
    repository: RepositoryName | None = None
    tag: TagName | None = None
    digest: Digest | None = None
    event_id: str = ""
    occurred_at: datetime | None = None
    actor: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of a notification that cannot be used, and why; kept so that nothing is lost."""

    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Pull:
    """That a client downloaded a manifest; only how often that happens is of interest."""

    repository: RepositoryName
    digest: Digest
    occurred_at: datetime | None = None


Item = Event | Rejected | Pull
"""What a notification is made of."""
