"""The JSON of one image with everything that is known of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.clock import rfc3339
from indexer.documents import Attached, attachment_results, pull_through_result
from indexer.extract import (
    Anatomy,
    BuildStep,
    Facts,
    HistoryEntry,
    Part,
    list_annotations,
    read_build,
    run_settings,
    weigh,
)
from indexer.model import Digest, RepositoryRow, StoredImage, UntaggedImage
from indexer.store import Bases, Declared, Page, RelatedImages, ShownPlace
from search_api.resources.list_json import (
    format_path,
    format_reference,
    images_json,
    place_json,
    related_json,
    shown_place_json,
)

PLATFORMS_MAX = 200
"""Platforms that are told; an index may name a thousand."""
RELATED_SHOWN = 20
ATTACHMENTS_SHOWN = 200
PAIRS_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """An image of a repository with what its content says and what is attached to it."""

    image: StoredImage
    anatomy: Anatomy
    facts: Facts
    attached: Sequence[Attached]
    untagged: UntaggedImage | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """How an image is related to others: its bases, those it declares, and what is built on it."""

    bases: Sequence[Bases]
    declared: Mapping[Digest, Declared]
    derived: RelatedImages


def image_json(
    repository: RepositoryRow, details: ImageDetails, *, lineage: Lineage, places: Page[ShownPlace]
) -> dict[str, Any]:
    """Return an image of a repository; its config and layers are those of the platform shown."""
    image, facts, anatomy, untagged = (
        details.image,
        details.facts,
        details.anatomy,
        details.untagged,
    )
    shown = anatomy.shown
    build = read_build(shown)
    return {
        **place_json(repository),
        "digest": image.content.digest,
        "reference": format_reference(repository, image.content.digest, image.tags),
        "tags": list(image.tags),
        "last_tags": list(untagged.last_tags) if untagged else [],
        "untagged_since": untagged.since if untagged else None,
        **_facts_json(facts),
        "title": facts.title or repository.name.rpartition("/")[2],
        "pushed_at": image.pushed_at,
        "pulls": image.pulls.count,
        "last_pulled_at": image.pulls.last_at,
        **pull_through_result(image.pulls),
        "is_index": anatomy.is_index,
        "platforms": [_platform_json(part) for part in anatomy.parts[:PLATFORMS_MAX]],
        "shown_digest": shown.digest or image.content.digest,
        "config": config_json(shown),
        "layers": [step_json(step) for step in build.steps],
        "history": [_history_json(entry) for entry in build.unplaced],
        "labels": _labels_json(facts),
        "annotations": [
            {"key": one.key, "value": one.value, "from": one.source}
            for one in list_annotations(shown)[:PAIRS_SHOWN]
        ],
        "attachments": attachment_results(
            details.attached, repository=format_path(repository), limit=ATTACHMENTS_SHOWN
        ),
        "bases": bases_json(lineage, anatomy),
        "derived": related_json(lineage.derived, limit=RELATED_SHOWN),
        "places": [shown_place_json(place) for place in places.items],
        "places_have_more": places.next is not None,
        "warnings": list(facts.warnings),
    }


def bases_json(lineage: Lineage, anatomy: Anatomy) -> list[dict[str, Any]]:
    """Return what each platform is built on, the immediate base first, and what it declares."""
    computed = {one.manifest: one.bases for one in lineage.bases}
    platforms = {part.digest: str(part.platform) for part in anatomy.parts if part.platform}
    return [
        {
            "manifest": digest,
            "platform": platforms.get(digest),
            "bases": [
                {
                    "layer_count": base.layers,
                    "images": images_json(base.images.images),
                    "has_more": base.images.has_more,
                }
                for base in computed.get(digest, ())
            ],
            "declared": _declared_json(lineage.declared.get(digest)),
        }
        for digest in dict.fromkeys((*computed, *lineage.declared))
    ]


def config_json(part: Part) -> dict[str, Any]:
    """Return what an image runs, secrets masked."""
    config, rest = part.config, run_settings(part.config)
    return {
        "user": config.user or None,
        "exposed_ports": list(config.ports),
        "env": [{"name": one.name, "value": one.value} for one in rest.env],
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.cmd),
        "working_dir": rest.working_dir or None,
        "volumes": list(config.volumes),
        "stop_signal": rest.stop_signal or None,
        "healthcheck": list(rest.healthcheck),
    }


def step_json(step: BuildStep) -> dict[str, Any]:
    """Return a layer with what made it, or a step that made none (without a digest)."""
    layer, entry = step.layer, step.step
    return {
        "digest": layer.digest if layer else None,
        "diff_id": step.diff_id,
        # Schema 1 names no type of its own and does not know sizes.
        "size_bytes": layer.size_bytes if layer else 0,
        "media_type": layer.media_type or None if layer else None,
        "title": step.title or None,
        "empty": step.is_empty,
        "command": entry.created_by or None if entry else None,
        "comment": entry.comment or None if entry else None,
        "created_at": rfc3339(entry.created_at) if entry and entry.created_at else None,
    }


def _history_json(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "command": entry.created_by,
        "comment": entry.comment or None,
        "created_at": rfc3339(entry.created_at) if entry.created_at else None,
        "empty": entry.is_empty,
    }


def _facts_json(facts: Facts) -> dict[str, Any]:
    """Return what the content says wherever it is; what it is silent of is null or empty."""
    return {
        "kind": facts.kind,
        "media_type": facts.media_type,
        "artifact_type": facts.artifact_type or None,
        "artifact_name": facts.artifact_name or None,
        "description": facts.description,
        "summary": facts.summary or None,
        "version": facts.version or None,
        "revision": facts.revision or None,
        "source": facts.source or None,
        "url": facts.url or None,
        "documentation": facts.documentation or None,
        "vendor": facts.vendor or None,
        "authors": list(facts.authors),
        "licenses": list(facts.licenses),
        "license_expression": facts.license_expression or None,
        "keywords": list(facts.keywords),
        "category": facts.category or None,
        "deprecated": facts.deprecated,
        "prerelease": facts.prerelease,
        "inherited_fields": list(facts.inherited_fields),
        "properties": {name: list(values) for name, values in facts.properties.items()},
        "contents": list(facts.contents),
        "created_at": rfc3339(facts.created_at) if facts.created_at else None,
        "size_bytes": facts.size_bytes,
    }


def _platform_json(part: Part) -> dict[str, Any]:
    """Return one manifest of an image; one that is not in the store is known by its platform."""
    platform, manifest = part.platform, part.manifest
    return {
        "digest": part.digest,
        "platform": str(platform) if platform else None,
        "os": platform.os or None if platform else None,
        "architecture": platform.architecture or None if platform else None,
        "variant": platform.variant or None if platform else None,
        "os_version": platform.os_version or None if platform else None,
        "size_bytes": weigh([manifest]),
        "layer_count": len(manifest.layers) if manifest else None,
        "config": config_json(part) if manifest else None,
    }


def platform_layers(anatomy: Anatomy) -> dict[str, list[dict[str, Any]]]:
    """Return the layers of each platform of an index, by the digests of their manifests."""
    return {
        part.digest: [
            {"digest": layer.digest, "size_bytes": layer.size_bytes}
            for layer in part.manifest.layers
        ]
        for part in anatomy.parts[:PLATFORMS_MAX]
        if part.manifest and part.digest
    }


def _labels_json(facts: Facts) -> list[dict[str, Any]]:
    inherited = set(facts.inherited_labels)
    return [
        {"key": key, "value": value, "from": "config", "inherited": key in inherited}
        for key, value in facts.labels.items()
    ]


def _declared_json(declared: Declared | None) -> dict[str, Any] | None:
    if declared is None:
        return None
    return {
        "name": declared.base.name or None,
        "digest": declared.base.digest or None,
        "differs": declared.differs,
    }
