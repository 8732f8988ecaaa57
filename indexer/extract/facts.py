"""Stored bytes to facts: the one function that the rest of the indexer calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeVar

from indexer.extract.content import Content, Facts
from indexer.extract.created import created, parse_moment
from indexer.extract.fields import described, own_labels
from indexer.extract.image_config import CONFIG_MAX
from indexer.extract.kinds import kind_of
from indexer.extract.parts import Part, documented, parts_of
from indexer.model import media_types
from indexer.model.manifest import (
    PAIRS_MAX,
    WARNINGS_MAX,
    Descriptor,
    Manifest,
    ManifestKind,
    parse_manifest,
)
from indexer.model.names import Digest

EXTRACTOR_VERSION: int = 2
"""Goes up when the same bytes give other facts, so that documents are made again."""

SIZE_MAX = 2**63 - 1
"""What a database can hold; sizes in descriptors are claims."""
WARNING_MAX = 300
"""Characters of one warning."""

T = TypeVar("T")
_EMPTY_OBJECT = Digest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
_CREATED = "org.opencontainers.image.created"


def extract(
    content: Content, *, now: datetime, base_labels: Mapping[str, str] = MappingProxyType({})
) -> Facts:
    """Return what ``content`` means; never raises, whatever the bytes are.

    ``base_labels`` are those of its base: a label with such a key and value is inherited, and says
    nothing about this image. ``now`` is the time with its zone: creation times more than a day
    after it are not believed.
    """
    manifest = parse_manifest(content.body, content_type=content.content_type)
    warnings = list(manifest.warnings)
    parts = parts_of(content, manifest, warnings)
    shown = documented(parts) or Part((manifest.annotations,))
    read = [part.manifest for part in parts if part.manifest is not None]
    kind = kind_of(manifest, read)
    config = shown.config
    in_order = [shown, *(part for part in parts if part is not shown)]
    labels = _merged(part.config.labels for part in in_order)
    fields, inherited_fields = described(shown.annotations, config, base_labels)
    return Facts(
        kind=kind.kind,
        artifact_type=kind.artifact_type,
        artifact_name=kind.artifact_name,
        media_type=manifest.media_type,
        **fields,
        created_at=created(_moments(shown, base_labels), now=now),
        platforms=_distinct(part.platform for part in parts if part.is_platform),
        ports=config.ports,
        volumes=config.volumes,
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        env_names=config.env_names,
        user=config.user,
        labels=labels,
        annotations=_merged(source for part in in_order for source in part.annotations),
        size_bytes=_size_bytes(read),
        layers=_layers(manifest, read),
        children=_distinct(child.digest for child in manifest.children),
        warnings=_distinct(warning[:WARNING_MAX] for warning in warnings)[:WARNINGS_MAX],
        inherited_labels=tuple(k for k, value in labels.items() if base_labels.get(k) == value),
        inherited_fields=inherited_fields,
    )


def config_descriptor(manifest: Manifest) -> Descriptor | None:
    """Return the config that is worth fetching, or None.

    Worth it are image configs and other JSON of at most 4 MiB. The empty object is known without
    fetching it.
    """
    config = manifest.config
    if config is None or config.digest == _EMPTY_OBJECT or config.size_bytes > CONFIG_MAX:
        return None
    media_type = config.media_type.partition(";")[0].strip().lower()
    if media_type == media_types.EMPTY:
        return None
    is_json = media_type.endswith("+json") or media_type in ("", "application/json")
    return config if is_json else None


def _distinct(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _moments(part: Part, base_labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that may say when ``part`` was made, the most trusted first."""
    labels = own_labels(part.config.labels, base_labels)
    sources = (*part.annotations, labels)
    yield from (source.get(_CREATED, "") for source in sources)
    yield from (source.get("org.label-schema.build-date", "") for source in sources)
    yield part.config.created
    unknown = datetime.min.replace(tzinfo=UTC)
    yield from sorted(
        part.config.history_created,
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


def _size_bytes(manifests: Sequence[Manifest]) -> int:
    sizes: dict[Digest, int] = {}
    for manifest in manifests:
        for descriptor in (*manifest.layers, *((manifest.config,) if manifest.config else ())):
            sizes.setdefault(descriptor.digest, descriptor.size_bytes)
    return min(sum(sizes.values()), SIZE_MAX)


def _layers(manifest: Manifest, parts: Sequence[Manifest]) -> tuple[Digest, ...]:
    if manifest.kind is not ManifestKind.INDEX:
        return tuple(layer.digest for layer in manifest.layers)
    return _distinct(layer.digest for part in parts for layer in part.layers)
