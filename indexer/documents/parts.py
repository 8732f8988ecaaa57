"""Parts of the images of a repository: together they make its document, whatever they are. Pure.

A part has of its images what the document of their repository could tell, and not more than that:
what a newer one of them said is left out, and what is behind a limit of the document. Two parts put
together are the same as one of all these images. So where one image changes, most parts stay.

That holds because the document is made by going through the images, the newest first. It takes what
is new, up to a limit. What is behind the limit in a part is behind it among more images too: all
that stood before it there stands before it here, or was taken already. The text that first goes
beyond a limit is kept, as nothing behind it is taken, however short that is.
"""

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NewType

import orjson
from typing_extensions import override

from indexer.documents.facets import PAIRS_MAX, VALUES_MAX
from indexer.documents.results import preferred_tags
from indexer.documents.shares import ImageShare, sort_newest_first
from indexer.documents.texts import TAGS_MAX, TEXT_MAX, TITLES_MAX
from indexer.model import TagName, Text, TextField

_LEVEL = 1
_TEXTS = ("titles", "others")
_TEXT_PLACES = tuple(map(ImageShare._fields.index, _TEXTS))
_FACETS_PLACE = ImageShare._fields.index("facets")
_TEXT_FIELDS = {str(one): one for one in TextField}

_BACKWARDS = str.maketrans("0123456789", "9876543210")
_LAST = "~"

DatedTag = NewType("DatedTag", str)
"""A tag behind what sorts it and a space, so that these are in order with the newest first."""


def dated_tag(moved_at: str, tag: TagName) -> DatedTag:
    """Return a tag that points where it does since ``moved_at``, RFC 3339, or "" for unknown."""
    return DatedTag(f"{moved_at.translate(_BACKWARDS) or _LAST} {tag}")


def undated_tag(dated: DatedTag) -> TagName:
    """Return the tag alone."""
    return TagName(dated.partition(" ")[2])


@dataclass(frozen=True, slots=True)
class RepositoryPart:
    """What some images of a repository give to its document, without their sizes.

    ``shares`` are those of images that say anything of their own, the newest first. The first is
    always that of the newest image. ``tags`` are the newest tags that people see, of ``tag_count``.
    """

    images: int
    shares: tuple[ImageShare, ...]
    tags: tuple[DatedTag, ...]
    tag_count: int
    created: int
    """When the last of them was made: seconds since 1970, 0 for unknown."""
    pushed_at: str | None
    """When one of them was pushed last, RFC 3339."""
    is_unreadable: bool
    """Whether nobody can know what they take."""
    is_lasting: bool
    """Whether it stays the same while its images do, whatever the time is."""


def make_part(
    shares: Sequence[ImageShare],
    tags: Sequence[DatedTag],
    *,
    is_unreadable: bool = False,
    is_lasting: bool = True,
) -> RepositoryPart:
    """Return the part of some images, and of the tags that point at them."""
    return RepositoryPart(
        images=len(shares),
        shares=_prune(shares),
        tags=_newest_tags([sorted(tags)]),
        tag_count=len(tags),
        created=max((one.created for one in shares), default=0),
        pushed_at=_newest(one.pushed_at for one in shares),
        is_unreadable=is_unreadable,
        is_lasting=is_lasting,
    )


def join_parts(parts: Sequence[RepositoryPart]) -> RepositoryPart:
    """Return the part of all images of some parts, which have none in common."""
    return RepositoryPart(
        images=sum(one.images for one in parts),
        shares=_prune([share for one in parts for share in one.shares]),
        tags=_newest_tags(one.tags for one in parts),
        tag_count=sum(one.tag_count for one in parts),
        created=max((one.created for one in parts), default=0),
        pushed_at=_newest(one.pushed_at for one in parts),
        is_unreadable=any(one.is_unreadable for one in parts),
        is_lasting=all(one.is_lasting for one in parts),
    )


def pack_part(part: RepositoryPart) -> bytes:
    """Return what the store keeps of a part that lasts."""
    values = [
        part.images,
        list(map(_share_row, part.shares)),
        part.tags,
        *(getattr(part, name) for name in RepositoryPart.__slots__[3:]),
    ]
    return zlib.compress(orjson.dumps(values), _LEVEL)


