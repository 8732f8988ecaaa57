"""What one image gives to the document of its repository: its share. Pure.

A share tells nothing that depends on other images, so that shares can be kept, and put together
with those of others (see :mod:`indexer.documents.parts`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from indexer.documents.attachments import attachment_keywords
from indexer.documents.described import DescribedImage
from indexer.model import Digest, TagName, Text, TextField, is_system_tag

Pair = tuple[str, str]
_ATTACHED = ("signed", "sbom", "provenance")


class ImageShare(NamedTuple):
    """What an image says that the document of its repository may tell.

    ``titles`` and ``others`` are its searchable texts, without its tags. A tuple, because thousands
    are made for a document.
    """

    digest: Digest
    is_content: bool
    is_image: bool
    pushed_at: str | None
    """RFC 3339, as an event said; None when no event did."""
    created: int
    """Seconds since 1970, 0 for unknown."""
    tags: Sequence[TagName]
    """Newest first."""
    titles: Sequence[Text]
    others: Sequence[Text]
    facets: Sequence[Pair]
    description: str
    platforms: Sequence[str]


def share_of(described: DescribedImage) -> ImageShare:
    """Return the share of an image."""
    extracted = described.extracted
    return ImageShare(
        digest=described.digest,
        is_content=extracted.is_content,
        is_image=extracted.is_image,
        pushed_at=described.pushed_at,
        created=described.created,
        tags=described.tags,
        titles=extracted.texts.titles,
        others=tuple(_others(described)),
        facets=tuple(_facets(described)),
        description=extracted.result["description"],
        platforms=extracted.result["platforms"],
    )


def sort_newest_first(shares: Sequence[ImageShare]) -> list[ImageShare]:
    """Return shares in the order in which images speak for their repository.

    What runs comes before what does not, and that before attachments; each the newest first.
    """
    return sorted(sorted(shares, key=lambda one: one.digest), key=_newness, reverse=True)


def _newness(share: ImageShare) -> tuple[bool, bool, str, int]:
    return share.is_content, share.is_image, share.pushed_at or "", share.created


def _others(described: DescribedImage) -> Iterator[Text]:
    texts = described.extracted.texts
    yield from texts.descriptions
    if version := described.tag_version:
        yield Text(TextField.METADATA, version, "version")
    yield from texts.others


def _facets(described: DescribedImage) -> Iterator[Pair]:
    yield from described.extracted.facets
    yield from (("tag", tag) for tag in described.tags if not is_system_tag(tag))
    if described.attached:
        claims = attachment_keywords(described.attached, is_attachment=False)
        yield from (
            ("has", value) for value in _ATTACHED if {("has", value), ("is", value)} & claims
        )
