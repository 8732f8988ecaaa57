"""What the search index holds and what it answers, the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

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


NUMBERS = ("created", "pushed", "pulled", "size", "layers", "pulls")
"""The numbers of documents: times in seconds since 1970, bytes, and counts."""
FACETS = ("registry", "namespace", "kind", "platform", "license", "vendor")
"""The facets of documents; ``label:KEY`` is one too, for any label's key."""
LABEL_FACET = "label:"
LIMIT_MAX = 1_000
"""Hits of a page."""
FACET_VALUES = 50
"""How many values of a facet are counted in an answer."""
PROMINENCE_MAX = 100


class TextField(StrEnum):
    """What a searchable text is, in the order of what it weighs."""

    TITLE = "title"
    DESCRIPTION = "description"
    METADATA = "metadata"
    LABEL = "label"
    ANNOTATION = "annotation"
    TAG = "tag"


class Sort(StrEnum):
    """What hits are ordered by; all but the name begin with the greatest."""

    RELEVANCE = "relevance"
    NAME = "name"
    CREATED = "created"
    PUSHED = "pushed"
    SIZE = "size"
    PULLS = "pulls"


class Text(NamedTuple):
    """One searchable text beside the name; a phrase never spans two.

    A repository has hundreds and a page dozens of those: a tuple is made several times faster.
    """

    field: TextField
    text: str
    key: str = ""
    """Of a label or an annotation its key, of other metadata what it is."""

    @property
    def key_words(self) -> str:
        """What of the key is searchable: the last part of it, as people know that alone.

        Nothing of what other metadata is called, for nearly everything has a license.
        """
        if self.field is TextField.METADATA:
            return ""
        return self.key.rpartition(".")[2].rpartition("/")[2]


TextRow = Sequence[str]
"""A text as an engine keeps it, the parts of a :class:`Text` in order: a page has thousands, and
most are never looked at."""


@dataclass(frozen=True, slots=True)
class Document:
    """One entry of the search index.

    ``name`` is the repository name. ``keywords`` are the ``(field, value)`` pairs that conditions
    ask for, folded; ``facets`` the pairs that are counted, as they are shown. ``result`` is the
    JSON object an answer shows, complete.
    """

    key: DocumentKey
    name: str
    texts: tuple[Text, ...]
    keywords: frozenset[tuple[str, str]]
    numbers: Mapping[str, tuple[int, ...]]
    """What ranges ask for, by the names in ``NUMBERS``, ascending; a repository has those of all
    its images. Nothing stands for unknown."""
    facets: frozenset[tuple[str, str]]
    created: int
    """Seconds since 1970, 0 for unknown."""
    pushed: int
    """Seconds since 1970 of the newest push, 0 for unknown."""
    size_bytes: int
    pulls: int
    prominence: int
    """How popular and recent it is, from 0 to ``PROMINENCE_MAX``: decides between equals."""
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: behind the hit of that key and id."""

    key: float | int | str
    """What the hits are ordered by: the score, the name, or a number."""
    id: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the document's stored result and where it stands in the order."""

    result: Mapping[str, Any]
    score: float
    """0 where hits are not ordered by relevance."""
    position: Position
    texts: Sequence[TextRow] = ()
    """What of the document is searchable, for highlights; only if asked for."""

    @property
    def id(self) -> str:
        """The document's id."""
        return self.position.id


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How many of the documents that match have a value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The values of a facet among all documents that match: most first, then by value."""

    values: tuple[ValueCount, ...]
    """At most ``FACET_VALUES``."""
    others: int = 0
    """How many values more there are."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits, best first; ``total`` is exact, ``has_more`` says whether others follow."""

    hits: tuple[Hit, ...]
    total: int
    has_more: bool
    facets: Mapping[str, FacetCounts] = field(default_factory=dict)