def unpack_part(packed: bytes) -> RepositoryPart:
    """Return a part out of what the store keeps."""
    images, shares, tags, *rest = orjson.loads(zlib.decompress(packed))
    return RepositoryPart(images, tuple(map(_read_share, shares)), tuple(tags), *rest)


class _KeptTexts(Sequence[Text]):
    """Texts as they are kept. They are read when somebody looks at one, for most are not needed."""

    def __init__(self, packed: str) -> None:
        self._packed = packed

    @override
    def __len__(self) -> int:
        return len(orjson.loads(self._packed))

    @override
    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]

    @override
    def __iter__(self) -> Iterator[Text]:
        for field, text, key in orjson.loads(self._packed):
            yield Text(_TEXT_FIELDS[field], text, key)


def _share_row(share: ImageShare) -> list[Any]:
    row = share._asdict() | {name: _pack_texts(getattr(share, name)) for name in _TEXTS}
    return list(row.values())


def _read_share(values: list[Any]) -> ImageShare:
    for place in _TEXT_PLACES:
        values[place] = _KeptTexts(values[place]) if values[place] else ()
    values[_FACETS_PLACE] = list(map(tuple, values[_FACETS_PLACE]))
    return ImageShare(*values)


def _pack_texts(texts: Sequence[Text]) -> str:
    # Named tuples are lists.
    return orjson.dumps(list(texts), default=list).decode() if texts else ""


def _newest(times: Iterable[str | None]) -> str | None:
    return max((one for one in times if one), default=None)


def _newest_tags(parts: Iterable[Iterable[DatedTag]]) -> tuple[DatedTag, ...]:
    """Return the newest of tags that are sorted, and the first that goes beyond the limit."""
    kept: list[DatedTag] = []
    size = 0
    for dated in heapq.merge(*parts):
        kept.append(dated)
        size += len(undated_tag(dated))
        if size > TAGS_MAX:
            break
    return tuple(kept)


def _prune(shares: Sequence[ImageShare]) -> tuple[ImageShare, ...]:
    """Return shares, the newest first, without what the document cannot tell."""
    if not shares:
        return ()
    newest_first = sort_newest_first(shares)
    chosen = set(preferred_tags(newest_first))
    titles, others, facets = _Texts(TITLES_MAX), _Texts(TEXT_MAX), _Facets()
    platforms = set[str]()
    is_described = False
    kept: list[ImageShare] = []
    for share in newest_first:
        tags = [tag for tag in share.tags if tag in chosen]
        new_titles, new_others = titles.take(share.titles), others.take(share.others)
        new_facets = facets.take(share.facets)
        description = "" if is_described else share.description
        new_platforms = [one for one in share.platforms if one not in platforms]
        if kept and not any((tags, new_titles, new_others, new_facets, description, new_platforms)):
            continue
        is_described = is_described or bool(description)
        platforms.update(new_platforms)
        kept.append(
            share._replace(
                tags=tags,
                titles=new_titles,
                others=new_others,
                facets=new_facets,
                description=description,
                platforms=new_platforms,
            )
        )
    return tuple(kept)


class _Texts:
    """Takes texts that were not taken before, up to a number of characters and the next one."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._taken = set[Text]()

    def take(self, texts: Iterable[Text]) -> tuple[Text, ...]:
        """Return those of some texts that are new, while there is room for them."""
        if self._left < 0:
            return ()
        new: list[Text] = []
        for text in texts:
            if text in self._taken or not (text.text or text.key):
                continue
            self._taken.add(text)
            new.append(text)
            self._left -= len(text.text) + len(text.key)
            if self._left < 0:
                break
        return tuple(new)


class _Facets:
    """Takes facets that were not taken before, up to the limits of a document."""

    def __init__(self) -> None:
        self._taken = set[tuple[str, str]]()
        self._counts = Counter[str]()

    def take(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return those of some facets that are new, while there is room for them."""
        new: list[tuple[str, str]] = []
        for pair in pairs:
            if pair in self._taken or not pair[1] or self._counts[pair[0]] == VALUES_MAX:
                continue
            if len(self._taken) == PAIRS_MAX:
                break
            self._taken.add(pair)
            self._counts[pair[0]] += 1
            new.append(pair)
        return tuple(new)
