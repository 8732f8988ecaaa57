"""What a kind of content is: how it is recognised, and where its fields are.

A kind is declared, not programmed: names of media types, labels and annotations, and for each field
the places to look in. A place is made by :func:`config`, :func:`annotation`, :func:`label` or
:func:`layer`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model import Descriptor, Platform, parse_json_object

IMAGE = "image"
ARTIFACT = "artifact"


class Role(StrEnum):
    """What part content plays in a registry."""

    CONTENT = "content"
    """Somebody looks for it: a result."""
    ATTACHMENT = "attachment"
    """It is about another manifest, such as a signature: a fact of that one, not a result."""
    SYSTEM = "system"
    """Tools keep it there for themselves, such as a build cache: not a result."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that one object says, for recognising it and filling its fields.

    ``annotations`` are its sources, the strongest first; ``layers`` of an index are its children;
    ``config`` is the JSON of the config, as it is.
    """

    artifact_type: str = ""
    annotations: Sequence[Mapping[str, str]] = ()
    layers: Sequence[Descriptor] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    tags: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


FIELDS = frozenset(
    {
        "title",
        "description",
        "summary",
        "version",
        "revision",
        "source",
        "url",
        "documentation",
        "vendor",
        "category",
        "component",
        "base_name",
        "base_digest",
        "created",
        "authors",
        "licenses",
        "keywords",
        "deprecated",
        "prerelease",
    }
)
"""The described fields that a kind can fill."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

Where = Callable[[Material], Iterator[Any]]
"""A place to look in: yields the JSON values that it holds, mostly one text or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of content; its name is of lower-case words with dashes.

    It is recognised by any of ``types`` (artifact types), ``annotations`` (of the index or
    manifest), ``layers`` (media types), ``labels`` and ``layer_annotations`` (keys, or
    ``key=value``), ``platforms`` (``os/architecture``) or ``tags`` (a regular expression that all
    its tags match), if ``only`` agrees; a ``*`` may end a type or a key. A ``generic`` kind is
    asked when no other is recognised.

    ``fields`` says where the described fields are, as an object's own metadata, stronger than
    annotations; ``properties`` where what only this kind has is. ``contents`` says where the names
    are of what is inside. ``is_image`` is true for what can run or be built upon as an image.
    """

    name: str
    role: Role = Role.CONTENT
    is_image: bool = False
    aliases: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    layer_annotations: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    tags: str = ""
    only: Callable[[Material], bool] | None = None
    generic: bool = False
    attaches: bool = False
    """Whether one with a subject is an attachment, though the kind's role is another."""
    annotations_first: bool = False
    """Whether annotations and labels are stronger than ``fields``."""
    has_platform: bool = False
    """Whether the config names the platform, as an image's does."""
    json_configs: tuple[str, ...] = ()
    """Media types of configs that are JSON though they do not end in ``+json``."""
    fields: Mapping[str, Where | tuple[Where, ...]] = field(default_factory=dict)
    properties: Mapping[str, Where | tuple[Where, ...]] = field(default_factory=dict)
    contents: tuple[Where, ...] = ()

    def __post_init__(self) -> None:
        """:class:`ValueError` for a kind that could never work as it is meant."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not a name of a kind: {self.name!r}")
        unknown = self.fields.keys() - FIELDS
        if unknown:
            raise ValueError(f"{self.name}: unknown fields {', '.join(sorted(unknown))}")

    @property
    def names(self) -> tuple[str, ...]:
        """Return what people call it in a query: its name, each word of it, and its aliases.

        ``image`` or ``artifact`` is always one of them.
        """
        words = self.name.split("-") if "-" in self.name else ()
        sort = IMAGE if self.is_image else ARTIFACT
        return tuple(dict.fromkeys((self.name, *words, *self.aliases, sort)))


def config(*path: str) -> Where:
    """Look in the JSON of the config, along the keys of ``path``; lists are walked through."""
    return lambda material: along(material.config, path)


def annotation(key: str, *path: str) -> Where:
    """Look in an annotation of the object; with ``path`` its value is JSON."""
    return lambda material: (
        found for source in material.annotations for found in _inside(source.get(key), path)
    )


def label(key: str, *path: str) -> Where:
    """Look in a label of the image config; with ``path`` its value is JSON."""
    return lambda material: _inside(material.labels.get(key), path)


def layer(key: str, *path: str) -> Where:
    """Look in an annotation of each layer; with ``path`` its value is JSON."""
    return lambda material: (
        found for one in material.layers for found in _inside(one.annotations.get(key), path)
    )


def along(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what is in ``value`` along ``path``; each entry of a list on the way is followed."""
    if not path:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        yield from along(value.get(path[0]), path[1:])
    elif isinstance(value, list):
        for entry in value[:1_000]:
            if isinstance(entry, dict):
                yield from along(entry, path)


def _inside(raw: str | None, path: Sequence[str]) -> Iterator[Any]:
    if not raw:
        return
    if not path:
        yield raw
        return
    try:
        parsed = parse_json_object(raw.encode())
    except (InvalidValueError, UnicodeEncodeError):
        return
    yield from along(parsed, path)
