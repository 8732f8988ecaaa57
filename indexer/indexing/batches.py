"""Store to documents: those of a repository, and what has changed as a batch for a writer."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

from indexer.clock import Clock
from indexer.documents import (
    LARGE_IMAGES,
    DescribedImage,
    RepositoryPart,
    image_document,
    large_document,
    newest_image,
    repository_details,
    repository_document,
    untagged_document,
)
from indexer.engines import WRITTEN_IN_ORDER, IndexWriter
from indexer.extract import KindTable
from indexer.indexing.images import ImageReader, OutOfTimeError
from indexer.indexing.parts import PartReader
from indexer.model import (
    Digest,
    Document,
    DocumentKey,
    DocumentType,
    RepositoryRow,
    TaggedImage,
)
from indexer.store import (
    ExtractedRow,
    ImageSummary,
    MadeParts,
    RepositorySummary,
    StaleDocument,
    Store,
)

EXTRACT_SECONDS = 0.25
"""Computing for the images of one registry in one batch; thousands of usual ones take less."""
PLATFORMS_MAX = 200
"""Platforms of an image that a list of tags tells; an index may name a thousand."""
PORTION = 50
"""Images whose documents one process makes at once."""
_IMAGE_TYPES = (DocumentType.IMAGE, DocumentType.UNTAGGED)


@dataclass(slots=True)
class Batch:
    """Documents to add, and ids to drop, by their type."""

    documents: dict[DocumentType, list[Document]] = field(default_factory=lambda: defaultdict(list))
    removed: dict[DocumentType, list[str]] = field(default_factory=lambda: defaultdict(list))
    left: set[int] = field(default_factory=set)
    """Repositories that are left to a later batch, because their images take too long."""
    slow: set[str] = field(default_factory=set)
    """The registries of those, and others whose images took as long."""
    large: list[int] = field(default_factory=list)
    """Repositories whose own documents are stale too, and come after this batch. They take long,
    so that nobody is to wait for them who waits for an image."""
    own_images: int = 0
    """Of how many images the own document of a large repository is made."""

    def has_made(self, stale: StaleDocument) -> bool:
        """Tell whether a stale document was made, and is not left to a later batch."""
        is_own = stale.digest is None and stale.repository_id in self.large
        return not (is_own or stale.repository_id in self.left)

    def put(self, document_id: str, document: Document | None, *, is_image: bool) -> None:
        """Have one id hold a document, or nothing, in the one type that it now is of."""
        types = _IMAGE_TYPES if is_image else (DocumentType.REPOSITORY,)
        for document_type in types:
            if document is not None and document.key.type is document_type:
                self.documents[document_type].append(document)
            else:
                self.removed[document_type].append(document_id)

    def apply(self, writer: IndexWriter) -> None:
        """Write all of it, a commit for each type."""
        for document_type in WRITTEN_IN_ORDER:
            documents, removed = self.documents[document_type], self.removed[document_type]
            if documents or removed:
                writer.apply(document_type, documents, removed)


@dataclass(frozen=True, slots=True)
class Made:
    """What documents are made of and say, beside themselves: the store keeps it."""

    extracted: Sequence[ExtractedRow]
    repositories: Mapping[int, RepositorySummary]
    """By their numbers."""
    images: Mapping[tuple[int, Digest], ImageSummary]
    """By the numbers of their repositories, and their digests."""
    parts: Sequence[MadeParts] = ()

    def keep(self, store: Store) -> None:
        """Write it; joins the caller's transaction."""
        store.extraction.keep(self.extracted)
        for made in self.parts:
            store.parts.keep(made)
        store.summaries.put_repositories(self.repositories.items())
        store.summaries.put_images((*key, summary) for key, summary in self.images.items())


@dataclass(frozen=True, slots=True)
class Portion:
    """Documents of a repository that are made together, for a rebuild."""

    repository_id: int
    images: tuple[Digest, ...]
    """Of these images."""
    is_own: bool
    """Whether the repository's own document is among them."""


