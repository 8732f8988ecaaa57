"""Store to search documents: the one function that live updates and rebuilds share. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from indexer.attached import (
    Attached,
    attached_to,
    attachment_keywords,
    attachment_results,
)
from indexer.clock import parse_rfc3339, rfc3339
from indexer.extract import (
    BUILT_IN,
    Content,
    Facts,
    KindTable,
    Role,
    chain_keywords,
    declared_keywords,
    extract,
    inherited_labels,
    labels_of,
)
from indexer.model.document import Document, DocumentKey
from indexer.model.manifest import Platform, parse_manifest
from indexer.model.names import Digest, TagName, is_system_tag
from indexer.model.stored import (
    Pulls,
    RepositoryRow,
    StoredImage,
    StoredManifest,
    UntaggedImage,
)
from indexer.model.text import fold, one_line, words

DESCRIPTION_MAX = 2_000
"""Characters of a description that an answer shows."""
TEXT_VALUE_MAX = 4 * 1_024
"""Characters of one label or annotation that are searchable."""
TEXT_MAX = 64 * 1_024
"""Characters of one document that are searchable."""
NEWEST_TAGS_MAX = 10
SHOWN_PAIRS_MAX = 100
_KEYWORD_VALUE_MAX = 256
_USUAL = (Platform("linux", "amd64"),)


@dataclass(frozen=True, slots=True)
class DescribedImage:
    """A stored image and what its content says."""

    image: StoredImage
    facts: Facts
    lineage: frozenset[tuple[str, str]] = frozenset()
    """The keywords that tell what it is built on."""
    attached: tuple[Attached, ...] = ()


def describe(image: StoredImage, *, now: datetime, kinds: KindTable = BUILT_IN) -> DescribedImage:
    """Return an image with the facts out of its stored bytes."""
    content = content_of(image.manifest)
    base_labels = base_labels_of(image.manifest)
    facts = extract(content, now=now, tags=image.tags, base_labels=base_labels, kinds=kinds)
    declared = declared_keywords(facts.base_name, facts.base_digest)
    lineage = frozenset(chain_keywords(content) | declared)
    return DescribedImage(image, facts, lineage, attached_to(image, now=now, kinds=kinds))


def content_of(manifest: StoredManifest) -> Content:
    """Return a stored manifest with all below it as the extraction takes it."""
    return _content(manifest, {})


def inherited_of(manifest: StoredManifest) -> dict[Digest, dict[str, str]]:
    """Return the labels that each manifest, of an index those below it, has from its base."""
    found: dict[Digest, dict[str, str]] = {}
    waiting, seen = [manifest], {manifest.digest}
    while waiting:
        one = waiting.pop()
        if one.base_labels and one.config is not None:
            found[one.digest] = inherited_labels(labels_of(one.config), one.base_labels)
        waiting += [child for child in one.children if child.digest not in seen]
        seen.update(child.digest for child in one.children)
    return found


def base_labels_of(manifest: StoredManifest) -> dict[str, str]:
    """Return the inherited labels; where platforms differ, those of the one that is shown."""
    inherited = inherited_of(manifest)
    shown: set[Digest] = set()
    if len(inherited) > 1:
        children = parse_manifest(manifest.body, content_type=manifest.content_type).children
        shown = {child.digest for child in children if child.platform in _USUAL}
    merged: dict[str, str] = {}
    for digest in sorted(inherited, key=lambda digest: digest not in shown):
        merged = inherited[digest] | merged
    return merged


def _content(manifest: StoredManifest, known: dict[int, Content]) -> Content:
    """Convert each manifest once: indexes of indexes can share their children many times."""
    if id(manifest) not in known:
        known[id(manifest)] = Content(
            digest=manifest.digest,
            content_type=manifest.content_type,
            body=manifest.body,
            config=manifest.config,
            children=tuple(_content(child, known) for child in manifest.children),
        )
    return known[id(manifest)]


def image_document(repository: RepositoryRow, described: DescribedImage) -> Document:
    """Return the document of one image with all its tags."""
    image, facts = described.image, described.facts
    tags, path = image.tags, f"{repository.registry_host}/{repository.name}"
    reference = _reference(repository, tags[0]) if tags else f"{path}@{image.manifest.digest}"
    result = {
        **_common_result(repository, facts, reference=reference),
        **_pulls_result(image.pulls),
        "digest": image.manifest.digest,
        "tags": list(tags),
        "labels": _shown_pairs(facts.labels.items()),
        "inherited_labels": list(facts.inherited_labels[:SHOWN_PAIRS_MAX]),
        "annotations": _shown_pairs(facts.annotations.items()),
        "version": facts.version,
        "licenses": list(facts.licenses),
        "properties": {name: list(values) for name, values in facts.properties.items()},
        "platforms": [str(platform) for platform in facts.platforms],
        "created_at": rfc3339(facts.created_at) if facts.created_at else None,
        "pushed_at": image.pushed_at,
        "size_bytes": facts.size_bytes,
        "attachments": attachment_results(described.attached, repository=path),
    }
    return Document(
        key=DocumentKey(repository.registry, repository.name, image.manifest.digest),
        name=repository.name,
        description=_description_texts(facts),
        labels=_label_texts(facts),
        tags=tuple(tags),
        keywords=_repository_keywords(repository) | _all_keywords(described),
        created=_seconds(facts.created_at),
        pushed=_seconds(_pushed(image)),
        size_bytes=facts.size_bytes,
        result=result,
    )


def repository_document(
    repository: RepositoryRow,
    images: Sequence[DescribedImage],
    *,
    tags: Sequence[TagName],
    pulls: Pulls,
) -> Document:
    """Return the document of a repository out of its visible images, of which there is one.

    ``tags`` are all its tags, newest first. The image that speaks for the repository is the
    runnable one pushed or created last.
    """
    newest_first = sorted(images, key=_newness, reverse=True)
    face = newest_first[0]
    shown_tags = [tag for tag in tags if not is_system_tag(tag)]
    reference_tag = "latest" if "latest" in face.image.tags else face.image.tags[0]
    platforms = Counter(str(p) for described in images for p in described.facts.platforms)
    pushed_at = max((i.image.pushed_at for i in images if i.image.pushed_at), default=None)
    description = next((d for i in newest_first if (d := i.facts.description)), "")
    texts = _distinct(t for i in newest_first for t in _description_texts(i.facts))
    result = {
        **_common_result(
            repository, face.facts, reference=_reference(repository, TagName(reference_tag))
        ),
        "description": one_line(description, limit=DESCRIPTION_MAX),
        "platforms": sorted(platforms),
        "created_at": rfc3339(face.facts.created_at) if face.facts.created_at else None,
        "pushed_at": pushed_at,
        "size_bytes": face.facts.size_bytes,
        "tag_count": len(shown_tags),
        "newest_tags": shown_tags[:NEWEST_TAGS_MAX],
        **_pulls_result(pulls),
    }
    return Document(
        key=DocumentKey(repository.registry, repository.name),
        name=repository.name,
        description=_bounded(texts),
        labels=_bounded(_distinct(t for i in newest_first for t in _label_texts(i.facts))),
        tags=tuple(shown_tags),
        keywords=_repository_keywords(repository).union(*map(_all_keywords, images)),
        created=_seconds(face.facts.created_at),
        pushed=max(_seconds(_pushed(described.image)) for described in images),
        size_bytes=face.facts.size_bytes,
        result=result,
    )


def untagged_document(
    repository: RepositoryRow, described: DescribedImage, untagged: UntaggedImage
) -> Document:
    """Return the document of an image that had tags and has none now; it is found by those."""
    document = image_document(repository, described)
    last_tags = untagged.last_tags
    keywords = {("is", "untagged"), *(("tag", fold(tag)) for tag in last_tags)}
    return replace(
        document,
        key=replace(document.key, is_untagged=True),
        tags=tuple(last_tags),
        keywords=document.keywords | keywords,
        result={
            **document.result,
            "last_tags": list(last_tags),
            "untagged_since": untagged.since,
        },
    )


def _newness(described: DescribedImage) -> tuple[bool, bool, str, int]:
    image = described.image
    is_content = described.facts.role is Role.CONTENT
    return (
        is_content,
        described.facts.is_image,
        image.pushed_at or "",
        _seconds(described.facts.created_at),
    )


def _common_result(repository: RepositoryRow, facts: Facts, *, reference: str) -> dict[str, Any]:
    return {
        "registry": repository.registry,
        "repository": repository.name,
        "reference": reference,
        "kind": facts.kind,
        "artifact_type": facts.artifact_type or None,
        "title": one_line(facts.title, limit=200) or repository.name.rpartition("/")[2],
        "description": one_line(facts.description, limit=DESCRIPTION_MAX),
    }


def _pulls_result(pulls: Pulls) -> dict[str, Any]:
    return {"pulls": pulls.count, "last_pulled_at": pulls.last_at}


def _reference(repository: RepositoryRow, tag: TagName) -> str:
    return f"{repository.registry_host}/{repository.name}:{tag}"


def _shown_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return pairs for an answer: as they are, but not without end."""
    return {key: value[:TEXT_VALUE_MAX] for key, value in list(pairs)[:SHOWN_PAIRS_MAX]}


