"""The JSON objects that answers show of images and repositories."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from indexer.clock import rfc3339
from indexer.documents.attachments import attachment_results
from indexer.documents.described import DescribedImage
from indexer.documents.shares import ImageShare
from indexer.extract import Facts
from indexer.model import Pulls, RepositoryRow, TagName, one_line

DESCRIPTION_MAX = 2_000
"""Characters of a description that an answer shows."""
NEWEST_TAGS_MAX = 10
SHOWN_PAIRS_MAX = 100
_VALUE_MAX = 4 * 1_024
_SHORT_MAX = 200
_RELEASE = re.compile(r"v?([0-9]{1,10}(?:\.[0-9]{1,10}){0,4})", re.ASCII)
_DAY_MIN = 1_000_000
"""Versions begin with smaller numbers."""


def result_fields(facts: Facts) -> dict[str, Any]:
    """Return what an answer shows of an image because of its bytes."""
    is_own_vendor = "vendor" not in facts.inherited_fields
    return {
        "kind": facts.kind,
        "artifact_type": facts.artifact_type or None,
        "title": one_line(facts.title, limit=_SHORT_MAX),
        "description": one_line(facts.description, limit=DESCRIPTION_MAX),
        "licenses": list(facts.licenses),
        "vendor": one_line(facts.vendor, limit=_SHORT_MAX) if is_own_vendor else "",
        "labels": _shown_pairs(facts.labels.items()),
        "inherited_labels": list(facts.inherited_labels[:SHOWN_PAIRS_MAX]),
        "annotations": _shown_pairs(facts.annotations.items()),
        "version": facts.version,
        "properties": {name: list(values) for name, values in facts.properties.items()},
        "platforms": [str(platform) for platform in facts.platforms],
        "source": facts.source,
        "url": facts.url,
        "documentation": facts.documentation,
        "deprecated": facts.deprecated,
    }


def image_result(repository: RepositoryRow, described: DescribedImage) -> dict[str, Any]:
    """Return what an answer shows of an image."""
    found = described.extracted.result
    tags, path = described.tags, f"{repository.registry_host}/{repository.name}"
    reference = _reference(repository, tags[0]) if tags else f"{path}@{described.digest}"
    return {
        **_common(repository, described, reference=reference),
        **_pulls(described.pulls),
        "digest": described.digest,
        "tags": list(tags),
        "labels": found["labels"],
        "inherited_labels": found["inherited_labels"],
        "annotations": found["annotations"],
        "version": found["version"] or described.tag_version,
        "properties": found["properties"],
        "platforms": found["platforms"],
        "pushed_at": described.pushed_at,
        "attachments": attachment_results(described.attached, repository=path),
    }


def repository_result(
    repository: RepositoryRow,
    newest_first: Sequence[ImageShare],
    *,
    face: DescribedImage,
    tags: Sequence[TagName],
    tag_count: int,
    pulls: Pulls,
    size_bytes: int | None,
) -> dict[str, Any]:
    """Return what an answer shows of a repository; ``face``, the first of its images, speaks.

    ``tags`` are its newest, of ``tag_count``. ``size_bytes`` are those of all its images together.
    """
    pushed_at = max((i.pushed_at for i in newest_first if i.pushed_at), default=None)
    return {
        **_common(repository, face, reference=_reference(repository, _choose_tag(newest_first))),
        "description": next((d for one in newest_first if (d := one.description)), ""),
        "platforms": sorted({platform for one in newest_first for platform in one.platforms}),
        "size_bytes": size_bytes,
        "pushed_at": pushed_at,
        "tag_count": tag_count,
        "newest_tags": list(tags[:NEWEST_TAGS_MAX]),
        **_pulls(pulls),
    }


def details_of(
    repository: RepositoryRow, newest: DescribedImage, said: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a list of repositories shows: what its result said, and its newest image."""
    found = newest.extracted.result
    image = image_result(repository, newest)
    keys = ("kind", "artifact_type", "licenses", "vendor", "platforms", "created_at", "reference")
    own = ("digest", "reference", "version", "platforms", "created_at", "pushed_at", "size_bytes")
    return {
        **{key: said[key] for key in keys},
        "source": found["source"] or None,
        "url": found["url"] or None,
        "documentation": found["documentation"] or None,
        "deprecated": found["deprecated"],
        "newest_tags": said["newest_tags"],
        "newest_image": {
            **{key: image[key] for key in own},
            "tags": image["tags"][:NEWEST_TAGS_MAX],
            "tag_count": len(image["tags"]),
        },
    }


def _choose_tag(newest_first: Sequence[ImageShare]) -> TagName:
    """Return the tag to pull where nothing else was asked for.

    It is ``latest``, else that of the newest release by the order of versions, else the newest.
    Attachments and what does not run count only if there is nothing else.
    """
    return preferred_tags(newest_first)[0]


def preferred_tags(newest_first: Sequence[ImageShare]) -> list[TagName]:
    """Return the tags of which the first is the one to pull, whatever others come to them.

    Those are ``latest``, the newest version, the newest day and the newest tag, each if there is
    such a one. A day, such as 20260301, is a release only where no version is.
    """
    face = newest_first[0]
    tags = [
        tag
        for one in newest_first
        if (one.is_content, one.is_image) == (face.is_content, face.is_image)
        for tag in one.tags
    ]
    releases = {
        tag: tuple(map(int, matched[1].split(".")))
        for tag in tags
        if (matched := _RELEASE.fullmatch(tag))
    }
    versions = {tag: version for tag, version in releases.items() if version[0] < _DAY_MIN}
    days = {tag: version for tag, version in releases.items() if tag not in versions}
    found = [TagName("latest")] if "latest" in tags else []
    found += [max(some, key=some.__getitem__) for some in (versions, days) if some]
    return [*found, tags[0]]


def _common(
    repository: RepositoryRow, described: DescribedImage, *, reference: str
) -> dict[str, Any]:
    found, created_at = described.extracted.result, described.created_at
    return {
        "registry": repository.registry,
        "repository": repository.name,
        "reference": reference,
        "kind": found["kind"],
        "artifact_type": found["artifact_type"],
        "title": found["title"] or repository.name.rpartition("/")[2],
        "description": found["description"],
        "licenses": found["licenses"],
        "vendor": found["vendor"],
        "created_at": rfc3339(created_at) if created_at else None,
        "size_bytes": described.extracted.size_bytes,
    }


def _pulls(pulls: Pulls) -> dict[str, Any]:
    return {
        "pulls": pulls.count,
        "last_pulled_at": pulls.last_at,
        **pull_through_result(pulls),
    }


def pull_through_result(pulls: Pulls) -> dict[str, str]:
    """Return the state of something in a registry that caches another one; nothing for others."""
    if pulls.is_doubtful is None:
        return {}
    return {"pull_through": "perhaps_expired" if pulls.is_doubtful else "cached"}


def _reference(repository: RepositoryRow, tag: TagName) -> str:
    return f"{repository.registry_host}/{repository.name}:{tag}"


def _shown_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return pairs for an answer: as they are, but not without end."""
    return {key: value[:_VALUE_MAX] for key, value in list(pairs)[:SHOWN_PAIRS_MAX]}
