"""Content as a refresh hands it to the store."""

from dataclasses import dataclass

from indexer.model.manifest import Manifest
from indexer.model.names import Digest


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest as a registry answered it, with what it was parsed to."""

    digest: Digest
    content_type: str
    body: bytes
    manifest: Manifest
    config_digest: Digest | None
    """The config worth keeping, None where there is none."""


@dataclass(frozen=True, slots=True)
class ReadContent:
    """Content that one refresh read and that the store did not have."""

    manifests: tuple[ReadManifest, ...] = ()
    configs: tuple[tuple[Digest, bytes], ...] = ()
