"""What sort of thing a manifest or index is, and a readable name for a type nobody taught us."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.extract.kinds import UNKNOWN, Kind, KindTable, Material, plain_kind
from indexer.extract.parts import Part, documented
from indexer.extract.text import short_text
from indexer.model import Manifest, ManifestKind, media_types

_PREFIX = re.compile(r"application/(?:vnd\.)?")
_VERSION = re.compile(r"\.v[0-9].*", re.DOTALL)
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Classified:
    """The kind of an object with its artifact type and a readable name.

    ``part`` is the one that speaks for it, and ``material`` what that one says.
    """

    kind: Kind
    artifact_type: str
    artifact_name: str
    part: Part
    material: Material

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names by which it is asked for; an unknown type has its readable one too."""
        if self.kind is not UNKNOWN or not self.artifact_name:
            return self.kind.names
        own = _NAME.sub("-", self.artifact_name.lower()).strip("-")
        return (*self.kind.names, own) if own else self.kind.names


def classify(
    manifest: Manifest, parts: Sequence[Part], *, tags: Sequence[str], kinds: KindTable
) -> Classified:
    """Return what ``manifest`` is; ``parts`` are itself, or the platforms of an index.

    An index is of the kind of the part that speaks for it, unless it says otherwise itself. It is
    one of images unless it has an artifact type of its own or every child that could be read is an
    artifact.
    """
    speaking = documented(parts) or Part((manifest.annotations,))
    if manifest.kind is not ManifestKind.INDEX:
        material = _material(speaking, manifest, tags)
        kind = kinds.recognise(material) or plain_kind(manifest)
        opaque = "" if manifest.artifact_type else _opaque_type(manifest)
        return _named(kind, manifest.artifact_type, speaking, material, named_by=opaque)
    own_type = manifest.artifact_type
    kind_itself = kinds.recognise(
        Material(own_type, (manifest.annotations,), manifest.children, tags=tags)
    )
    material = _material(speaking, speaking.manifest, ())
    if kind_itself is not None or _is_own(own_type):
        return _named(kind_itself or UNKNOWN, own_type, speaking, material)
    return _classify_part(manifest, parts, speaking, kinds)


def artifact_name(media_type: str) -> str:
    """Return ``acme widget`` for ``application/vnd.acme.widget.config.v1+json``."""
    essence = media_type.partition(";")[0].strip()
    name = _PREFIX.sub("", essence, count=1)
    stem = _VERSION.sub("", name.partition("+")[0]).removesuffix(".config")
    return short_text(re.sub(r"[./]+", " ", stem or name))


def _classify_part(
    manifest: Manifest, parts: Sequence[Part], speaking: Part, kinds: KindTable
) -> Classified:
    """Return what an index is that says nothing itself: an image if any of its parts is one."""
    images = [part for part in parts if part.manifest is not None and part.manifest.is_image]
    first = documented(images) or speaking
    material = _material(first, first.manifest, ())
    kind = (kinds.recognise(material) if first.manifest else None) or plain_kind(
        first.manifest or manifest
    )
    artifact_type = first.manifest.artifact_type if first.manifest else ""
    return _named(kind, artifact_type, first, material)


def _material(part: Part, manifest: Manifest | None, tags: Sequence[str]) -> Material:
    return Material(
        artifact_type=manifest.artifact_type if manifest else "",
        annotations=part.annotations,
        layers=manifest.layers if manifest else (),
        labels=part.config.labels,
        platform=part.platform,
        tags=tags,
        config=part.config.raw,
    )


def _named(
    kind: Kind, artifact_type: str, part: Part, material: Material, *, named_by: str = ""
) -> Classified:
    own_type = artifact_type if _is_own(artifact_type) else ""
    name = artifact_name(own_type or named_by) if kind is UNKNOWN else kind.name.replace("-", " ")
    return Classified(
        kind=kind,
        artifact_type="" if kind.is_image else own_type,
        artifact_name="" if kind.name == "image" else name,
        part=part,
        material=material,
    )


def _is_own(artifact_type: str) -> bool:
    return bool(artifact_type) and artifact_type not in media_types.IMAGE_CONFIGS


def _opaque_type(manifest: Manifest) -> str:
    """Return the type of an unknown manifest where that type tells more than "some bytes"."""
    is_telling = manifest.media_type.startswith("application/vnd.")
    return manifest.media_type if manifest.kind is ManifestKind.OPAQUE and is_telling else ""
