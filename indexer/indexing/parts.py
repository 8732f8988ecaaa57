"""Reads what all images of a large repository say, and looks only at those that changed.

The store keeps it in parts (see :mod:`indexer.store.parts`). A push marks those with its image, and
they are made again here: the smallest one from its images, each larger one from those in it.
"""

from collections.abc import Sequence

from indexer.documents import (
    RepositoryPart,
    dated_tag,
    is_unreadable,
    join_blobs,
    join_parts,
    make_part,
    pack_part,
    share_of,
    unpack_part,
)
from indexer.indexing.images import ImageReader
from indexer.model import Digest, is_system_tag
from indexer.store import NAME_LENGTHS, MadeParts, PartRow, Store

IMAGES_AT_ONCE = 64
"""A part of more images has parts of its own."""


class PartReader:
    """Reads parts of an open store; belongs to the thread of that store.

    ``images_read`` counts the images that were looked at, of all repositories.
    """

    def __init__(
        self, store: Store, images: ImageReader, *, images_at_once: int = IMAGES_AT_ONCE
    ) -> None:
        self._store = store
        self._images = images
        self._images_at_once = images_at_once
        self._made: list[MadeParts] = []
        self._rows: list[PartRow] = []
        self.images_read = 0

    def read(self, repository_id: int) -> tuple[RepositoryPart, int | None]:
        """Return the one part of all images of a repository, and how many bytes they take.

        :class:`indexer.indexing.images.OutOfTimeError` as from its reader of images; what was made
        so far is kept.
        """
        mark, self._rows = self._store.parts.mark(), []
        is_whole = False
        try:
            part = self._read(repository_id, "", lengths=NAME_LENGTHS)
            is_whole = True
        finally:
            made = MadeParts(repository_id, mark, self._rows, is_whole)
            self._made.append(made)
        return part, None if part.is_unreadable else self._store.parts.stored_bytes(made)

    def take_made(self) -> list[MadeParts]:
        """Return what was made since the last time, for the store to keep."""
        made, self._made = self._made, []
        return made

    def _read(self, repository_id: int, name: str, *, lengths: Sequence[int]) -> RepositoryPart:
        limit = self._images_at_once + 1 if lengths else -1
        digests = self._store.content.tagged_digests(repository_id, name, limit=limit)
        blobs: str | None = None
        if len(digests) == limit:
            names = self._store.parts.names(repository_id, name, length=lengths[0])
            kept = self._store.parts.kept(repository_id, names)
            part = join_parts(
                [
                    unpack_part(kept[one])
                    if one in kept
                    else self._read(repository_id, one, lengths=lengths[1:])
                    for one in names
                ]
            )
        else:
            part, blobs = self._make(repository_id, digests)
        # Nobody marks the one of all images, as it changes with each.
        found = pack_part(part) if name and part.is_lasting else None
        self._rows.append(PartRow(name, found, blobs))
        return part

    def _make(self, repository_id: int, digests: Sequence[Digest]) -> tuple[RepositoryPart, str]:
        tagged = self._store.content.find_tagged_images(repository_id, digests)
        described = self._images.describe(repository_id, tagged)
        self.images_read += len(described)
        extracted = [one.extracted for one in described]
        part = make_part(
            list(map(share_of, described)),
            [
                dated_tag(moved_at, tag)
                for one in tagged
                for moved_at, tag in zip(one.moved_at, one.tags, strict=True)
                if not is_system_tag(tag)
            ],
            is_unreadable=any(map(is_unreadable, extracted)),
            is_lasting=all(one.is_dated_for_good for one in described),
        )
        return part, join_blobs(extracted)
