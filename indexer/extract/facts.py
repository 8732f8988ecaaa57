"""Stored bytes to facts: the one function that the rest of the indexer calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypedDict, TypeVar

from indexer.extract.anatomy import Anatomy, anatomy_of
from indexer.extract.attachments import attachment_as, role_of
from indexer.extract.content import Content, Facts
from indexer.extract.created import created, parse_moment
from indexer.extract.fields import described, split_labels
from indexer.extract.history import HistoryEntry, history_of
from indexer.extract.image_config import CONFIG_MAX
from indexer.extract.kind_fields import Own, own_of
from indexer.extract.kinds import BUILT_IN, Kind, KindTable
from indexer.extract.parts import Part
from indexer.extract.secrets import masked_pairs
from indexer.model import (
    PAIRS_MAX,
    WARNINGS_MAX,
    Descriptor,
    Digest,
    Manifest,
    ManifestKind,
    Platform,
    media_types,
    read_platform,
    subject_of_tag,
)

EXTRACTOR_VERSION: int = 3
"""Goes up when the same bytes give other facts or documents, so that all are made again."""

SIZE_MAX = 2**63 - 1
"""What a database can hold; sizes in descriptors are claims."""
MEDIA_TYPES_MAX = 100
"""Media types of one manifest and what it is made of."""
WARNING_MAX = 300
"""Characters of one warning."""

T = TypeVar("T")
_EMPTY_OBJECT = Digest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
_CREATED = "org.opencontainers.image.created"


def extract(
    content: Content,
    *,
    now: datetime,
    tags: Sequence[str] = (),
    base_labels: Mapping[str, str] | None = None,
    kinds: KindTable = BUILT_IN,
) -> Facts:
    """Return what ``content`` means; never raises, whatever the bytes are.

    ``now`` is the time with its zone: creation times more than a day after it are not believed.
    ``tags`` are those that point to it, newest first. ``base_labels`` are those of the image that
    it is built on, where that is known: what it says in the same words was said of the base.
    """
    anatomy = anatomy_of(content, tags=tags, kinds=kinds)
    return facts_of(anatomy, now=now, base_labels=base_labels)


def facts_of(
    anatomy: Anatomy, *, now: datetime, base_labels: Mapping[str, str] | None = None
) -> Facts:
    """Return the same of what is taken apart already."""
    manifest, parts, found, tags = anatomy.manifest, anatomy.parts, anatomy.found, anatomy.tags
    kind, shown = found.kind, found.part
    own = own_of(kind, found.material)
    read = [part.manifest for part in parts if part.manifest is not None]
    in_order = [shown, *(part for part in parts if part is not shown)]
    labels = _merged(part.config.labels for part in in_order)
    return Facts(
        kind=kind.name,
        kind_names=found.names,
        is_image=kind.is_image,
        role=role_of(kind, manifest),
        attachment=attachment_as(kind, manifest, tag=next(filter(subject_of_tag, tags), None)),
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
        created_at=created(_moments(shown, own, kind, base_labels or {}), now=now),
        platforms=_platforms(parts, shown, kind),
        **_running(shown),
        labels=masked_pairs(labels),
        inherited_labels=tuple(sorted(split_labels(labels, base_labels or {})[1])),
        annotations=masked_pairs(
            _merged(source for part in in_order for source in part.annotations)
        ),
        size_bytes=size_bytes_of(read),
        platform_sizes=_platform_sizes(parts),
        layers=_layers(manifest, read),
        layer_counts=_layer_counts(manifest, parts),
        children=_distinct(child.digest for child in manifest.children),
        warnings=_distinct(warning[:WARNING_MAX] for warning in anatomy.warnings)[:WARNINGS_MAX],
    )


def config_descriptor(manifest: Manifest, *, kinds: KindTable = BUILT_IN) -> Descriptor | None:
    """Return the config that is worth fetching, or None.

    Worth it are image configs, other JSON, and what a kind reads, of at most 4 MiB. The empty
    object is known without fetching it.
    """
    config = manifest.config
    if config is None or config.digest == _EMPTY_OBJECT or config.size_bytes > CONFIG_MAX:
        return None
    media_type = config.media_type.partition(";")[0].strip().lower()
    if media_type == media_types.EMPTY:
        return None
    is_json = media_type.endswith("+json") or media_type in ("", "application/json")
    return config if is_json or media_type in kinds.json_configs else None


def _distinct(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


class _Running(TypedDict):
    """The fields of :class:`Facts` about what runs, and how it was built."""

    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env_names: tuple[str, ...]
    env_values: Mapping[str, str]
    user: str
    history: tuple[HistoryEntry, ...]


def _running(part: Part) -> _Running:
    config = part.config
    return _Running(
        ports=config.ports,
        volumes=config.volumes,
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        env_names=config.env_names,
        env_values=config.versions,
        user=config.user,
        history=history_of(config.history, part.manifest.layers if part.manifest else ()),
    )


def _platforms(parts: Sequence[Part], shown: Part, kind: Kind) -> tuple[Platform, ...]:
    """Return the platforms of all parts, and what the config of a kind names as an image's does."""
    own = read_platform(shown.config.raw) if kind.has_platform else None
    named = [part.platform for part in parts if part.is_platform]
    return _distinct([*named, own if own is not None and own.is_real else None])


def _moments(part: Part, own: Own, kind: Kind, base_labels: Mapping[str, str]) -> Iterator[str]:
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


def size_bytes_of(manifests: Sequence[Manifest]) -> int:
    """Return what the distinct layers and configs of manifests take, compressed."""
    sizes: dict[Digest, int] = {}
    for manifest in manifests:
        for descriptor in (*manifest.layers, *((manifest.config,) if manifest.config else ())):
            sizes.setdefault(descriptor.digest, descriptor.size_bytes)
    return min(sum(sizes.values()), SIZE_MAX)


def _platform_sizes(parts: Sequence[Part]) -> dict[str, int]:
    """Return the size of each platform; of several children for one, clients take the first."""
    sizes: dict[str, int] = {}
    for part in parts:
        if part.manifest is not None and part.is_platform:
            sizes.setdefault(str(part.platform), size_bytes_of([part.manifest]))
    # Schema 1 does not know the sizes of its layers.
    return {platform: size for platform, size in sizes.items() if size}


def _layers(manifest: Manifest, parts: Sequence[Manifest]) -> tuple[Digest, ...]:
    if manifest.kind is not ManifestKind.INDEX:
        return tuple(layer.digest for layer in manifest.layers)
    return _distinct(layer.digest for part in parts for layer in part.layers)


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
