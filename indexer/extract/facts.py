"""Stored bytes to facts: the one function that the rest of the indexer calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from indexer.extract.anatomy import Anatomy, take_apart
from indexer.extract.attachments import find_role
from indexer.extract.created import parse_moment, pick_created, read_moments
from indexer.extract.fields import described, split_labels
from indexer.extract.kind_fields import KindFields, read_kind_fields
from indexer.extract.kinds import Kind, KindTable, Role
from indexer.extract.parts import Part
from indexer.extract.secrets import masked_pairs
from indexer.extract.sizes import weigh
from indexer.model import (
    CONFIG_MAX,
    PAIRS_MAX,
    WARNINGS_MAX,
    Content,
    Descriptor,
    Digest,
    Manifest,
    ManifestKind,
    Platform,
    media_types,
    read_platform,
)

EXTRACT_VERSION: int = 8
"""Goes up when the same bytes give other facts, documents or rows, so that all are made again."""

MEDIA_TYPES_MAX = 100
"""Media types of one manifest and what it is made of."""
WARNING_MAX = 300
"""Characters of one warning."""

T = TypeVar("T")
_EMPTY_OBJECT = Digest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
_CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one manifest or index means; a text is ``""`` and a tuple empty where it is silent.

    ``kind`` is the name of its kind, ``image`` or ``artifact`` where it is of no particular one;
    ``kind_names`` are all the names by which it is asked for, and ``is_image`` says whether it is
    an image, of whatever kind. ``role`` says whether it is a result, or what else.
    ``artifact_name`` is readable.

    ``licenses`` are SPDX identifiers where we know them, ``license_expression`` is the whole.
    ``properties`` are what only this kind has, such as the quantisation of a model; ``contents``
    the names of what is inside, such as files. ``env_values`` are those of the environment that
    are known to hold no secret.

    ``media_types`` are its own, those of the platforms of an index, and of all configs and layers.
    ``layer_counts`` is the number of layers, of an index that of each platform; ``children`` are
    all the direct children of an index. ``size_bytes`` is compressed and counts distinct layers
    and configs over the whole index, attestations left out; None is unknown. ``labels`` and
    ``annotations`` hold every pair, secrets masked; ``inherited_labels`` are those that came with
    the base image, and ``inherited_fields`` what nothing but them fills. ``moments`` are all times
    that it may have been made at, the most trusted first, and ``created_at`` the first that can be
    believed now.
    """

    kind: str
    kind_names: tuple[str, ...]
    is_image: bool
    role: Role
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
    deprecated: bool
    prerelease: bool
    inherited_fields: tuple[str, ...]
    properties: Mapping[str, tuple[str, ...]]
    contents: tuple[str, ...]
    created_at: datetime | None
    moments: tuple[datetime, ...]
    platforms: tuple[Platform, ...]
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env_names: tuple[str, ...]
    env_values: Mapping[str, str]
    user: str
    labels: Mapping[str, str]
    inherited_labels: tuple[str, ...]
    annotations: Mapping[str, str]
    size_bytes: int | None
    layer_counts: tuple[int, ...]
    children: tuple[Digest, ...]
    warnings: tuple[str, ...]


def extract(
    content: Content,
    *,
    now: datetime,
    kinds: KindTable,
    tags: Sequence[str] = (),
    base_labels: Mapping[str, str] | None = None,
) -> Facts:
    """Return what ``content`` means; never raises, whatever the bytes are.

    ``now`` is the time with its zone: creation times more than a day after it are not believed.
    ``tags`` are those that point to it, newest first. ``base_labels`` are those of the image that
    it is built on, where that is known: what it says in the same words was said of the base.
    """
    anatomy = take_apart(content, tags=tags, kinds=kinds)
    return read_facts(anatomy, now=now, base_labels=base_labels)


