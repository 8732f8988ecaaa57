"""A stored image and what its content says."""

from dataclasses import dataclass
from datetime import datetime

from indexer.clock import parse_rfc3339
from indexer.documents.attachments import Attached, list_attached
from indexer.extract import (
    Facts,
    KindTable,
    chain_keywords,
    config_labels,
    declared_keywords,
    extract,
    inherited_labels,
)
from indexer.model import (
    Content,
    Digest,
    Platform,
    Pulls,
    StoredImage,
    TagName,
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


def describe(image: StoredImage, *, now: datetime, kinds: KindTable) -> DescribedImage:
    """Return an image with the facts out of its stored bytes."""
    content = image.content
    base_labels = merge_base_labels(content)
    facts = extract(content, now=now, tags=image.tags, base_labels=base_labels, kinds=kinds)
    declared = declared_keywords(facts.base_name, facts.base_digest)
    lineage = frozenset(chain_keywords(content) | declared)
    return DescribedImage(
        digest=content.digest,
        tags=image.tags,
        pushed_at=image.pushed_at,
        pulls=image.pulls,
        facts=facts,
        lineage=lineage,
        attached=list_attached(image, now=now, kinds=kinds),
    )


def find_inherited(content: Content) -> dict[Digest, dict[str, str]]:
    """Return the labels that each manifest, of an index those below it, has from its base."""
    found: dict[Digest, dict[str, str]] = {}
    waiting, seen = [content], {content.digest}
    while waiting:
        one = waiting.pop()
        if one.base_labels and one.parsed_config is not None:
            labels = config_labels(one.parsed_config.object)
            found[one.digest] = inherited_labels(labels, one.base_labels)
        waiting += [child for child in one.children if child.digest not in seen]
        seen.update(child.digest for child in one.children)
    return found


def merge_base_labels(content: Content) -> dict[str, str]:
    """Return the inherited labels; where platforms differ, those of the one that is shown."""
    inherited = find_inherited(content)
    shown: set[Digest] = set()
    if len(inherited) > 1:
        children = content.manifest.children
        shown = {child.digest for child in children if child.platform in _USUAL}
    merged: dict[str, str] = {}
    for digest in sorted(inherited, key=lambda digest: digest not in shown):
        merged = inherited[digest] | merged
    return merged