class DocumentMaker:
    """Makes documents of what an open store holds; belongs to the thread of that store."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        kinds: KindTable,
        extract_seconds: float = EXTRACT_SECONDS,
    ) -> None:
        self._extract_seconds = extract_seconds
        self._store = store
        self._images = ImageReader(store, clock=clock, kinds=kinds)
        self._parts = PartReader(store, self._images)
        self._summaries: dict[int, RepositorySummary] = {}
        self._listed: dict[tuple[int, Digest], ImageSummary] = {}

    def make_batch(self, stale: Sequence[StaleDocument]) -> Batch:
        """Make the documents that are stale, or drop those that are not to be shown any more.

        The images of each registry have a time of their own. What takes longer is left to later
        batches, so that no registry has to wait for the images of another one.
        """
        batch = Batch()
        by_repository: dict[int, dict[str, Digest | None]] = defaultdict(dict)
        for document in stale:
            by_repository[document.repository_id][self._stale_id(document)] = document.digest
        spent: dict[str, float] = defaultdict(float)
        try:
            for repository_id, ids in by_repository.items():
                registry = self._store.repositories.get(repository_id).registry
                start = thread_time()
                self._images.limit_time(self._extract_seconds - spent[registry])
                try:
                    self._put_stale(batch, repository_id, ids)
                except OutOfTimeError:
                    batch.left.add(repository_id)
                else:
                    self._images.forget_unkept(repository_id)
                spent[registry] += thread_time() - start
                if spent[registry] > self._extract_seconds:
                    batch.slow.add(registry)
        finally:
            self._images.limit_time(None)
        return batch

    def make_large(self, repository_id: int) -> Batch:
        """Make the own document of a large repository, or drop it where it has no image now."""
        batch = Batch()
        repository = self._store.repositories.get(repository_id)
        start = thread_time()
        self._images.limit_time(self._extract_seconds)
        try:
            part, size_bytes = self._parts.read(repository_id)
            batch.own_images = part.images
            document = self._large_document(repository, part, size_bytes)
            own_id = DocumentKey(repository.registry, repository.name).id
            batch.put(own_id, document, is_image=False)
        except OutOfTimeError:
            batch.left.add(repository_id)
        else:
            self._images.forget_unkept(repository_id)
        finally:
            self._images.limit_time(None)
        if thread_time() - start > self._extract_seconds:
            batch.slow.add(repository.registry)
        return batch

    def _large_document(
        self, repository: RepositoryRow, part: RepositoryPart, size_bytes: int | None
    ) -> Document | None:
        """Return the document of a repository that is large; that of another one all the same."""
        store, repository_id = self._store, repository.id
        if part.images < LARGE_IMAGES:
            # What its tags point at is not all there, or is nothing that people see.
            images = store.content.tagged_images(repository_id)
            return self._own_document(repository, self._images.describe(repository_id, images))
        newest = store.content.find_tagged_images(repository_id, [part.shares[0].digest])
        found = self._images.describe(repository_id, newest)
        if not found:
            # Its last tag went a moment ago. That made this document stale again.
            raise OutOfTimeError
        document = large_document(
            repository,
            part,
            face=found[0],
            pulls=store.pulls.get_repository(repository_id),
            size_bytes=size_bytes,
        )
        self._keep_summary(repository, document, face=found[0])
        return document

    def _keep_summary(
        self, repository: RepositoryRow, document: Document, *, face: DescribedImage
    ) -> None:
        details = repository_details(repository, face, document)
        self._summaries[repository.id] = _summary(document, details)

    def _put_stale(
        self, batch: Batch, repository_id: int, ids: Mapping[str, Digest | None]
    ) -> None:
        digests = [digest for digest in ids.values() if digest is not None]
        is_own = len(digests) < len(ids)
        is_large = is_own and self._store.content.has_images(repository_id, LARGE_IMAGES)
        if is_own and not is_large:
            made = self.repository_documents(repository_id, wanted=ids)
        else:
            made = self._image_documents(repository_id, digests)
            ids = {wanted: digest for wanted, digest in ids.items() if digest is not None}
        shown = {document.key.id: document for document in made}
        hidden = [digest for wanted, digest in ids.items() if digest and wanted not in shown]
        shown.update((one.key.id, one) for one in self._untagged(repository_id, hidden))
        for wanted, digest in sorted(ids.items()):
            batch.put(wanted, shown.get(wanted), is_image=digest is not None)
        if is_large:
            batch.large.append(repository_id)

    def take_made(self) -> Made:
        """Return what was made beside documents since the last time, for the store to keep."""
        summaries, self._summaries = self._summaries, {}
        listed, self._listed = self._listed, {}
        parts = self._parts.take_made()
        return Made(self._images.take_extracted(), summaries, listed, parts)

    def list_portions(self, repository_id: int) -> list[Portion]:
        """Return all documents of a repository in portions: its own and its images.

        A repository of few images is one portion, because its own document and those of the images
        are made of the same.
        """
        found = {*self._store.content.tags(repository_id).values()}
        images = sorted(found.union(self._store.untagged.list_in(repository_id)))
        if len(images) <= PORTION:
            return [Portion(repository_id, tuple(images), is_own=True)]
        starts = range(0, len(images), PORTION)
        portions = [tuple(images[start : start + PORTION]) for start in starts]
        # Its own document first, as it takes longest.
        return [
            Portion(repository_id, (), is_own=True),
            *(Portion(repository_id, portion, is_own=False) for portion in portions),
        ]

    def make_portion(self, portion: Portion) -> Iterator[Document]:
        """Yield the documents of a portion, of those that are to be shown by now."""
        repository_id = portion.repository_id
        if portion.is_own and portion.images:
            yield from self.all_documents(repository_id)
        elif portion.is_own:
            images = self._store.content.tagged_images(repository_id)
            repository = self._store.repositories.get(repository_id)
            document = self._own_document(repository, self._images.describe(repository_id, images))
            if document is not None:
                yield document
        else:
            shown = set[Digest | None]()
            for document in self._image_documents(repository_id, portion.images):
                shown.add(document.key.digest)
                yield document
            hidden = [one for one in portion.images if one not in shown]
            yield from self._untagged(repository_id, hidden)

    def all_documents(self, repository_id: int) -> Iterator[Document]:
        """Yield all documents of a repository, of images without tags too."""
        yield from self.repository_documents(repository_id)
        untagged = self._store.untagged.list_in(repository_id)
        yield from self._untagged(repository_id, untagged)

    def repository_documents(
        self, repository_id: int, *, wanted: Container[str] | None = None
    ) -> Iterator[Document]:
        """Yield the repository's document and those of its images; none when it has no image.

        Where some ids are wanted, only those images. One after the other: together the documents
        of a large repository would take hundreds of megabytes.
        """
        store = self._store
        images = store.content.tagged_images(repository_id)
        described = self._images.describe(repository_id, images)
        repository = store.repositories.get(repository_id)
        document = self._own_document(repository, described)
        if document is None:
            return
        yield document
        for one in described:
            key = DocumentKey(repository.registry, repository.name, one.digest)
            if wanted is None or key.id in wanted:
                yield self._image_document(repository, one)

    def _own_document(
        self, repository: RepositoryRow, described: Sequence[DescribedImage]
    ) -> Document | None:
        """Return the document of a repository out of all its images; None when it has none."""
        store, repository_id = self._store, repository.id
        if not described:
            self._summaries[repository_id] = RepositorySummary()
            return None
        document = repository_document(
            repository,
            described,
            tags=store.content.newest_tags(repository_id),
            pulls=store.pulls.get_repository(repository_id),
        )
        self._keep_summary(repository, document, face=newest_image(described))
        return document

    def _image_documents(self, repository_id: int, digests: Sequence[Digest]) -> Iterator[Document]:
        """Yield the documents of those of these images that have tags, and look at no others."""
        repository = self._store.repositories.get(repository_id)
        images = self._store.content.find_tagged_images(repository_id, digests)
        for described in self._images.describe(repository_id, images):
            yield self._image_document(repository, described)

    def _image_document(self, repository: RepositoryRow, described: DescribedImage) -> Document:
        made = image_document(repository, described)
        self._listed[repository.id, described.digest] = _image_summary(made)
        return made

    def _untagged(self, repository_id: int, digests: Sequence[Digest]) -> Iterator[Document]:
        """Yield the documents of those of these manifests that had tags and have none now."""
        store = self._store
        for digest in digests:
            untagged = store.content.untagged_image(repository_id, digest)
            if untagged is None:
                continue
            image = TaggedImage(digest, pulls=store.pulls.get_image(repository_id, digest))
            for described in self._images.describe(repository_id, [image]):
                # An attachment of what is gone is nothing to look for.
                if not described.extracted.is_attachment:
                    repository = store.repositories.get(repository_id)
                    yield untagged_document(repository, described, untagged)

    def _stale_id(self, stale: StaleDocument) -> str:
        repository = self._store.repositories.get(stale.repository_id)
        return DocumentKey(repository.registry, repository.name, stale.digest).id


def _summary(document: Document, details: Mapping[str, Any]) -> RepositorySummary:
    said = document.result
    return RepositorySummary(document.size_bytes, said["title"], said["description"], details)


def _image_summary(document: Document) -> ImageSummary:
    said = document.result
    platforms = tuple(said["platforms"][:PLATFORMS_MAX])
    return ImageSummary(
        document.size_bytes, said["kind"], platforms, said["created_at"], said["version"]
    )
