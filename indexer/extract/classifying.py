"""What sort of thing a manifest is, and a readable name for a type that nobody taught us.

A kind of artifact that deserves more than its type's name is recognised in :func:`kind_of`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.extract.text import short_text
from indexer.model import media_types
from indexer.model.manifest import Manifest, ManifestKind

IMAGE = "image"
ARTIFACT = "artifact"

_PREFIX = re.compile(r"application/(?:vnd\.)?")
_VERSION = re.compile(r"\.v[0-9].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of an object with its artifact type and that type's readable name."""

    kind: str
    artifact_type: str = ""
    artifact_name: str = ""


def kind_of(manifest: Manifest, platforms: Sequence[Manifest] = ()) -> Kind:
    """Return what ``manifest`` is; ``platforms`` are the children of an index that could be read.

    An index is one of images unless it has an artifact type of its own or every child that could
    be read is an artifact.
    """
    if manifest.is_image:
        return Kind(IMAGE)
    artifact_type = manifest.artifact_type
    if manifest.kind is ManifestKind.INDEX and not _is_own(artifact_type):
        if not platforms or any(child.is_image for child in platforms):
            return Kind(IMAGE)
        artifact_type = platforms[0].artifact_type
    named_by = artifact_type or _opaque_type(manifest)
    return Kind(ARTIFACT, artifact_type, artifact_name(named_by))


def artifact_name(media_type: str) -> str:
    """Return ``acme widget`` for ``application/vnd.acme.widget.config.v1+json``."""
    essence = media_type.partition(";")[0].strip()
    name = _PREFIX.sub("", essence, count=1)
    stem = _VERSION.sub("", name.partition("+")[0]).removesuffix(".config")
    return short_text(re.sub(r"[./]+", " ", stem or name))


def _is_own(artifact_type: str) -> bool:
    return bool(artifact_type) and artifact_type not in media_types.IMAGE_CONFIGS


def _opaque_type(manifest: Manifest) -> str:
    """Return the type of an unknown manifest where that type tells more than "some bytes"."""
    is_telling = manifest.media_type.startswith("application/vnd.")
    return manifest.media_type if manifest.kind is ManifestKind.OPAQUE and is_telling else ""
