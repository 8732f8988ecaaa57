"""What goes into the extraction and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from indexer.extract.attachments import Attachment
from indexer.extract.history import HistoryEntry
from indexer.extract.kinds import Role
from indexer.model import Digest, Platform


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

    ``kind`` is the name of its kind, ``image`` or ``artifact`` where it is of no particular one;
    ``kind_names`` are all the names by which it is asked for, and ``is_image`` says whether it is
    an image, of whatever kind. ``role`` says whether it is a result, or what else; ``attachment``
    is what it claims of another manifest. ``artifact_name`` is readable.

    ``licenses`` are SPDX identifiers where we know them, ``license_expression`` is the whole.
    ``properties`` are what only this kind has, such as the quantisation of a model; ``contents``
    the names of what is inside, such as files. ``env_values`` are those of the environment that
    are known to hold no secret. ``history`` is that of the platform that speaks for an index, its
    secrets masked.

    ``media_types`` are its own, those of the platforms of an index, and of all configs and layers.
    ``layers`` are those of a manifest, base first, or the distinct ones of an index's platforms,
    ``layer_counts`` their number, for an index that of each platform;
    ``children`` are all the direct children of an index. ``size_bytes`` is compressed and counts
    distinct layers and configs over the whole index, attestations left out; ``platform_sizes`` are
    those of each platform. ``labels`` and ``annotations`` hold every pair, secrets masked;
    ``inherited_labels`` are those that came with the base image, and ``inherited_fields`` what
    nothing but them fills.
    """

    kind: str
    kind_names: tuple[str, ...]
    is_image: bool
    role: Role
    attachment: Attachment | None
    artifact_type: str
    artifact_name: str
    media_type: str
    media_types: tuple[str, ...]
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
    license_expression: str
    keywords: tuple[str, ...]
    category: str
    base_name: str
    base_digest: str
    component: str
    icon: str
    deprecated: bool
    prerelease: bool
    inherited_fields: tuple[str, ...]
    properties: Mapping[str, tuple[str, ...]]
    contents: tuple[str, ...]
    created_at: datetime | None
    platforms: tuple[Platform, ...]
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env_names: tuple[str, ...]
    env_values: Mapping[str, str]
    user: str
    history: tuple[HistoryEntry, ...]
    labels: Mapping[str, str]
    inherited_labels: tuple[str, ...]
    annotations: Mapping[str, str]
    size_bytes: int
    platform_sizes: Mapping[str, int]
    layers: tuple[Digest, ...]
    layer_counts: tuple[int, ...]
    children: tuple[Digest, ...]
    warnings: tuple[str, ...]
