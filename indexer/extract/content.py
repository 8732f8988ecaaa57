"""What goes into the extraction and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from indexer.model.manifest import Platform
from indexer.model.names import Digest


@dataclass(frozen=True, slots=True)
class Content:
    """The stored bytes of one manifest or index with what belongs to it.

    ``content_type`` is that of the registry's answer, or the descriptor's media type for a child;
    ``config`` is the config blob if it was read; ``children`` are those children of an index that
    are in the store, in index order.
    """

    digest: Digest
    content_type: str
    body: bytes
    config: bytes | None = None
    children: tuple["Content", ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What one manifest or index means; a text is ``""`` and a tuple empty where it is silent.

    ``kind`` is ``image`` for image manifests, schema 1 and indexes of images, else ``artifact``.
    ``layers`` are those of a manifest, base first, or the distinct ones of an index's platforms;
    ``children`` are all the direct children of an index. ``size_bytes`` is compressed and counts
    distinct layers and configs over the whole index, attestations left out. ``labels`` and
    ``annotations`` hold every raw pair.
    """

    kind: str
    artifact_type: str
    artifact_name: str
    media_type: str
    title: str
    description: str
    summary: str
    version: str
    revision: str
    source: str
    url: str
    documentation: str
    vendor: str
    authors: tuple[str, ...]
    licenses: tuple[str, ...]
    keywords: tuple[str, ...]
    category: str
    base_name: str
    base_digest: str
    component: str
    icon: str
    deprecated: bool
    prerelease: bool
    created_at: datetime | None
    platforms: tuple[Platform, ...]
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env_names: tuple[str, ...]
    user: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    size_bytes: int
    layers: tuple[Digest, ...]
    children: tuple[Digest, ...]
    warnings: tuple[str, ...]
    inherited_labels: tuple[str, ...] = ()
    """The keys of the labels that only say again what a base says of itself."""
    inherited_fields: tuple[str, ...] = ()
    """Which of the described fields an inherited label fills."""
