"""What the layers of an image say about where it comes from. Pure.

The ChainID of a layer names everything up to it: the digest of the ChainID below and the layer's
own digest. One image is built on another when the ChainID of all layers of the other is that of
its own first layers. A chain is made of DiffIDs, the digests of uncompressed layers, which the
image config tells, so that the same layer compressed twice counts as one; or of the digests
of compressed layers, which the manifest tells, where the config is not there. The two kinds are
never compared with each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from indexer.errors import InvalidValueError
from indexer.model import (
    LAYERS_MAX,
    Content,
    Digest,
    Manifest,
    ManifestKind,
    digest_of,
    parse_digest,
    string_map,
)

EMPTY_DIFF_ID = Digest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
EMPTY_GZIP = Digest("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4")
_EMPTY_LAYERS = frozenset({EMPTY_DIFF_ID, EMPTY_GZIP})
_IN_TOTO = "application/vnd.in-toto"
_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"

KEY_DIGITS = 24
"""Hexadecimal digits of a ChainID that a document carries: 96 bits do not meet by chance."""


class ChainKind(StrEnum):
    """What a chain is made of."""

    DIFF = "diff"
    """DiffIDs."""
    BLOB = "blob"
    """Digests of compressed layers."""


class ChainFamily(StrEnum):
    """Whose chain one is: the first letter of how documents name it.

    Two images are compared by their DiffIDs, and by compressed layers only where one is *bare*:
    without a config that tells them. So the chains of both sorts are told apart.
    """

    DIFF = "d"
    BLOB = "b"
    """Compressed layers of an image that has DiffIDs too."""
    BARE = "c"
    """Compressed layers of an image that has no others."""
    ARTIFACT = "a"
    """The blobs of an artifact, which is built on nothing."""


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of one manifest, base first.

    ``blobs`` are the digests of the compressed layers. ``diff_ids`` are as many, or none where the
    config is missing or does not fit. ``is_image`` is False for artifacts, which are built on
    nothing.
    """

    blobs: tuple[Digest, ...]
    diff_ids: tuple[Digest, ...]
    is_image: bool

    def select(self, kind: ChainKind) -> tuple[Digest, ...]:
        """Return the layers that a chain of ``kind`` is made of."""
        return self.diff_ids if kind is ChainKind.DIFF else self.blobs

    def family(self, kind: ChainKind) -> ChainFamily:
        """Return whose chain of ``kind`` this is."""
        if kind is ChainKind.DIFF:
            return ChainFamily.DIFF
        if not self.is_image:
            return ChainFamily.ARTIFACT
        return ChainFamily.BLOB if self.diff_ids else ChainFamily.BARE


def read_layers(manifest: Manifest, config: Mapping[str, object]) -> Layers | None:
    """Return the layers of a manifest with this config, None where it has none.

    An attestation inside an index is shaped like an image; its statements are no layers.
    """
    blobs = tuple(layer.digest for layer in manifest.layers)
    if not blobs or _is_attestation(manifest):
        return None
    is_image = manifest.is_image
    has_config = is_image and manifest.kind is ManifestKind.IMAGE
    diff_ids = _diff_ids(config) if has_config else ()
    return Layers(blobs, diff_ids if len(diff_ids) == len(blobs) else (), is_image)


def chain_ids(layers: Iterable[Digest]) -> tuple[Digest, ...]:
    """Return the ChainID of the first layer, of the first two, and so on to that of all."""
    found: list[Digest] = []
    for layer in layers:
        found.append(digest_of(f"{found[-1]} {layer}".encode()) if found else layer)
    return tuple(found)


def is_empty_layer(layer: Digest) -> bool:
    """Tell whether a layer is the empty one, compressed or not: it makes no base."""
    return layer in _EMPTY_LAYERS


def config_labels(config: Mapping[str, object]) -> Mapping[str, str]:
    """Return the labels in a config."""
    run = _get(config, "config")
    return string_map(_get(run, "Labels") if isinstance(run, dict) else None, "Labels", [])


def inherited_labels(
    labels: Mapping[str, str], bases: Iterable[Mapping[str, str]]
) -> dict[str, str]:
    """Return the labels of an image whose key and value are those of one of its bases.

    Several bases are images of the same layers with different labels: any may be the one that
    was built on.
    """
    pairs = {pair for base in bases for pair in base.items()}
    return {key: value for key, value in labels.items() if (key, value) in pairs}


def chain_key(family: ChainFamily, chain_id: Digest) -> str:
    """Return how documents name a chain."""
    return f"{family}{chain_id.partition(':')[2][:KEY_DIGITS].lower()}"


def chain_keywords(content: Content) -> set[tuple[str, str]]:
    """Return the chains of an image, or of every manifest in an index, as keywords.

    ``chain`` are the whole ones, ``below`` all that they begin with. They follow from the content
    alone: what is known of its bases, now or later, does not change them.
    """
    found: set[tuple[str, str]] = set()
    for one in _manifests(content, {}):
        layers = read_layers(one.manifest, one.parsed_config.object if one.parsed_config else {})
        if layers is None:
            continue
        for kind in ChainKind:
            family = layers.family(kind)
            keys = [chain_key(family, chain_id) for chain_id in chain_ids(layers.select(kind))]
            found.update(("below", key) for key in keys[:-1])
            found.update(("chain", key) for key in keys[-1:])
    return found


def _is_attestation(manifest: Manifest) -> bool:
    if manifest.artifact_type == _ATTESTATION:
        return True
    return all(layer.media_type.startswith(_IN_TOTO) for layer in manifest.layers)


def _diff_ids(config: Mapping[str, object]) -> tuple[Digest, ...]:
    """Return the DiffIDs in a config; none if one is malformed."""
    rootfs = _get(config, "rootfs")
    texts = _get(rootfs, "diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(texts, list) or len(texts) > LAYERS_MAX:
        return ()
    try:
        return tuple(parse_digest(text if isinstance(text, str) else "") for text in texts)
    except InvalidValueError:
        return ()


def _get(data: Mapping[str, object], key: str) -> object:
    """Return a value by its key, in any case if it is not there as it is."""
    if key in data:
        return data[key]
    return next((value for found, value in data.items() if found.lower() == key.lower()), None)


def _manifests(content: Content, seen: dict[Digest, Content]) -> Iterator[Content]:
    """Yield a manifest and all below it, each once."""
    if content.digest not in seen:
        seen[content.digest] = content
        yield content
        for child in content.children:
            yield from _manifests(child, seen)
