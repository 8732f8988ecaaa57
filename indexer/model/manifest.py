"""Manifests, indexes and artifacts as frozen values, read by shape where the type is unknown.

A field of the wrong type is dropped and noted, never an error: what a registry holds is what
somebody pushed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from indexer.errors import InvalidValueError
from indexer.model import media_types
from indexer.model.names import Digest, parse_digest

LAYERS_MAX = 1_000
CHILDREN_MAX = 1_000
PAIRS_MAX = 1_000
KEY_MAX = 1_024
VALUE_MAX = 64 * 1_024
JSON_DEPTH_MAX = 64


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


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and variant, normalised for search."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

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
    architecture = _ARCHITECTURES.get(architecture.lower(), architecture.lower())
    if (architecture, variant) == ("arm64", "v8"):
        variant = ""
    return Platform(os.lower(), architecture, variant.lower(), os_version)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content: media type, digest, size in bytes, and optional extras."""

    media_type: str
    digest: Digest
    size_bytes: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""

    @property
    def is_attestation(self) -> bool:
        """Whether an index carries this child about another one, not as a platform."""
        if self.platform is not None and "unknown" in (
            self.platform.os,
            self.platform.architecture,
        ):
            return True
        return bool(self.annotations.get("vnd.docker.reference.type"))


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
        return self.kind is ManifestKind.IMAGE and (
            self.artifact_type in media_types.IMAGE_CONFIGS or not self.artifact_type
        )


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; :class:`InvalidValueError` for anything else.

    Nesting deeper than 64 is refused before it is parsed, by counting brackets, so that hostile
    input cannot exhaust the stack.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"not UTF-8: {error}") from error
    if _bracket_depth(text) > JSON_DEPTH_MAX:
        raise InvalidValueError(f"JSON nested deeper than {JSON_DEPTH_MAX}")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidValueError(f"a JSON {type(value).__name__} instead of an object")
    return value


def parse_manifest(body: bytes, *, media_type: str = "", content_type: str = "") -> Manifest:
    """Return what ``body`` is.

    ``media_type`` is that of the descriptor it was reached through (trusted, the digest matched);
    ``content_type`` is the answer's header. A body that is not a JSON object is *opaque*: it is
    kept and found by name, tag and digest.
    """
    header_type = content_type.partition(";")[0].strip().lower()
    try:
        data = parse_json_object(body)
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
    config = _descriptor(data.get("config"), "config", warnings)
    layers_key = {ManifestKind.ARTIFACT: "blobs", ManifestKind.SCHEMA1: ""}.get(kind, "layers")
    annotations = string_map(data.get("annotations"), "annotations", warnings)
    return Manifest(
        kind=kind,
        media_type=declared or media_types.OCTET_STREAM,
        artifact_type=_artifact_type(data, config, annotations, warnings),
        config=config,
        layers=_descriptors(data, layers_key, LAYERS_MAX, warnings),
        children=_descriptors(
            data, "manifests" if kind is ManifestKind.INDEX else "", CHILDREN_MAX, warnings
        ),
        subject=_descriptor(data.get("subject"), "subject", warnings),
        annotations=annotations,
        warnings=tuple(warnings),
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


def _bracket_depth(text: str) -> int:
    """Return the deepest nesting of brackets outside of strings, at most one over the limit."""
    if text.count("{") + text.count("[") <= JSON_DEPTH_MAX:
        return 0
    depth = deepest = 0
    inside = escaped = False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > JSON_DEPTH_MAX:
                break
        elif character in "}]":
            depth -= 1
    return deepest


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
    annotations: Mapping[str, str],
    warnings: list[str],
) -> str:
    own = _text(data, "artifactType", warnings)
    if own:
        return own
    if config is not None and config.media_type != media_types.EMPTY:
        return config.media_type
    return annotations.get("org.opencontainers.artifactType", "")


def _text(data: Mapping[str, Any], key: str, warnings: list[str]) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > KEY_MAX:
        warnings.append(f"{key} is not a short text")
        return ""
    return value


def _descriptors(
    data: Mapping[str, Any], key: str, limit: int, warnings: list[str]
) -> tuple[Descriptor, ...]:
    values = data.get(key) if key else None
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
        platform=_platform(value.get("platform")),
        annotations=string_map(value.get("annotations"), f"{name} annotations", warnings),
        artifact_type=_text(value, "artifactType", warnings),
    )


def _size(value: Any) -> int:
    is_size = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if is_size else 0


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict):
        return None
    texts = [
        text[:128] if isinstance(text := value.get(key), str) else ""
        for key in ("os", "architecture", "variant", "os.version")
    ]
    return normalised_platform(*texts) if any(texts) else None
