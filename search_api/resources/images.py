"""Reading images: what they are, where they are, and how they are related to each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.documents import attach, attachment_results, merge_base_labels
from indexer.errors import NotFoundError
from indexer.extract import Anatomy, declares_base, read_facts, take_apart
from indexer.model import Digest, RepositoryRow, StoredImage, parse_digest
from indexer.store import Bases, Declared, Page, RelatedImages
from search_api.resources.comparison import (
    ComparedImage,
    choose_part,
    compare_images,
    find_content,
    list_platforms,
    on_side,
)
from search_api.resources.image_json import (
    ATTACHMENTS_SHOWN,
    ImageDetails,
    Lineage,
    bases_json,
    image_json,
    platform_layers,
)
from search_api.resources.list_json import format_path, images_page_json, shown_place_json
from search_api.resources.store_reader import NAME_SHOWN, StoreReader

PLACES_MAX = 100
DERIVED_COUNTED = 100
"""Derived images that are looked for before their number is only said to be at least that."""
BASE_IMAGES_MAX = 5
"""Images that are named of each base."""
PARTS_MAX = 20
"""Platforms of which bases are looked for."""


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """An image by its digest, in one repository, or in any that has it."""

    digest: str
    registry: str | None = None
    repository: str | None = None


class ImageResources(StoreReader):
    """Reads images, each by its digest."""

    def find_image(
        self, digest: str, *, registry: str | None = None, repository: str | None = None
    ) -> ImagePlace:
        """Return the place where :meth:`image` would find an image, without reading it."""
        place = self._holder(digest, registry=registry, repository=repository)
        return ImagePlace(parse_digest(digest), place.registry, place.name)

    def image(
        self,
        digest: str,
        *,
        registry: str | None = None,
        repository: str | None = None,
        platform: str | None = None,
    ) -> dict[str, Any]:
        """Return an image of any kind with everything that is known of it.

        Where no place is named, it is one that has it, with a tag for it if there is such a one.
        The config and the layers of an index are those of ``platform``, such as ``linux/arm64``.
        """
        place, image = self._image(digest, registry=registry, repository=repository)
        anatomy = _choose(self._anatomy(image), platform)
        return self._told(place, image, anatomy, _readable(anatomy)[:PARTS_MAX])

    def image_with_layers(
        self,
        digest: str,
        *,
        registry: str | None = None,
        repository: str | None = None,
        platform: str | None = None,
    ) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        """Return an image with the bases of the platform shown alone, and the layers of all.

        The layers are by the digests of the platforms' manifests.
        """
        place, image = self._image(digest, registry=registry, repository=repository)
        anatomy = _choose(self._anatomy(image), platform)
        told = self._told(place, image, anatomy, _readable(anatomy)[:1])
        return told, platform_layers(anatomy)

    def compare(self, a: ImagePlace, b: ImagePlace, *, platform: str = "") -> dict[str, Any]:
        """Return two images side by side; of an index one platform.

        :class:`NotFoundError` says which of the two is not there, or lacks the platform.
        """
        sides = {}
        for name, place in (("a", a), ("b", b)):
            with on_side(name):
                sides[name] = self._image(
                    place.digest, registry=place.registry, repository=place.repository
                )
        whole = {name: self._anatomy(image) for name, (_, image) in sides.items()}
        compared = {}
        for name, other in (("a", "b"), ("b", "a")):
            with on_side(name):
                part = choose_part(whole[name], whole[other], wanted=platform)
            repository, image = sides[name]
            content = find_content(image.content, part.digest)
            anatomy = take_apart(content, tags=image.tags, kinds=self._kinds)
            compared[name] = ComparedImage(
                repository=repository,
                image=image,
                anatomy=anatomy,
                facts=read_facts(anatomy, now=self._now, base_labels=merge_base_labels(content)),
                platforms=tuple(list_platforms(whole[name])),
            )
        return compare_images(compared["a"], compared["b"])

    def places(self, digest: str, *, after: str = "", limit: int) -> Page[dict[str, Any]]:
        """Return where a manifest is that some visible tag leads to."""
        found = self._store.shown.places(parse_digest(digest), after=after, limit=limit)
        if not found.items and not after:
            raise _no_image(digest)
        return found.map(shown_place_json)

    def bases(
        self, digest: str, *, registry: str | None = None, repository: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what an image, or each platform of one, is built on."""
        _, image = self._image(digest, registry=registry, repository=repository)
        anatomy = self._anatomy(image)
        bases = self._bases(_readable(anatomy)[:PARTS_MAX] or [image.content.digest])
        declared = self._declared(image, anatomy)
        nothing = RelatedImages((), has_more=False)
        return bases_json(Lineage(bases, declared, nothing), anatomy)

    def attachments(
        self, digest: str, *, registry: str | None = None, repository: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what is attached to an image and to its platforms, and to that in turn."""
        place, image = self._image(digest, registry=registry, repository=repository)
        attached = attach(image, now=self._now, kinds=self._kinds)
        return attachment_results(attached, repository=format_path(place), limit=ATTACHMENTS_SHOWN)

    def derived(self, digest: str, *, limit: int) -> dict[str, Any]:
        """Return the images that are built on an image, those first that came to be known last."""
        wanted = parse_digest(digest)
        if self._store.shown.holder(wanted) is None:
            raise _no_image(digest)
        return images_page_json(self._store.lineage.derived(wanted, limit=limit))

    def _told(
        self,
        place: RepositoryRow,
        image: StoredImage,
        anatomy: Anatomy,
        parts: Sequence[Digest],
    ) -> dict[str, Any]:
        """Return the JSON of an image, with what these parts of it are built on."""
        wanted, inherited = image.content.digest, merge_base_labels(image.content)
        details = ImageDetails(
            image=image,
            anatomy=anatomy,
            facts=read_facts(anatomy, now=self._now, base_labels=inherited),
            attached=attach(image, now=self._now, kinds=self._kinds),
            untagged=None if image.tags else self._store.shown.untagged(place.id, wanted),
        )
        lineage = Lineage(
            bases=self._bases(parts or [wanted]),
            declared=self._declared(image, anatomy),
            derived=self._store.lineage.derived(wanted, limit=DERIVED_COUNTED),
        )
        return image_json(
            place,
            details,
            lineage=lineage,
            places=self._store.shown.places(wanted, limit=PLACES_MAX),
        )

    def _image(
        self, digest: str, *, registry: str | None, repository: str | None
    ) -> tuple[RepositoryRow, StoredImage]:
        """Return an image as one repository has it."""
        place = self._holder(digest, registry=registry, repository=repository)
        image = self._store.shown.image(place.id, parse_digest(digest))
        if image is None:
            raise _no_image(digest, registry, repository)
        return place, image

    def _holder(
        self, digest: str, *, registry: str | None, repository: str | None
    ) -> RepositoryRow:
        """Return a repository that has an image, one with a tag for it first."""
        holder = self._store.shown.holder(
            parse_digest(digest), registry=registry, repository=repository
        )
        if holder is None:
            raise _no_image(digest, registry, repository)
        return self._store.repositories.get(holder)

    def _anatomy(self, image: StoredImage) -> Anatomy:
        return take_apart(image.content, tags=image.tags, kinds=self._kinds)

    def _bases(self, parts: Iterable[Digest]) -> Sequence[Bases]:
        return self._store.lineage.bases(*parts, limit=BASE_IMAGES_MAX)

    def _declared(self, image: StoredImage, anatomy: Anatomy) -> Mapping[Digest, Declared]:
        # Few images declare one.
        if not declares_base(anatomy.parts):
            return {}
        return self._store.lineage.declared(image.content)


def _no_image(
    digest: str, registry: str | None = None, repository: str | None = None
) -> NotFoundError:
    places = (("repository", repository), ("registry", registry))
    named = "".join(f" in {what} {name[:NAME_SHOWN]!r}" for what, name in places if name)
    return NotFoundError(f"no image {digest!r}{named}")


def _choose(anatomy: Anatomy, platform: str | None) -> Anatomy:
    """Return an anatomy in which the part of a platform speaks; the usual one if it is None."""
    if platform is None:
        return anatomy
    for part in anatomy.parts:
        if part.platform and str(part.platform) == platform:
            return replace(anatomy, found=replace(anatomy.found, part=part))
    raise NotFoundError(f"no platform {platform[:NAME_SHOWN]!r} in this image")


def _readable(anatomy: Anatomy) -> list[Digest]:
    """Return the parts that are in the store, each once, the one that is shown first."""
    parts = [part for part in (anatomy.shown, *anatomy.parts) if part.manifest and part.digest]
    return list(dict.fromkeys(part.digest for part in parts if part.digest))
