"""The JSON of list items: registries, repositories, tags, places of an image, changes. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from indexer.clock import rfc3339
from indexer.model import Digest, RepositoryRow
from indexer.store import (
    Change,
    ImageSummary,
    Page,
    RelatedImage,
    RelatedImages,
    ShownPlace,
    ShownRegistry,
    ShownRepository,
    ShownTag,
    TagMove,
)

TAGS_SHOWN = 20
"""The limit of tags of a related image; the newest are shown."""


def named_in(items: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the repositories that items of a list name, each with its registry."""
    return [(one["registry"], one["repository"]) for one in items]


def registry_json(registry: ShownRegistry) -> dict[str, Any]:
    """Return the JSON of a registry."""
    return {
        "registry": registry.name,
        "registry_host": registry.registry_host,
        "repository_count": registry.repositories,
        "tag_count": registry.tags,
    }


def repository_json(repository: ShownRepository) -> dict[str, Any]:
    """Return the JSON of a repository; ``size_bytes`` are those of all its images together."""
    row, summary = repository.row, repository.summary
    return {
        **place_json(row),
        "title": summary.title or row.name.rpartition("/")[2],
        "description": summary.description,
        **_UNKNOWN_DETAILS,
        **summary.shown,
        "first_seen_at": repository.first_seen_at,
        "tag_count": repository.tag_count,
        "size_bytes": summary.size_bytes,
        "pulls": repository.pulls.count,
        "last_pulled_at": repository.pulls.last_at,
        "pushed_at": repository.pushed_at,
    }


_UNKNOWN_DETAILS: Mapping[str, Any] = {
    "kind": None,
    "artifact_type": None,
    "licenses": [],
    "vendor": "",
    "source": None,
    "url": None,
    "documentation": None,
    "deprecated": False,
    "platforms": [],
    "created_at": None,
    "reference": None,
    "newest_tags": [],
    "newest_image": None,
}
"""Of a repository that is not searchable yet."""


def tag_json(repository: RepositoryRow, tag: ShownTag) -> dict[str, Any]:
    """Return the JSON of a tag; ``pushed_at`` is None if only a crawl found it."""
    return {
        **place_json(repository),
        "tag": tag.name,
        "reference": f"{format_path(repository)}:{tag.name}",
        "digest": tag.digest,
        "tagged_at": tag.tagged_at,
        "pushed_at": tag.pushed_at,
        "first_seen_at": tag.first_seen_at,
    }


def image_summary_json(summary: ImageSummary | None) -> dict[str, Any] | None:
    """Return what a list of tags says of an image; None before it is searchable."""
    if summary is None:
        return None
    return {
        "kind": summary.kind,
        "platforms": list(summary.platforms),
        "size_bytes": summary.size_bytes,
        "created_at": summary.created_at,
        "version": summary.version or None,
    }


def history_json(moves: Page[TagMove]) -> dict[str, Any]:
    """Return the JSON of a tag's targets, newest first."""
    return {
        "history": [
            {
                "digest": move.digest,
                "tagged_at": rfc3339(move.tagged_at),
                "actor": move.actor or None,
                "from_event": move.from_event,
            }
            for move in moves.items
        ],
        "history_has_more": moves.next is not None,
    }


def change_json(change: Change) -> dict[str, Any]:
    """Return the JSON of a change; its ``cursor`` is the position after it."""
    return {
        "cursor": str(change.cursor),
        "at": change.at,
        "kind": change.kind.value,
        "registry": change.registry,
        "repository": change.repository,
        "tag": change.tag or None,
        "digest": change.digest,
        "previous_digest": change.previous_digest,
        "pushed_at": change.pushed_at,
        "actor": change.actor or None,
    }


def shown_place_json(place: ShownPlace) -> dict[str, Any]:
    """Return the JSON of a manifest's place, with its own digest or that of an index with it."""
    return {
        **place_json(place.repository),
        "digest": place.digest,
        "reference": format_reference(place.repository, place.digest, place.tags),
        "tags": list(place.tags),
    }


def related_json(related: RelatedImages, *, limit: int) -> dict[str, Any]:
    """Return the JSON of some related images, with the number of all."""
    return {
        "count": len(related.images),
        "count_is_exact": not related.has_more,
        "images": images_json(related.images[:limit]),
    }


def images_page_json(related: RelatedImages) -> dict[str, Any]:
    """Return the JSON of related images, and whether there are others."""
    return {"images": images_json(related.images), "has_more": related.has_more}


def images_json(images: Iterable[RelatedImage]) -> list[dict[str, Any]]:
    """Return the JSON of images with their newest tags; ``manifests`` are those of an index."""
    return [
        {
            **place_json(image.repository),
            "digest": image.digest,
            "reference": format_reference(image.repository, image.digest, image.tags),
            "tags": list(image.tags[:TAGS_SHOWN]),
            "tag_count": len(image.tags),
            "manifests": list(image.manifests),
        }
        for image in images
    ]


def place_json(repository: RepositoryRow) -> dict[str, Any]:
    """Return the JSON with the names of a repository and its registry."""
    return {
        "registry": repository.registry,
        "registry_host": repository.registry_host,
        "repository": repository.name,
    }


def format_reference(repository: RepositoryRow, digest: Digest, tags: Iterable[str]) -> str:
    """Return the argument of ``docker pull``."""
    tag = next(iter(tags), None)
    path = format_path(repository)
    return f"{path}:{tag}" if tag else f"{path}@{digest}"


def format_path(repository: RepositoryRow) -> str:
    """Return the path of a repository in references."""
    return f"{repository.registry_host}/{repository.name}"
