"""The JSON of what is listed: registries, repositories, tags, places of an image, changes. Pure."""

from collections.abc import Iterable
from typing import Any

from indexer.clock import rfc3339
from indexer.model import Digest, RepositoryRow
from indexer.store import (
    Change,
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
"""Tags of another image that are told, the newest."""


def registry_json(registry: ShownRegistry) -> dict[str, Any]:
    """Return a registry."""
    return {
        "registry": registry.name,
        "registry_host": registry.registry_host,
        "repository_count": registry.repositories,
        "tag_count": registry.tags,
    }


def repository_json(repository: ShownRepository) -> dict[str, Any]:
    """Return a repository."""
    return {
        **place_json(repository.row),
        "first_seen_at": repository.first_seen_at,
        "tag_count": repository.tag_count,
        "pulls": repository.pulls.count,
        "last_pulled_at": repository.pulls.last_at,
        "pushed_at": repository.pushed_at,
    }


def tag_json(repository: RepositoryRow, tag: ShownTag) -> dict[str, Any]:
    """Return a tag; ``pushed_at`` is None where only a crawl told of it."""
    return {
        **place_json(repository),
        "tag": tag.name,
        "reference": f"{path_of(repository)}:{tag.name}",
        "digest": tag.digest,
        "tagged_at": tag.tagged_at,
        "pushed_at": tag.pushed_at,
        "first_seen_at": tag.first_seen_at,
    }


def history_json(moves: Page[TagMove]) -> dict[str, Any]:
    """Return where a tag pointed, newest first."""
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
    """Return a change; ``cursor`` stands behind it."""
    return {
        "cursor": str(change.cursor),
        "at": change.at,
        "kind": change.kind.value,
        "registry": change.registry,
        "repository": change.repository,
        "tag": change.tag or None,
        "digest": change.digest,
        "previous_digest": change.previous_digest,
    }


def shown_place_json(place: ShownPlace) -> dict[str, Any]:
    """Return where a manifest is, by its own digest or that of an index with it."""
    return {
        **place_json(place.repository),
        "digest": place.digest,
        "reference": reference_of(place.repository, place.digest, place.tags),
        "tags": list(place.tags),
    }


def related_json(related: RelatedImages, *, limit: int) -> dict[str, Any]:
    """Return images that are related to one: some of them, and how many were counted."""
    return {
        "count": len(related.images),
        "count_is_exact": not related.has_more,
        "images": images_json(related.images[:limit]),
    }


def images_json(images: Iterable[RelatedImage]) -> list[dict[str, Any]]:
    """Return images with their newest tags; ``manifests`` are what is related of an index."""
    return [
        {
            **place_json(image.repository),
            "digest": image.digest,
            "reference": reference_of(image.repository, image.digest, image.tags),
            "tags": list(image.tags[:TAGS_SHOWN]),
            "tag_count": len(image.tags),
            "manifests": list(image.manifests),
        }
        for image in images
    ]


def place_json(repository: RepositoryRow) -> dict[str, Any]:
    """Return what names a repository."""
    return {
        "registry": repository.registry,
        "registry_host": repository.registry_host,
        "repository": repository.name,
    }


def reference_of(repository: RepositoryRow, digest: Digest, tags: Iterable[str]) -> str:
    """Return what to type after ``docker pull``."""
    tag = next(iter(tags), None)
    path = path_of(repository)
    return f"{path}:{tag}" if tag else f"{path}@{digest}"


def path_of(repository: RepositoryRow) -> str:
    """Return a repository as clients write it."""
    return f"{repository.registry_host}/{repository.name}"
