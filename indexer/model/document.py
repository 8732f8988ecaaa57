"""The content of the search index and the result of a search, the same for every engine."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from indexer.model.names import Digest, RepositoryName
from indexer.model.text import fold


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
    """One searchable text beside the name; a phrase never spans two texts."""

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


TEXT_END = "\x7f"
"""Stands between the texts of a block. It separates words, and nothing of it is shown."""
_INSTEAD = "\x01"
"""Stands for it inside of a text: a control character too, so a reader sees a space for both."""


class TextBlock(NamedTuple):
    """The texts of one field of a document, in their order, as a search looks through them.

    A repository has thousands of short texts, most of them tags. As one text they are read at
    once, and words are sought in all of them together. A tuple, because it is made faster.
    """

    field: TextField
    joined: str
    """The texts, with ``TEXT_END`` between them."""
    folding: str
    """The same folded; "" if that is the same as in lower case."""
    keys: Sequence[str]
    """The different keys of the texts."""
    key_numbers: Sequence[int]
    """The place of the key of each text in ``keys``; empty if there is one key."""

    @property
    def folded(self) -> str:
        """The texts folded, with ``TEXT_END`` between them."""
        return self.folding or self.joined.lower()

    def texts(self) -> Iterator[Text]:
        """Yield the texts one by one."""
        for number, text in enumerate(self.joined.split(TEXT_END)):
            yield Text(self.field, text, self.keys[self.key_place(number)])

    def key_place(self, number: int) -> int:
        """Return the place in ``keys`` of the key of a text, by its number from 0."""
        return self.key_numbers[number] if self.key_numbers else 0

    def with_keys(self, places: Container[int]) -> Iterator[int]:
        """Yield the numbers of the texts whose keys have one of these ``places``."""
        if self.key_numbers:
            return (number for number, place in enumerate(self.key_numbers) if place in places)
        return iter(range(self.joined.count(TEXT_END) + 1 if 0 in places else 0))


def text_blocks(texts: Iterable[Text]) -> list[TextBlock]:
    """Return the texts of a document as blocks, the heaviest field first."""
    by_field: dict[TextField, list[Text]] = {each: [] for each in TextField}
    for text in texts:
        by_field[text.field].append(text)
    return [_block(each, found) for each, found in by_field.items() if found]


def _block(field: TextField, texts: Sequence[Text]) -> TextBlock:
    places = {key: place for place, key in enumerate(dict.fromkeys(one.key for one in texts))}
    numbers = [places[one.key] for one in texts] if len(places) > 1 else []
    plain = [one.text.replace(TEXT_END, _INSTEAD) for one in texts]
    joined = TEXT_END.join(plain)
    folding = "" if joined.isascii() else TEXT_END.join(map(fold, plain))
    return TextBlock(field, joined, folding, list(places), numbers)


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
    texts: Sequence[TextBlock] = ()
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
