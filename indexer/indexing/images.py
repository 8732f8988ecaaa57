"""The images of a repository as their documents see them, with what the store keeps of each.

What is not kept is extracted from the bytes, and handed to whoever may write to the store.
"""

from collections.abc import Iterator, Sequence
from time import thread_time

from indexer.clock import Clock
from indexer.documents import (
    Attached,
    DescribedImage,
    ExtractedAttachment,
    ExtractedImage,
    extract_attachment,
    extract_image,
    is_whole,
    list_attached,
    pack_attachment,
    pack_image,
    unpack_attachment,
    unpack_image,
)
from indexer.extract import KindTable
from indexer.model import Digest, StoredAttachment, TaggedImage, TagName
from indexer.store import IMAGE, ExtractedRow, Store, attachment_form


class OutOfTimeError(Exception):
    """Extraction takes longer than it may now; what was extracted so far is kept."""


AT_ONCE = 200
"""Images that are looked up with one query."""


class ImageReader:
    """Reads images of an open store; belongs to the thread of that store."""

    def __init__(self, store: Store, *, clock: Clock, kinds: KindTable) -> None:
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._extracted: dict[tuple[Digest, str], bytes] = {}
        self._unkept: dict[tuple[int, Digest, Sequence[TagName]], bytes] = {}
        self._give_up_at: float | None = None
        self._is_begun = False

    def limit_time(self, seconds: float | None) -> None:
        """Extract for so many seconds of computing from now on, and then raise.

        :class:`OutOfTimeError` is raised only after at least one image, so that a later call for
        the same images comes further. None is no limit.
        """
        self._give_up_at = None if seconds is None else thread_time() + seconds
        self._is_begun = False

    def forget_unkept(self, repository_id: int) -> None:
        """Forget what was extracted of a repository and is not kept: its documents are made."""
        for key in [key for key in self._unkept if key[0] == repository_id]:
            del self._unkept[key]

    def describe(self, repository_id: int, images: Sequence[TaggedImage]) -> list[DescribedImage]:
        """Return images of a repository, without those that it does not have."""
        return [
            described
            for start in range(0, len(images), AT_ONCE)
            for described in self._describe(repository_id, images[start : start + AT_ONCE])
        ]

    def take_extracted(self) -> list[ExtractedRow]:
        """Return what was extracted since the last time, for the store to keep."""
        rows = [ExtractedRow(*key, found) for key, found in self._extracted.items()]
        self._extracted.clear()
        return rows

    def _describe(
        self, repository_id: int, images: Sequence[TaggedImage]
    ) -> Iterator[DescribedImage]:
        digests = [image.digest for image in images]
        kept = self._store.extraction.kept_images(repository_id, digests)
        attachments = self._store.attachments.find(repository_id, digests)
        now = self._clock.now()
        for image in images:
            extracted = self._image(repository_id, image, kept.get(image.digest))
            if extracted is None:
                continue
            yield DescribedImage(
                digest=image.digest,
                tags=image.tags,
                pushed_at=image.pushed_at,
                pulls=image.pulls,
                extracted=extracted,
                created_at=extracted.created_at(now=now),
                attached=self._attached(attachments.get(image.digest, ())),
            )

    def _image(
        self, repository_id: int, image: TaggedImage, kept: bytes | None
    ) -> ExtractedImage | None:
        tags = image.tags if self._kinds.is_named_by(image.tags) else ()
        if kept is not None and not tags:
            return unpack_image(kept)
        unkept = self._unkept.get((repository_id, image.digest, image.tags))
        if unkept is not None:
            return unpack_image(unkept)
        self._check_time()
        content = self._store.content.manifest(repository_id, image.digest)
        if content is None:
            return None
        now = self._clock.now()
        packed = pack_image(extract_image(content, now=now, kinds=self._kinds, tags=tags))
        if not tags and is_whole(content, kinds=self._kinds):
            self._extracted[image.digest, IMAGE] = packed
        elif self._give_up_at is not None:
            self._unkept[repository_id, image.digest, image.tags] = packed
        return unpack_image(packed)

    def _check_time(self) -> None:
        if self._give_up_at is not None:
            if self._is_begun and thread_time() > self._give_up_at:
                raise OutOfTimeError
            self._is_begun = True

    def _attached(self, attachments: Sequence[StoredAttachment]) -> tuple[Attached, ...]:
        found = [(one, self._attachment(one)) for one in attachments]
        return list_attached(found, now=self._clock.now())

    def _attachment(self, stored: StoredAttachment) -> ExtractedAttachment:
        digest, form = stored.content.digest, attachment_form(stored.tag)
        packed = stored.kept or self._extracted.get((digest, form))
        if packed is None:
            self._check_time()
            now = self._clock.now()
            found = extract_attachment(stored.content, stored.tag, now=now, kinds=self._kinds)
            packed = self._extracted[digest, form] = pack_attachment(found)
        return unpack_attachment(packed)
