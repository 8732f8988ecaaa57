"""A stored image and what its content says."""

from dataclasses import dataclass
from datetime import datetime

from indexer.clock import parse_rfc3339
from indexer.documents.attachments import Attached, attached_to
from indexer.extract import (
    BUILT_IN,
    Content,
    Facts,
    KindTable,
    chain_keywords,
    declared_keywords,
    extract,
    inherited_labels,
    labels_of,
)
from indexer.model import (
    Digest,
    Platform,
    Pulls,
    StoredImage,
    StoredManifest,
    TagName,
    parse_manifest,
)

_USUAL = (Platform("linux", "amd64"),)


@dataclass(frozen=True, slots=True)
class DescribedImage:
    """An image: what the store tells of it, and what its content says, without the bytes.

    Those of all images of a large repository would take hundreds of megabytes.
    """

    digest: Digest
    tags: tuple[TagName, ...]
    """Newest first."""
    pushed_at: str | None
    """RFC 3339, as an event said; None when no event did."""
    pulls: Pulls
    facts: Facts
    lineage: frozenset[tuple[str, str]] = frozenset()
    """The keywords that tell what it is built on."""
    attached: tuple[Attached, ...] = ()

    @property
    def created(self) -> int:
        """When its builder says it was made: seconds since 1970, 0 for unknown."""
        return seconds(self.facts.created_at)

    @property
    def pushed(self) -> int:
        """When it was pushed: seconds since 1970, 0 for unknown."""
        return seconds_of(self.pushed_at)


def seconds(moment: datetime | None) -> int:
    """Return seconds since 1970, 0 for unknown."""
    return max(0, int(moment.timestamp())) if moment else 0


def seconds_of(moment: str | None) -> int:
    """Return the seconds since 1970 of a time that the store wrote, 0 for unknown."""
    return seconds(parse_rfc3339(moment)) if moment else 0


def describe(image: StoredImage, *, now: datetime, kinds: KindTable = BUILT_IN) -> DescribedImage:
    """Return an image with the facts out of its stored bytes."""
    content = content_of(image.manifest)
    base_labels = base_labels_of(image.manifest)
    facts = extract(content, now=now, tags=image.tags, base_labels=base_labels, kinds=kinds)
    declared = declared_keywords(facts.base_name, facts.base_digest)
    lineage = frozenset(chain_keywords(content) | declared)
    return DescribedImage(
        digest=image.manifest.digest,
        tags=image.tags,
        pushed_at=image.pushed_at,
        pulls=image.pulls,
        facts=facts,
        lineage=lineage,
        attached=attached_to(image, now=now, kinds=kinds),
    )


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
