"""Manifests, indexes and artifacts as frozen values, read by shape where the type is unknown.

A field of the wrong type is dropped and noted, never an error: what a registry holds is what
somebody pushed.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model import media_types
from indexer.model.json_object import parse_json_object
from indexer.model.names import Digest, can_verify, digest_of, parse_digest

LAYERS_MAX = 1_000
CHILDREN_MAX = 1_000
PAIRS_MAX = 1_000
KEY_MAX = 1_024
VALUE_MAX = 64 * 1_024
DATA_MAX = 256 * 1_024
"""Characters of content inside a descriptor, in base64."""
WARNINGS_MAX = 100
RECENT_BODIES = 128
"""Bodies that are kept parsed."""
RECENT_BYTES_MAX = 32 * 1_024
"""Bytes of a body that is kept parsed."""


class ManifestKind(StrEnum):
    """The shapes a manifest can have."""

    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"
    SCHEMA1 = "schema1"
    OPAQUE = "opaque"


_KIND_OF_TYPE = {
    media_types.OCI_INDEX: ManifestKind.INDEX,
    media_types.DOCKER_LIST: ManifestKind.INDEX,
    media_types.OCI_MANIFEST: ManifestKind.IMAGE,
    media_types.DOCKER_MANIFEST: ManifestKind.IMAGE,
    media_types.OCI_ARTIFACT: ManifestKind.ARTIFACT,
    media_types.ORAS_ARTIFACT: ManifestKind.ARTIFACT,
    media_types.SCHEMA1: ManifestKind.SCHEMA1,
    media_types.SCHEMA1_SIGNED: ManifestKind.SCHEMA1,
}
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"
# What container engines accept in the name of a platform.
_PLATFORM_PART = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and variant, normalised for search.

    ``original`` is how it was written, where that is another way.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    original: str = field(default="", compare=False)

    @property
    def is_real(self) -> bool:
        """Whether this names a platform at all; attestations carry ``unknown/unknown``."""
        return bool(self.os and self.architecture) and "unknown" not in (self.os, self.architecture)

    def __str__(self) -> str:
        """Return ``os/architecture[/variant]``, with the version of Windows behind a colon."""
        name = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        return f"{name}:{self.os_version}" if self.os_version and self.os == "windows" else name


def normalised_platform(
    os: str, architecture: str, variant: str = "", os_version: str = ""
) -> Platform:
    """Return the platform in the spelling that search uses: ``x86_64`` is ``amd64``."""
    original = "/".join(part for part in (os, architecture, variant) if part)
    architecture = _ARCHITECTURES.get(architecture.lower(), architecture.lower())
    variant = variant.lower()
    if architecture == "arm64" and variant in ("v8", "8"):
        variant = ""
    name = "/".join(part for part in (os.lower(), architecture, variant) if part)
    return Platform(
        os.lower(), architecture, variant, os_version, "" if original == name else original
    )


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content: media type, digest, size in bytes, and optional extras.

    ``size_bytes`` is what the descriptor claims; None where it claims nothing, or no size.
    ``data`` is the content itself, where the descriptor carries it and the digest says so.
    """

    media_type: str
    digest: Digest
    size_bytes: int | None
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    data: bytes = field(default=b"", repr=False)

    @property
    def is_attestation(self) -> bool:
        """Whether an index carries this child about another one, not as a platform."""
        if self.platform is not None and "unknown" in (
            self.platform.os,
            self.platform.architecture,
        ):
            return True
        return self.artifact_type == _ATTESTATION or bool(
            self.annotations.get("vnd.docker.reference.type")
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag or digest resolves to, of any kind."""

    kind: ManifestKind
    media_type: str
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether this is a runnable image by its config's type; some artifacts pose as one."""
        if self.kind is ManifestKind.SCHEMA1:
            return True
        if self.kind is not ManifestKind.IMAGE:
            return False
        if self.artifact_type:
            return self.artifact_type in media_types.IMAGE_CONFIGS
        return self.config is None or self.config.media_type != media_types.EMPTY


def parse_body(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a manifest or config, which nobody may change.

    A refresh stores a body, and a moment later another thread extracts it: one of usual size is
    then not parsed again.
    """
    return recent_bodies(body) if len(body) <= RECENT_BYTES_MAX else parse_json_object(body)


recent_bodies = lru_cache(maxsize=RECENT_BODIES)(parse_json_object)
"""The bodies of usual size that were parsed last; it counts how many were parsed."""


def parse_manifest(body: bytes, *, media_type: str = "", content_type: str = "") -> Manifest:
    """Return what ``body`` is.

    ``media_type`` is that of the descriptor it was reached through (trusted, the digest matched);
    ``content_type`` is the answer's header. A body that is not a JSON object is *opaque*: it is
    kept and found by name, tag and digest.
    """
    header_type = content_type[:KEY_MAX].partition(";")[0].strip().lower()
    try:
        data = parse_body(body)
    except InvalidValueError as error:
        known = media_type or header_type or media_types.OCTET_STREAM
        return Manifest(kind=ManifestKind.OPAQUE, media_type=known, warnings=(str(error),))
    warnings: list[str] = []
    body_type = _text(data, "mediaType", warnings)
    if body_type and header_type and body_type != header_type and not media_type:
        warnings.append(f"mediaType {body_type[:200]!r} but Content-Type {header_type[:200]!r}")
    declared = media_type or body_type or header_type
    kind = _KIND_OF_TYPE.get(declared) or _kind_by_shape(data)
    if kind is not ManifestKind.OPAQUE and not declared.startswith("application/vnd."):
        declared = _DEFAULT_TYPES[kind]
    has_config = kind in (ManifestKind.IMAGE, ManifestKind.OPAQUE)
    config = _descriptor(data.get("config"), "config", warnings) if has_config else None
    annotations = string_map(data.get("annotations"), "annotations", warnings)
    return Manifest(
        kind=kind,
        media_type=declared or media_types.OCTET_STREAM,
        artifact_type=_artifact_type(
            data, config, annotations if kind is ManifestKind.INDEX else {}, warnings
        ),
        config=config,
        layers=_layers(data, kind, warnings),
        children=_descriptors(data, "manifests", CHILDREN_MAX, warnings)
        if kind is ManifestKind.INDEX
        else (),
        subject=_descriptor(data.get("subject"), "subject", warnings),
        annotations=annotations,
        warnings=tuple(warnings[:WARNINGS_MAX]),
    )


_DEFAULT_TYPES = {
    ManifestKind.IMAGE: media_types.OCI_MANIFEST,
    ManifestKind.INDEX: media_types.OCI_INDEX,
    ManifestKind.ARTIFACT: media_types.OCI_ARTIFACT,
    ManifestKind.SCHEMA1: media_types.SCHEMA1,
}


def string_map(value: Any, name: str, warnings: list[str]) -> dict[str, str]:
    """Return the pairs of text in a JSON value, within the limits; the rest is noted."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        warnings.append(f"{name} is not an object")
        return {}
    pairs = {
        key: text[:VALUE_MAX]
        for key, text in value.items()
        if isinstance(text, str) and 0 < len(key) <= KEY_MAX
    }
    if len(pairs) < len(value):
        warnings.append(f"{name}: {len(value) - len(pairs)} pairs are not text or too long")
    if len(pairs) > PAIRS_MAX:
        warnings.append(f"{name}: {len(pairs)} pairs, kept {PAIRS_MAX}")
        pairs = dict(list(pairs.items())[:PAIRS_MAX])
    return pairs


def _kind_by_shape(data: Mapping[str, Any]) -> ManifestKind:
    if isinstance(data.get("manifests"), list):
        return ManifestKind.INDEX
    if isinstance(data.get("layers"), list) or isinstance(data.get("config"), dict):
        return ManifestKind.IMAGE
    if isinstance(data.get("fsLayers"), list):
        return ManifestKind.SCHEMA1
    if isinstance(data.get("blobs"), list):
        return ManifestKind.ARTIFACT
    return ManifestKind.OPAQUE


def _artifact_type(
    data: Mapping[str, Any],
    config: Descriptor | None,
    index_annotations: Mapping[str, str],
    warnings: list[str],
) -> str:
    own = _text(data, "artifactType", warnings)
    if own:
        return own
    if config is not None and config.media_type != media_types.EMPTY:
        return config.media_type
    return index_annotations.get("org.opencontainers.artifactType", "")[:KEY_MAX]


def _text(data: Mapping[str, Any], key: str, warnings: list[str]) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > KEY_MAX:
        warnings.append(f"{key} is not a short text")
        return ""
    return value


def _layers(
    data: Mapping[str, Any], kind: ManifestKind, warnings: list[str]
) -> tuple[Descriptor, ...]:
    """Return the layers, base first; schema 1 lists them newest first and without sizes."""
    if kind is ManifestKind.INDEX:
        return ()
    if kind is not ManifestKind.SCHEMA1:
        key = "blobs" if kind is ManifestKind.ARTIFACT else "layers"
        return _descriptors(data, key, LAYERS_MAX, warnings)
    entries = data.get("fsLayers")
    if not isinstance(entries, list):
        return ()
    as_descriptors = [
        {"mediaType": media_types.DOCKER_LAYER, "digest": entry.get("blobSum")}
        for entry in reversed(entries)
        if isinstance(entry, dict)
    ]
    return _descriptors({"fsLayers": as_descriptors}, "fsLayers", LAYERS_MAX, warnings)


def _descriptors(
    data: Mapping[str, Any], key: str, limit: int, warnings: list[str]
) -> tuple[Descriptor, ...]:
    values = data.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        warnings.append(f"{key} is not a list")
        return ()
    if len(values) > limit:
        warnings.append(f"{key}: {len(values)} entries, kept {limit}")
    found = (_descriptor(value, key, warnings) for value in values[:limit])
    return tuple(descriptor for descriptor in found if descriptor is not None)


def _descriptor(value: Any, name: str, warnings: list[str]) -> Descriptor | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        warnings.append(f"{name} is not an object")
        return None
    text = value.get("digest")
    try:
        digest = parse_digest(text if isinstance(text, str) else "")
    except InvalidValueError as error:
        warnings.append(f"{name}: {error}")
        return None
    return Descriptor(
        media_type=_text(value, "mediaType", warnings),
        digest=digest,
        size_bytes=_size(value.get("size")),
        platform=read_platform(value.get("platform")),
        annotations=string_map(value.get("annotations"), f"{name} annotations", warnings),
        artifact_type=_text(value, "artifactType", warnings),
        data=_data(value.get("data"), digest) if "data" in value else b"",
    )


def _data(value: Any, digest: Digest) -> bytes:
    """Return the content inside a descriptor; nothing where it is not what the digest names."""
    if not isinstance(value, str) or len(value) > DATA_MAX or not can_verify(digest):
        return b""
    try:
        content = b64decode(value, validate=True)
    except ValueError:
        return b""
    return content if digest_of(content, algorithm=digest.partition(":")[0]) == digest else b""


def _size(value: Any) -> int | None:
    is_size = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if is_size else None


def read_platform(value: Any) -> Platform | None:
    """Return the platform in a JSON object's ``os``, ``architecture``, ``variant``, ``os.version``.

    None where it names nothing; a part that no engine would accept is left out.
    """
    if not isinstance(value, dict):
        return None
    texts = [
        text if isinstance(text := value.get(key), str) and _PLATFORM_PART.fullmatch(text) else ""
        for key in ("os", "architecture", "variant", "os.version")
    ]
    return normalised_platform(*texts) if any(texts) else None