def _description_texts(facts: Facts) -> tuple[str, ...]:
    of_base = set(facts.inherited_fields)
    texts = (
        facts.title,
        facts.description,
        facts.summary,
        facts.version,
        "" if "vendor" in of_base else facts.vendor,
        facts.category,
        facts.component,
        facts.artifact_name,
        *facts.keywords,
        *(() if "authors" in of_base else facts.authors),
        *(() if "licenses" in of_base else facts.licenses),
        *(value for values in facts.properties.values() for value in values),
        *facts.contents,
    )
    return _bounded(_distinct(texts))


def _label_texts(facts: Facts) -> tuple[str, ...]:
    own = {k: v for k, v in facts.labels.items() if k not in facts.inherited_labels}
    pairs = {**own, **facts.annotations}.items()
    return _bounded(_distinct(_pair_text(key, value) for key, value in pairs))


def _pair_text(key: str, value: str) -> str:
    """The last part of a key is what people know; JSON inside a value is nobody's words."""
    last = key.rpartition(".")[2].rpartition("/")[2]
    return last if value.lstrip().startswith(("{", "[")) else f"{last} {value}"


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _bounded(texts: Iterable[str]) -> tuple[str, ...]:
    kept, size = [], 0
    for text in texts:
        cut = text[:TEXT_VALUE_MAX]
        size += len(cut)
        if size > TEXT_MAX:
            break
        kept.append(cut)
    return tuple(kept)


