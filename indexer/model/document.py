"""What the search index holds and what it answers, the same for every engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indexer.model.names import Digest, RepositoryName


class DocumentType(StrEnum):
    """The kinds of document, each searched on its own."""

    IMAGE = "image"
    REPOSITORY = "repository"
    UNTAGGED = "untagged"
    """Images that had tags and have none now; apart, so that no other search meets them."""


ASKED_FOR = (DocumentType.IMAGE, DocumentType.REPOSITORY)
"""The types that a caller names; ``is:untagged`` among images asks for the third."""


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """What a document is about; a repository's document has no digest."""

    registry: str
    repository: RepositoryName
    digest: Digest | None = None
    is_untagged: bool = False

    @property
    def type(self) -> DocumentType:
        """Whether this is a repository's document or an image's, with tags or without."""
        if self.is_untagged:
            return DocumentType.UNTAGGED
        return DocumentType.REPOSITORY if self.digest is None else DocumentType.IMAGE

    @property
    def id(self) -> str:
        """The identity in the search index, unique within a type and good for tie-breaking."""
        suffix = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{suffix} {self.registry}"


@dataclass(frozen=True, slots=True)
class Document:
    """One entry of the search index.

    ``name`` is the repository name; ``description``, ``labels`` and ``tags`` are the other
    searchable texts, each with its own weight in the ranking, each a list of separate fields so
    that a phrase never spans two. ``keywords`` are the ``(field, value)`` pairs that conditions
    ask for, folded. ``result`` is the JSON object an answer shows, complete.
    """

    key: DocumentKey
    name: str
    description: tuple[str, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    keywords: frozenset[tuple[str, str]]
    created: int
    """Seconds since 1970, 0 for unknown."""
    pushed: int
    """Seconds since 1970 of the newest push, 0 for unknown."""
    size_bytes: int
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the document's stored result and where it stands in the order."""

    result: Mapping[str, Any]
    score: float
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hits, best first; ``total`` is exact, ``has_more`` says whether others follow."""

    hits: tuple[Hit, ...]
    total: int
    has_more: bool
