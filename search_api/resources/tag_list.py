"""Some tags of a repository: which of them fit, in which order, and where a page begins."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from indexer.engines.ranking import pattern
from indexer.errors import InvalidValueError
from indexer.model import version_key
from indexer.store import ListedTag, Page, ShownTag, Store, make_page

MATCH_MAX = 200
"""Characters of a pattern; a tag has at most 128."""
T = TypeVar("T")
Tag = TypeVar("Tag", ListedTag, ShownTag)
_DIGITS_MAX = 20
_NO_DIGIT = re.compile(r"[^0-9]")


class TagOrder(StrEnum):
    """How tags are sorted."""

    NAME = "name"
    NEWEST = "newest"
    VERSION = "version"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class TagPage(Generic[T]):
    """A page of tags; ``total`` of the ``tag_count`` tags of the repository match."""

    items: tuple[T, ...]
    next: str | None
    total: int
    tag_count: int


def read_tags(
    store: Store,
    repository_id: int,
    *,
    order: TagOrder,
    match: str = "",
    after: str = "",
    limit: int,
    tag_count: int,
) -> TagPage[ShownTag]:
    """Return tags of a repository that fit a pattern, in an order, from behind a place.

    ``*`` stands for any characters and ``?`` for one; case matters, as in tags. Everything fits an
    empty ``match``. :class:`InvalidValueError` if ``after`` is not from a page in this order.
    """
    if len(match) > MATCH_MAX:
        raise InvalidValueError(f"match has more than {MATCH_MAX} characters: {match[:100]!r}")
    shown = store.shown
    if order is TagOrder.NAME and not match:
        # With the first page of the newest, all for which the store need not read every tag.
        page = shown.tags(repository_id, after=after, limit=limit)
        return TagPage(page.items, page.next, tag_count, tag_count)
    if order is TagOrder.NEWEST and not (match or after) and limit < tag_count:
        first = shown.newest_tags(repository_id, limit=limit + 1)
        if first is not None:
            newest = make_page(first, limit=limit, place=_TIME.place)
            return TagPage(newest.items, newest.next, tag_count, tag_count)
    every = shown.list_tags(repository_id)
    fits = pattern(match).fits if match else None
    listed = [tag for tag in every if fits is None or fits(tag.name)]
    if order is TagOrder.NEWEST:
        # What is newest follows from all moves.
        told = _cut(shown.tell_tags(repository_id, listed), _TIME, after=after, limit=limit)
        return TagPage(told.items, told.next, len(listed), len(every))
    by = _by_size(store, repository_id) if order is TagOrder.SIZE else _LISTED[order]
    chosen = _cut(listed, by, after=after, limit=limit)
    found = shown.tell_tags(repository_id, chosen.items)
    return TagPage(tuple(found), chosen.next, len(listed), len(every))


@dataclass(frozen=True, slots=True)
class _Order(Generic[Tag]):
    """How to write the place of a tag, and what is sorted by, which follows from the place."""

    place: Callable[[Tag], str]
    key: Callable[[str], Any]


def _cut(tags: Iterable[Tag], order: _Order[Tag], *, after: str, limit: int) -> Page[Tag]:
    """Return the first tags in an order, of those behind a place."""
    behind = order.key(after) if after else None
    keyed = ((order.key(order.place(tag)), tag) for tag in tags)
    found = sorted(one for one in keyed if behind is None or one[0] > behind)
    return make_page([tag for _, tag in found[: limit + 1]], limit=limit, place=order.place)


def _time_key(place: str) -> tuple[int, str]:
    at, separator, name = place.partition(" ")
    digits = _NO_DIGIT.sub("", at)[:_DIGITS_MAX]
    if not separator or not digits:
        raise InvalidValueError(f"not a place among tags: {place[:100]!r}")
    return -int(digits), name


def _size_key(place: str) -> tuple[bool, int, str]:
    size, separator, name = place.partition(" ")
    if not separator or _NO_DIGIT.search(size) or len(size) > _DIGITS_MAX:
        raise InvalidValueError(f"not a place among tags: {place[:100]!r}")
    return not size, -int(size or 0), name


def _by_size(store: Store, repository_id: int) -> _Order[ListedTag]:
    sizes = store.summaries.sizes(repository_id)
    return _Order(lambda tag: f"{sizes.get(tag.digest, '')} {tag.name}", _size_key)


_TIME: _Order[ShownTag] = _Order(lambda tag: f"{tag.tagged_at} {tag.name}", _time_key)
_LISTED: dict[TagOrder, _Order[ListedTag]] = {
    TagOrder.NAME: _Order(lambda tag: tag.name, str),
    TagOrder.VERSION: _Order(lambda tag: tag.name, version_key),
}