def _repository_keywords(repository: RepositoryRow) -> frozenset[tuple[str, str]]:
    return frozenset(
        {
            ("registry", fold(repository.registry)),
            ("host", fold(repository.registry_host)),
            ("repo", repository.name),
            *(("name", word) for word in words(repository.name)),
            ("name", repository.name),
            ("name", repository.name.rpartition("/")[2]),
        }
    )


def _all_keywords(described: DescribedImage) -> frozenset[tuple[str, str]]:
    return _image_keywords(described) | described.lineage


def _image_keywords(described: DescribedImage) -> frozenset[tuple[str, str]]:
    image, facts = described.image, described.facts
    digests = (image.manifest.digest, *facts.children)
    pairs = {("tag", fold(tag)) for tag in image.tags}
    pairs |= {("digest", fold(digest)) for digest in digests}
    pairs |= {("digest", fold(digest.partition(":")[2])) for digest in digests}
    for platform in facts.platforms:
        variant = f"{platform.architecture}/{platform.variant}"
        pairs |= {("arch", platform.architecture), ("os", platform.os)}
        pairs |= {("arch", fold(variant))} if platform.variant else set()
        pairs |= {("platform", fold(str(platform)))}
    pairs |= {("kind", fold(name)) for name in facts.kind_names}
    pairs |= {("license", fold(one)) for one in (*facts.licenses, facts.license_expression) if one}
    pairs |= {("type", fold(facts.artifact_type))} if facts.artifact_type else set()
    pairs |= _pair_keywords("label", facts.labels.items())
    pairs |= _pair_keywords("annotation", facts.annotations.items())
    pairs |= attachment_keywords(described.attached, is_attachment=facts.role is Role.ATTACHMENT)
    architectures = {(platform.architecture, platform.variant) for platform in facts.platforms}
    pairs |= {("is", "multiarch")} if len(architectures) > 1 else set()
    pairs |= {("is", "deprecated")} if facts.deprecated else set()
    return frozenset(pairs)


def _pair_keywords(field: str, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    found = set()
    for key, value in pairs:
        folded = fold(key[:_KEYWORD_VALUE_MAX])
        found |= {(field, folded), (field, f"{folded}={fold(value[:_KEYWORD_VALUE_MAX])}")}
    return found


def _pushed(image: StoredImage) -> datetime | None:
    return parse_rfc3339(image.pushed_at) if image.pushed_at else None


def _seconds(moment: datetime | None) -> int:
    return max(0, int(moment.timestamp())) if moment else 0
