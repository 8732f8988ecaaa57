"""What the store gives for making documents: an image with its content, and where it is."""

from dataclasses import dataclass

from indexer.model.content import Content
from indexer.model.names import Digest, RepositoryName, TagName


@dataclass(frozen=True, slots=True)
class Pulls:
    """How often something was pulled, and when for the last time: RFC 3339, None for never.

    ``is_doubtful`` tells whether a registry that caches another one may have dropped it since; None
    for any other registry.
    """

    count: int = 0
    last_at: str | None = None
    is_doubtful: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """A manifest that is attached to ``subject``, another one of its repository.

    ``tag`` is the one of cosign's that says so, "" where none does.
    """

    content: Content
    subject: Digest
    tag: str = ""
    kept: bytes | None = None
    """What is kept of it as an attachment; then its bytes were not read."""


@dataclass(frozen=True, slots=True)
class TaggedImage:
    """What a repository says of a manifest or index: its tags, newest first, pushes and pulls."""

    digest: Digest
    tags: tuple[TagName, ...] = ()
    pushed_at: str | None = None
    """RFC 3339, as an event said; None when no event did."""
    pulls: Pulls = Pulls()
    moved_at: tuple[str, ...] = ()
    """Since when each of the tags points at it, RFC 3339; "" where that is unknown."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A visible manifest or index of a repository, with its tags, newest first."""

    content: Content
    tags: tuple[TagName, ...]
    pushed_at: str | None
    """RFC 3339, as an event said; None when no event did."""
    pulls: Pulls = Pulls()
    attachments: tuple[StoredAttachment, ...] = ()
    """What is attached to it and to its children, and to that in turn."""


@dataclass(frozen=True, slots=True)
class UntaggedImage:
    """A manifest that had tags and has none now: its last tags, newest first, and since when.

    ``since`` is when we saw that, RFC 3339.
    """

    last_tags: tuple[TagName, ...]
    since: str


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository and the registry it is in."""

    id: int
    registry: str
    registry_host: str
    name: RepositoryName