def read_facts(
    anatomy: Anatomy, *, now: datetime, base_labels: Mapping[str, str] | None = None
) -> Facts:
    """Return the same of what is taken apart already."""
    manifest, parts, found, tags = anatomy.manifest, anatomy.parts, anatomy.found, anatomy.tags
    kind, shown = found.kind, found.part
    config = shown.config
    own = read_kind_fields(kind, found.material)
    read = [part.manifest for part in parts if part.manifest is not None]
    in_order = [shown, *(part for part in parts if part is not shown)]
    labels = _merged(part.config.labels for part in in_order)
    moments = read_moments(_moments(shown, own, kind, base_labels or {}), now=now)
    return Facts(
        kind=kind.name,
        kind_names=found.names,
        is_image=kind.is_image,
        role=find_role(kind, manifest),
        artifact_type=found.artifact_type,
        artifact_name=found.artifact_name,
        media_type=manifest.media_type,
        media_types=_media_types(manifest, read),
        **described(
            shown.annotations,
            shown.config,
            own=own,
            is_own_first=not kind.annotations_first,
            base_labels=base_labels,
            tags=tags,
        ),
        properties=own.properties,
        contents=own.contents,
        created_at=pick_created(moments, now=now),
        moments=moments,
        platforms=_platforms(parts, shown, kind),
        ports=config.ports,
        volumes=config.volumes,
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        env_names=config.env_names,
        env_values=config.versions,
        user=config.user,
        labels=masked_pairs(labels),
        inherited_labels=tuple(sorted(split_labels(labels, base_labels or {})[1])),
        annotations=masked_pairs(
            _merged(source for part in in_order for source in part.annotations)
        ),
        size_bytes=weigh([part.manifest for part in parts]),
        layer_counts=_layer_counts(manifest, parts),
        children=_distinct(child.digest for child in manifest.children),
        warnings=_distinct(warning[:WARNING_MAX] for warning in anatomy.warnings)[:WARNINGS_MAX],
    )


def config_descriptor(manifest: Manifest, *, kinds: KindTable) -> Descriptor | None:
    """Return the config that is worth fetching, or None.

    Worth it are image configs, other JSON, and what a kind reads, of at most 4 MiB. The empty
    object is known without fetching it.
    """
    config = manifest.config
    if config is None or config.digest == _EMPTY_OBJECT or (config.size_bytes or 0) > CONFIG_MAX:
        return None
    media_type = config.media_type.partition(";")[0].strip().lower()
    if media_type == media_types.EMPTY:
        return None
    is_json = media_type.endswith("+json") or media_type in ("", "application/json")
    return config if is_json or media_type in kinds.json_configs else None


def _distinct(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _platforms(parts: Sequence[Part], shown: Part, kind: Kind) -> tuple[Platform, ...]:
    """Return the platforms of all parts, and what the config of a kind names as an image's does."""
    own = read_platform(shown.config.raw) if kind.has_platform else None
    named = [part.platform for part in parts if part.is_platform]
    return _distinct([*named, own if own is not None and own.is_real else None])


def _moments(
    part: Part, own: KindFields, kind: Kind, base_labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield the texts that may say when ``part`` was made, the most trusted first."""
    labels, _ = split_labels(part.config.labels, base_labels)
    sources = (*part.annotations, labels)
    own_moment = own.texts.get("created", "")
    yield "" if kind.annotations_first else own_moment
    yield from (source.get(_CREATED, "") for source in sources)
    yield from (source.get("org.label-schema.build-date", "") for source in sources)
    yield own_moment
    yield part.config.created
    unknown = datetime.min.replace(tzinfo=UTC)
    yield from sorted(
        (step.created for step in part.config.history),
        key=lambda text: parse_moment(text) or unknown,
        reverse=True,
    )
    yield from (source.get("build-date", "") for source in sources)


def _merged(sources: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the pairs of all sources, the first one winning, at most 1,000."""
    merged: dict[str, str] = {}
    for source in sources:
        for key, value in source.items():
            if len(merged) == PAIRS_MAX:
                return merged
            merged.setdefault(key, value)
    return merged


def _layer_counts(manifest: Manifest, parts: Sequence[Part]) -> tuple[int, ...]:
    """Return how many layers there are, of an index on each of its platforms."""
    if manifest.kind is ManifestKind.OPAQUE:
        return ()
    if manifest.kind is not ManifestKind.INDEX:
        return (len(manifest.layers),)
    platforms = [part for part in parts if part.is_platform] or parts
    counts = {len(part.manifest.layers) for part in platforms if part.manifest is not None}
    return tuple(sorted(counts))


def _media_types(manifest: Manifest, parts: Sequence[Manifest]) -> tuple[str, ...]:
    """Return those of the manifest and of all that it is made of, at most 100."""
    found: dict[str, None] = {manifest.media_type: None}
    for part in parts:
        if len(found) >= MEDIA_TYPES_MAX:
            break
        found[part.media_type] = None
        found |= dict.fromkeys(
            descriptor.media_type
            for descriptor in (*((part.config,) if part.config else ()), *part.layers)
        )
    return tuple(media_type for media_type in found if media_type)[:MEDIA_TYPES_MAX]
