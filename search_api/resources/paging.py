"""Pages of resources: what one is, and the places where the next one begins. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indexer.errors import InvalidValueError
from indexer.store import ShownPlace, ShownTag


class TagOrder(StrEnum):
    """How tags are sorted."""

    NAME = "name"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of JSON objects; ``next`` is what to give as ``after`` for the next, None at the end.

    ``next`` is plain text, for who asks to wrap it as a cursor.
    """

    items: tuple[dict[str, Any], ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, oldest first, and the cursor behind them, also where there are none."""

    items: tuple[dict[str, Any], ...]
    cursor: str


def tag_position(tag: ShownTag, order: TagOrder) -> str:
    """Return the place behind a tag."""
    return tag.name if order is TagOrder.NAME else f"{tag.tagged_at} {tag.name}"


def image_place(place: ShownPlace) -> str:
    """Return the place behind one of the places of an image."""
    return f"{place.repository.registry} {place.repository.name} {place.digest}"


def parse_image_place(after: str) -> tuple[str, str, str]:
    """Return the place between two places that :func:`image_place` wrote."""
    match after.split(" "):
        case [""]:
            return "", "", ""
        case [registry, repository, digest]:
            return registry, repository, digest
    raise InvalidValueError(f"not a place of an image: {after[:100]!r}")


def parse_tag_position(after: str) -> tuple[str, str] | None:
    """Return the place between two tags that :func:`tag_position` wrote."""
    if not after:
        return None
    at, separator, name = after.partition(" ")
    if not separator:
        raise InvalidValueError(f"not a place among tags: {after[:100]!r}")
    return at, name
