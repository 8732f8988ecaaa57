"""What a notification says, in one form for every sender. A hint where to look, never a fact."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.model.names import Digest, RepositoryName, TagName


class Action(StrEnum):
    """What the sender says happened, or what somebody asks for."""

    PUSH = "push"
    DELETE = "delete"
    CRAWL = "crawl"
    """Asked for by ``regsearch backfill``: read the whole registry again."""
    REBUILD = "rebuild"
    """Asked for by ``regsearch rebuild``: make the search index again from the store."""
    EXTRACT = "extract"
    """Asked for by ``regsearch rebuild --extract``: the same after what was derived from bodies."""
    ACCEPT = "accept"
    """Asked for by ``regsearch reconcile --accept``: hide what is held back of a registry."""


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
"""What a notification is made of, each to be kept in the journal."""
