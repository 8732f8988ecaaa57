"""Reading layers: what the images with a layer know of it."""

from collections.abc import Iterable, Iterator
from typing import Any

from indexer.errors import NotFoundError
from indexer.extract import read_build, take_apart
from indexer.model import Digest, parse_digest
from indexer.store import RelatedImages
from search_api.resources.image_json import step_json
from search_api.resources.list_json import images_page_json
from search_api.resources.store_reader import NAME_SHOWN, StoreReader

LAYER_IMAGES_READ = 100
"""Images that are read for what the first ones do not say of a layer."""
_LAYER_KEYS = ("digest", "diff_id", "size_bytes", "media_type", "command")


class LayerResources(StoreReader):
    """Reads layers, each by its compressed digest or its DiffID."""

    def has_layer(self, digest: str) -> bool:
        """Tell whether any visible image holds a layer, by its digest or its DiffID."""
        return bool(self._store.lineage.find_containing(parse_digest(digest), limit=1).images)

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
            raise NotFoundError(f"no layer {digest[:NAME_SHOWN]!r} in any image that is shown")
        total, total_is_exact = lineage.count_containing(wanted)
        images = images_page_json(related)
        places = lineage.layer_places(wanted, [one.manifests[0] for one in related.images])
        for image in images["images"]:
            place = places.get(image["manifests"][0])
            image["position"] = place.position if place else None
            image["layer_count"] = place.layer_count if place else None
        return {
            **found,
            **images,
            # More images may have come since they were listed.
            "total": max(total, len(images["images"])),
            "total_is_exact": total_is_exact,
        }

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
        manifests = [one for image in related.images for one in image.manifests]
        # Nearly always the first one knows everything.
        for some in (manifests[:1], manifests[1:]):
            stored = self._store.content.manifests(some)
            for manifest in filter(stored.__contains__, some):
                taken = take_apart(stored[manifest], kinds=self._kinds)
                for step in read_build(taken.shown).steps:
                    if step.layer and wanted in (step.layer.digest, step.diff_id):
                        told = step_json(step)
                        yield {key: told[key] for key in _LAYER_KEYS}


def _first_known(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _is_known(layer: dict[str, Any] | None) -> bool:
    return layer is not None and None not in (layer["size_bytes"], layer["command"])
