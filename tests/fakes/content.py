"""What a registry holds, in memory: blobs, and repositories with manifests and tags."""

import hashlib
from dataclasses import dataclass, field


def digest_of(body: bytes) -> str:
    """Return the sha256 digest of ``body``."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """One manifest as it was pushed."""

    digest: str
    media_type: str
    body: bytes


@dataclass(slots=True)
class Repository:
    """The content of one repository; ``blobs`` are the digests it may serve."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    had_manifest: bool = False

    def find(self, reference: str) -> StoredManifest | None:
        """Return the manifest that a tag or digest names."""
        return self.manifests.get(self.tags.get(reference, reference))

    def put(self, manifest: StoredManifest, *, tag: str = "") -> None:
        """Keep a manifest, and let ``tag`` point at it."""
        self.manifests[manifest.digest] = manifest
        self.had_manifest = True
        if tag:
            self.tags[tag] = manifest.digest

    def delete(self, digest: str) -> list[str]:
        """Remove a manifest and every tag that points at it; return those tags, sorted."""
        del self.manifests[digest]
        tags = sorted(tag for tag, target in self.tags.items() if target == digest)
        for tag in tags:
            del self.tags[tag]
        return tags


class Content:
    """All repositories of a registry, and the blobs that they share."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.repositories: dict[str, Repository] = {}

    def get(self, name: str) -> Repository:
        """Return a repository; an empty one, not kept, if it does not exist."""
        return self.repositories.get(name) or Repository()

    def create(self, name: str) -> Repository:
        """Return a repository; it is made if it does not exist."""
        return self.repositories.setdefault(name, Repository())

    def add_blob(self, name: str, body: bytes) -> str:
        """Keep a blob for a repository and return its digest."""
        digest = digest_of(body)
        self.blobs[digest] = body
        self.create(name).blobs.add(digest)
        return digest

    def blob(self, name: str, digest: str) -> bytes | None:
        """Return a blob, if this repository may serve it."""
        return self.blobs.get(digest) if digest in self.get(name).blobs else None

    def names(self, *, after: str = "", with_empty: bool) -> list[str]:
        """Return the repository names behind ``after``, in the catalog's order: by component.

        ``with_empty`` includes those that never had a manifest.
        """
        names = [
            name
            for name, repository in list(self.repositories.items())
            if with_empty or repository.had_manifest
        ]
        names.sort(key=in_catalog_order)
        return [name for name in names if in_catalog_order(name) > in_catalog_order(after)]


def in_catalog_order(name: str) -> list[str]:
    """Return the sort key of a name in the catalog."""
    return name.split("/") if name else []
