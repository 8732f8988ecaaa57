"""Reading resources: one method for each, which answers JSON objects out of the store.

What is not there, or is not shown, is a :class:`NotFoundError` that names it. Lists give the place
where the next page begins.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from indexer.documents import attach, attachment_results, merge_base_labels
from indexer.errors import NotFoundError
from indexer.extract import (
    Anatomy,
    KindTable,
    declares_base,
    read_build,
    read_facts,
    take_apart,
)
from indexer.model import Digest, RepositoryRow, StoredImage, parse_digest
from indexer.store import (
    Bases,
    ChangeCursor,
    ChangePlace,
    Declared,
    Page,
    RelatedImages,
    ShownRepository,
    Store,
    make_page,
)
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
    step_json,
)
from search_api.resources.list_json import (
    change_json,
    format_path,
    history_json,
    image_summary_json,
    images_json,
    place_json,
    registry_json,
    repository_json,
    shown_place_json,
    tag_json,
)
from search_api.resources.tag_list import TagOrder, TagPage, read_tags
from search_api.resources.tag_versions import version_key

LATEST = "latest"
HISTORY_MAX = 100
PLACES_MAX = 100
DERIVED_COUNTED = 100
"""Derived images that are looked for before their number is only said to be at least that."""
BASE_IMAGES_MAX = 5
"""Images that are named of each base."""
LAYER_IMAGES_READ = 100
"""Images that are read for what the first ones do not say of a layer."""
PARTS_MAX = 20
"""Platforms of which bases are looked for."""
_LAYER_KEYS = ("digest", "diff_id", "size_bytes", "media_type", "command")
_NAME_SHOWN = 300


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """An image by its digest, in one repository, or in any that has it."""

    digest: str
    registry: str | None = None
    repository: str | None = None


class Resources:
    """What can be read of an open store; for one request. ``now`` is the time."""

    def __init__(self, store: Store, *, now: datetime, kinds: KindTable) -> None:
        self._store = store
        self._now = now
        self._kinds = kinds

    def registries(self) -> list[dict[str, Any]]:
        """Return the registries that the settings name, by name."""
        return [registry_json(registry) for registry in self._store.shown.registries()]

    def registry(self, name: str) -> dict[str, Any]:
        """Return one registry."""
        found = self._store.shown.registry(name)
        if found is None:
            raise NotFoundError(f"no registry {name[:_NAME_SHOWN]!r}")
        return registry_json(found)

    def hosts(self) -> Mapping[str, str]:
        """Return the hosts of the registries by their names; nothing of them is counted."""
        return self._store.shown.hosts()

    def repositories(self, registry: str, *, after: str = "", limit: int) -> Page[dict[str, Any]]:
        """Return repositories of a registry by name."""
        self.registry(registry)
        found = self._store.shown.repositories(registry, after=after, limit=limit)
        return found.map(repository_json)

    def repository(self, registry: str, repository: str) -> dict[str, Any]:
        """Return one repository, with how many images of it lost their tags."""
        found = self._repository(registry, repository)
        return {
            **repository_json(found),
            "untagged_count": self._store.untagged.count(found.row.id),
        }

    def empty_repository(self, registry: str, repository: str) -> dict[str, Any] | None:
        """Return a repository without tags, and how many images lost theirs; None if unknown."""
        found = self._store.shown.empty_repository(registry, repository)
        # What only an event told of may be invented.
        if found is None or not self._store.repositories.has_content(found.id):
            return None
        return {**place_json(found), "untagged_count": self._store.untagged.count(found.id)}

    def tags(
        self,
        registry: str,
        repository: str,
        *,
        order: TagOrder = TagOrder.NAME,
        match: str = "",
        with_image: bool = False,
        with_history: bool = False,
        after: str = "",
        limit: int,
    ) -> TagPage[dict[str, Any]]:
        """Return tags of a repository that fit a pattern such as ``1.2*``; all fit an empty one.

        If asked for, each has what is known of its image, and where it pointed before.
        """
        found = self._repository(registry, repository)
        page = read_tags(
            self._store,
            found.row.id,
            order=order,
            match=match,
            after=after,
            limit=limit,
            tag_count=found.tag_count,
        )
        told = [tag_json(found.row, tag) for tag in page.items]
        if with_image:
            images = self._store.summaries.images(found.row.id, [tag.digest for tag in page.items])
            told = [
                {**one, "image": image_summary_json(images.get(tag.digest))}
                for one, tag in zip(told, page.items, strict=True)
            ]
        if with_history:
            names = [tag.name for tag in page.items]
            moves = self._store.shown.moves_of(found.row.id, names, limit=HISTORY_MAX)
            told = [{**one, **history_json(moves[one["tag"]])} for one in told]
        return TagPage(tuple(told), page.next, page.total, page.tag_count)

    def tags_beside(self, registry: str, repository: str, tag: str, *, limit: int) -> list[str]:
        """Return tags next to a name, as versions are sorted, and ``latest``; others are not read.

        There need not be such a tag, nor any in the repository.
        """
        shown = self._store.shown
        place = shown.repository(registry, repository)
        if place is None:
            return []
        found: set[str] = {*shown.tags_beside(place.row.id, tag, limit=limit)}
        if tag != LATEST and shown.tag(place.row.id, LATEST):
            found.add(LATEST)
        return sorted(found, key=version_key)[:limit]

    def tags_of(
        self, registry: str, repository: str, digests: Iterable[str]
    ) -> Mapping[str, Sequence[str]]:
        """Return all tags of some images of a repository, by their digests."""
        row = self._repository(registry, repository).row
        found = self._store.shown.tags_of(row.id, map(parse_digest, digests))
        return {str(digest): tags for digest, tags in found.items()}

    def tag(
        self, registry: str, repository: str, tag: str, *, limit: int = HISTORY_MAX
    ) -> dict[str, Any]:
        """Return one tag with its history, of at most so many moves."""
        row = self._repository(registry, repository).row
        found = self._store.shown.tag(row.id, tag)
        if found is None:
            raise NotFoundError(
                f"no tag {tag[:_NAME_SHOWN]!r} in repository {row.name!r} of {row.registry!r}"
            )
        moves = self._store.shown.moves(row.id, tag, limit=limit)
        return {**tag_json(row, found), **history_json(moves)}

    def sizes(
        self, registry: str, repository: str, digests: Iterable[str]
    ) -> dict[str, int | None]:
        """Return those of some manifests that a repository still has, each with its size."""
        row = self._repository(registry, repository).row
        return dict(self._store.shown.sizes(row.id, map(parse_digest, digests)).items())

    def find_image(
        self, digest: str, *, registry: str | None = None, repository: str | None = None
    ) -> ImagePlace:
        """Return the place where :meth:`image` would find an image, without reading it."""
        place = self._holder(digest, registry=registry, repository=repository)
        return ImagePlace(parse_digest(digest), place.registry, place.name)

    def has_layer(self, digest: str) -> bool:
        """Tell whether any visible image holds a layer, by its digest or its DiffID."""
        return bool(self._store.lineage.find_containing(parse_digest(digest), limit=1).images)

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
        return _related(self._store.lineage.derived(wanted, limit=limit))

    def layer(self, digest: str, *, limit: int) -> dict[str, Any]:
        """Return a layer, by its compressed digest or its DiffID, and the images that hold it."""
        wanted, lineage = parse_digest(digest), self._store.lineage
        related = lineage.find_containing(wanted, limit=limit)
        found = self._layer(related, wanted)
        if related.has_more and not _is_known(found):
            # Others may know what these do not say.
            more = lineage.find_containing(wanted, limit=max(limit, LAYER_IMAGES_READ))
            found = self._layer(more, wanted)
        if found is None:
            raise NotFoundError(f"no layer {digest[:_NAME_SHOWN]!r} in any image that is shown")
        total, total_is_exact = lineage.count_containing(wanted)
        images = _related(related)
        for image in images["images"]:
            place = lineage.layer_place(wanted, image["manifests"][0])
            image["position"] = place.position if place else None
            image["layer_count"] = place.layer_count if place else None
        return {
            **found,
            **images,
            # More images may have come since they were listed.
            "total": max(total, len(images["images"])),
            "total_is_exact": total_is_exact,
        }

    def changes(
        self,
        cursor: str | None,
        *,
        registry: str | None = None,
        repository: str | None = None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """Return what changed behind a cursor, in one place if one is named; oldest first.

        Without a cursor it is everything that is kept. :class:`CursorExpiredError` where some of
        it is not kept any more.
        """
        place = self._change_place(registry, repository)
        after = ChangeCursor.parse(cursor) if cursor else self._store.changes.oldest()
        # Before the changes: what comes meanwhile is behind this, so that nobody misses it.
        newest = self._store.changes.newest()
        found = self._store.changes.since(after, place=place, limit=limit)
        seen = [after, *(change.cursor for change in found[-1:])]
        if len(found) < limit:
            # Also past the changes of other places, whose cursors are kept for longer.
            seen.append(newest)
        behind = max(seen, key=lambda one: one.sequence)
        return Page(tuple(map(change_json, found)), str(behind))

    def newest_changes(
        self,
        cursor: str | None = None,
        *,
        registry: str | None = None,
        repository: str | None = None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """Return what changed before a change, in one place if one is named; newest first.

        Without a cursor it begins with the newest. :class:`CursorExpiredError` where the cursor is
        not kept any more.
        """
        place = self._change_place(registry, repository)
        behind = ChangeCursor.parse(cursor) if cursor else None
        found = self._store.changes.before(behind, place=place, limit=limit + 1)
        page = make_page(found, limit=limit, place=lambda change: str(change.cursor))
        return page.map(change_json)

    def targets(
        self, places: Collection[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], Digest | None]:
        """Return where tags point now, each named by registry, repository and tag.

        The digest is None where the repository is there without that tag. Other places are missing.
        """
        return self._store.shown.targets(places)

    def newest_change(self) -> str:
        """Return the cursor behind everything that changed: for who takes a listing next."""
        return str(self._store.changes.newest())

    # Finding

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

    def _change_place(self, registry: str | None, repository: str | None) -> ChangePlace:
        # A repository may be gone, and its changes are kept.
        if registry:
            self.registry(registry)
        return ChangePlace(registry or None, repository or None)

    def _repository(self, registry: str, name: str) -> ShownRepository:
        found = self._store.shown.repository(registry, name)
        if found is None:
            self.registry(registry)
            raise NotFoundError(f"no repository {name[:_NAME_SHOWN]!r} in registry {registry!r}")
        return found

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

    def _layer(self, related: RelatedImages, wanted: Digest) -> dict[str, Any] | None:
        """Return what images say of a layer: what one knows wins over what another does not."""
        told: list[dict[str, Any]] = []
        for one in self._layers(related, wanted):
            told.append(one)
            if _is_known(one):
                break
        if not told:
            return None
        # Schema 1 knows no sizes, so whoever does is asked first about the rest too.
        told.sort(key=lambda one: (one["size_bytes"] is None, one["command"] is None))
        return {key: _first_known(one[key] for one in told) for key in _LAYER_KEYS}

    def _layers(self, related: RelatedImages, wanted: Digest) -> Iterator[dict[str, Any]]:
        for image in related.images:
            for manifest in image.manifests:
                stored = self._store.content.manifest(image.repository.id, manifest, depth=0)
                if stored is None:
                    continue
                for step in read_build(take_apart(stored, kinds=self._kinds).shown).steps:
                    if step.layer and wanted in (step.layer.digest, step.diff_id):
                        told = step_json(step)
                        yield {key: told[key] for key in _LAYER_KEYS}


def _no_image(
    digest: str, registry: str | None = None, repository: str | None = None
) -> NotFoundError:
    places = (("repository", repository), ("registry", registry))
    named = "".join(f" in {what} {name[:_NAME_SHOWN]!r}" for what, name in places if name)
    return NotFoundError(f"no image {digest!r}{named}")


def _choose(anatomy: Anatomy, platform: str | None) -> Anatomy:
    """Return an anatomy in which the part of a platform speaks; the usual one if it is None."""
    if platform is None:
        return anatomy
    for part in anatomy.parts:
        if part.platform and str(part.platform) == platform:
            return replace(anatomy, found=replace(anatomy.found, part=part))
    raise NotFoundError(f"no platform {platform[:_NAME_SHOWN]!r} in this image")


def _readable(anatomy: Anatomy) -> list[Digest]:
    """Return the parts that are in the store, each once, the one that is shown first."""
    parts = [part for part in (anatomy.shown, *anatomy.parts) if part.manifest and part.digest]
    return list(dict.fromkeys(part.digest for part in parts if part.digest))


def _first_known(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _is_known(layer: dict[str, Any] | None) -> bool:
    return layer is not None and None not in (layer["size_bytes"], layer["command"])


def _related(related: RelatedImages) -> dict[str, Any]:
    return {"images": images_json(related.images), "has_more": related.has_more}
