"""The content of the search index and the result of a search, the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from indexer.model.names import Digest, RepositoryName


class DocumentType(StrEnum):
    """The types of documents; a search is for one type."""

    IMAGE = "image"
    REPOSITORY = "repository"
    UNTAGGED = "untagged"
    """Images that lost all their tags; a type of its own, so that other searches omit them."""


ASKED_FOR = (DocumentType.IMAGE, DocumentType.REPOSITORY)
"""The types that a caller can name; ``is:untagged`` in a search for images asks for the third."""


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """The subject of a document; the document of a repository has no digest."""

    registry: str
    repository: RepositoryName
    digest: Digest | None = None
    is_untagged: bool = False

    @property
    def type(self) -> DocumentType:
        """The type of the document."""
        if self.is_untagged:
            return DocumentType.UNTAGGED
        return DocumentType.REPOSITORY if self.digest is None else DocumentType.IMAGE

    @property
    def id(self) -> str:
        """The identity in the search index, unique within a type; the last key of every order."""
        suffix = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{suffix} {self.registry}"


def document_place(document_id: str) -> tuple[str, str]:
    """Return the registry and the repository in the id of a document."""
    place, _, registry = document_id.rpartition(" ")
    return registry, place.partition("@")[0]


NUMBERS = ("created", "pushed", "pulled", "size", "layers", "pulls")
"""The numbers of documents: times in seconds since 1970, bytes, and counts."""
FACETS = (
    *("registry", "namespace", "kind", "platform", "arch", "os", "has", "license", "vendor"),
    "tag",
)
"""The facets of documents; ``label:KEY`` is one too, for the key of any label."""
LABEL_FACET = "label:"
LIMIT_MAX = 1_000
"""Hits of a page."""
FACET_VALUES = 50
"""The most values of a facet in an answer."""
PROMINENCE_MAX = 100


class TextField(StrEnum):
    """The field of a searchable text, the heaviest first."""

    TITLE = "title"
    DESCRIPTION = "description"
    METADATA = "metadata"
    LABEL = "label"
    ANNOTATION = "annotation"
    TAG = "tag"


class Sort(StrEnum):
    """The order of hits; all orders except by name begin with the greatest."""

    RELEVANCE = "relevance"
    NAME = "name"
    CREATED = "created"
    PUSHED = "pushed"
    SIZE = "size"
    PULLS = "pulls"


class Text(NamedTuple):
    """One searchable text beside the name; a phrase never spans two texts.

    A tuple, because a page of repositories has thousands of texts and tuples are made faster.
    """

    field: TextField
    text: str
    key: str = ""
    """The key of a label or an annotation; for other metadata, its name."""

    @property
    def key_words(self) -> str:
        """The searchable part of the key: its last part, because people know only that.

        The names of other metadata are not searchable, because nearly everything has a license.
        """
        if self.field is TextField.METADATA:
            return ""
        return self.key.rpartition(".")[2].rpartition("/")[2]


TextRow = Sequence[str]
"""A text as an engine stores it: the parts of a :class:`Text` in order."""


@dataclass(frozen=True, slots=True)
class Document:
    """One entry of the search index.

    ``name`` is the repository name. ``keywords`` are the folded ``(field, value)`` pairs for
    conditions. ``facets`` are the pairs that are counted, as shown. ``result`` is the complete
    JSON object of an answer.
    """

    key: DocumentKey
    name: str
    texts: tuple[Text, ...]
    keywords: frozenset[tuple[str, str]]
    numbers: Mapping[str, tuple[int, ...]]
    """The numbers for ranges, by the names in ``NUMBERS``, ascending. A repository has those of all
    its images. An unknown number is missing."""
    facets: frozenset[tuple[str, str]]
    created: int
    """Seconds since 1970; 0 if unknown."""
    pushed: int
    """Seconds since 1970 of the newest push; 0 if unknown."""
    size_bytes: int | None
    """None if unknown. A repository has what all its images take together."""
    pulls: int
    prominence: int
    """Popularity and age, from 0 to ``PROMINENCE_MAX``; decides between equals."""
    result: Mapping[str, Any]
    is_met_by_images: bool = False
    """Whether a repository has the keywords and numbers of its images in their documents alone.

    It meets a condition that one of its images meets, as every repository does. Those of
    thousands of images would make it a document that is written again with every push.
    """


@dataclass(frozen=True, slots=True)
class Position:
    """A position in an order: after the hit with this key and id."""

    key: float | int | str
    """The value that orders the hits: the score, the name, or a number."""
    id: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the stored result of a document, and its position in the order."""

    result: Mapping[str, Any]
    score: float
    """0 if hits are not ordered by relevance."""
    position: Position
    texts: Sequence[TextRow] = ()
    """The searchable texts of the document, for highlights; only if requested."""

    @property
    def id(self) -> str:
        """The document's id."""
        return self.position.id


@dataclass(frozen=True, slots=True)
class ValueCount:
    """The number of matching documents with a value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The values of a facet in all matching documents: the most frequent first, then by value."""

    values: tuple[ValueCount, ...]
    """At most ``FACET_VALUES``."""
    others: int = 0
    """The number of values that are not listed."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits, best first; ``total`` is exact, ``has_more`` tells of a next page."""

    hits: tuple[Hit, ...]
    total: int
    has_more: bool
    facets: Mapping[str, FacetCounts] = field(default_factory=dict)
