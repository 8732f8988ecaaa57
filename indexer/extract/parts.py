"""The manifests inside an index that are somebody's platform, with their configs read.

Attestations are about another manifest and are left out. A nested index is walked through; a
manifest without children is its own only part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexer.extract.attachments import read_listed_attachment
from indexer.extract.image_config import ImageConfig, read_image_config, read_schema1_config
from indexer.extract.kinds import KindTable
from indexer.model import (
    CHILDREN_MAX,
    Content,
    Descriptor,
    Digest,
    Manifest,
    ManifestKind,
    Platform,
    media_types,
)

DEPTH_MAX = 4
"""Levels of indexes that are walked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One manifest, or the descriptor of one that is not in the store (``manifest`` is None).

    ``annotations`` are its sources from the outermost index down to the manifest itself, each
    index followed by its descriptor of what is below.
    """

    annotations: tuple[Mapping[str, str], ...]
    platform: Platform | None = None
    manifest: Manifest | None = None
    config: ImageConfig = field(default_factory=ImageConfig)
    digest: Digest | None = None

    @property
    def is_platform(self) -> bool:
        """Whether this runs on a platform that is known."""
        return self.platform is not None and self.platform.is_real


def list_parts(content: Content, warnings: list[str], *, kinds: KindTable) -> list[Part]:
    """Return the parts of a manifest in index order; what is odd about them is noted.

    An index without any platform has none.
    """
    manifest = content.manifest
    if manifest.kind is ManifestKind.INDEX:
        walk = _Walk(warnings, kinds)
        walk.index(content, (manifest.annotations,), depth=1)
        if walk.missing:
            warnings.append(f"{walk.missing} children are not in the store")
        return walk.parts
    config = _read_config(content)
    warnings += config.warnings
    return [Part((manifest.annotations,), config.platform, manifest, config, content.digest)]


def documented(parts: Sequence[Part]) -> Part | None:
    """Return the part that speaks where the index is silent: linux/amd64, or the first platform.

    A part that is not in the store speaks only if no other can.
    """
    readable = [part for part in parts if part.manifest is not None] or list(parts)
    candidates = [part for part in readable if part.is_platform] or readable
    return next((part for part in candidates if _is_usual(part)), next(iter(candidates), None))


class _Walk:
    """Collects the parts of an index, at most 1,000 descriptors over all its levels.

    Each child is read once: an index may list the same one a thousand times on every level.
    """

    def __init__(self, warnings: list[str], kinds: KindTable) -> None:
        self.parts: list[Part] = []
        self.missing = 0
        self._warnings = warnings
        self._kinds = kinds
        self._remaining = CHILDREN_MAX
        self._read: dict[Digest, tuple[Content, ImageConfig]] = {}

    def index(
        self,
        content: Content,
        above: tuple[Mapping[str, str], ...],
        *,
        depth: int,
    ) -> None:
        stored = {child.digest: child for child in content.children}
        for descriptor in content.manifest.children:
            if read_listed_attachment(descriptor, kinds=self._kinds) is not None:
                continue
            if not self._remaining:
                self._warnings.append(f"more than {CHILDREN_MAX} children over all levels")
                return
            self._remaining -= 1
            child = stored.get(descriptor.digest)
            self._child(descriptor, child, (*above, descriptor.annotations), depth=depth)

    def _child(
        self,
        descriptor: Descriptor,
        content: Content | None,
        above: tuple[Mapping[str, str], ...],
        *,
        depth: int,
    ) -> None:
        if content is None:
            self.missing += 1
            self.parts.append(Part(above, descriptor.platform, digest=descriptor.digest))
            return
        content, config = self._read_once(content, descriptor.media_type)
        manifest = content.manifest
        above = (*above, manifest.annotations)
        if manifest.kind is not ManifestKind.INDEX:
            platform = _platform(descriptor.platform, config.platform)
            self.parts.append(Part(above, platform, manifest, config, content.digest))
        elif depth < DEPTH_MAX:
            self.index(content, above, depth=depth + 1)
        else:
            self._warnings.append(f"indexes are nested deeper than {DEPTH_MAX}")

    def _read_once(self, content: Content, media_type: str) -> tuple[Content, ImageConfig]:
        if content.digest not in self._read:
            if media_type not in ("", content.media_type, content.manifest.media_type):
                # The index says that it is something else than the registry did.
                content = replace(content, media_type=media_type)
            config = _read_config(content)
            self._warnings += (*content.manifest.warnings, *config.warnings)
            self._read[content.digest] = (content, config)
        return self._read[content.digest]


def _read_config(content: Content) -> ImageConfig:
    manifest = content.manifest
    if manifest.kind is ManifestKind.SCHEMA1:
        return read_schema1_config(content.body)
    if manifest.config is None or manifest.config.media_type == media_types.EMPTY:
        return ImageConfig()
    parsed = content.parsed_config
    if parsed is None:
        return ImageConfig()
    if parsed.error:
        return ImageConfig(warnings=(parsed.error,))
    # A descriptor without a media type is an image's until something says otherwise.
    if manifest.config.media_type in {*media_types.IMAGE_CONFIGS, ""}:
        return read_image_config(parsed.object)
    return ImageConfig(raw=parsed.object)


def _platform(named: Platform | None, built: Platform | None) -> Platform | None:
    """Return the platform that the index names, which is what clients choose by, or the config's.

    Many configs claim the platform of the machine that built them, so they fill gaps only.
    """
    if named is None or not named.is_real:
        return built
    if built is None or (built.os, built.architecture) != (named.os, named.architecture):
        return named
    return replace(
        named,
        variant=named.variant or built.variant,
        os_version=named.os_version or built.os_version,
    )


def _is_usual(part: Part) -> bool:
    platform = part.platform
    return platform is not None and (platform.os, platform.architecture) == ("linux", "amd64")
