"""OCI image layouts on the disk, from which skopeo pushes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.builders import BuiltManifest

REF_NAME = "org.opencontainers.image.ref.name"
LAYOUT = {"imageLayoutVersion": "1.0.0"}


def write_layout(folder: Path, entries: Mapping[str, BuiltManifest]) -> None:
    """Write an image layout whose entries have these names; ``folder`` is made."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for built in entries.values():
        for digest, body in _contents(built):
            (blobs / digest.removeprefix("sha256:")).write_bytes(body)
    manifests = [_descriptor(name, built) for name, built in entries.items()]
    index = {"schemaVersion": 2, "manifests": manifests}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")
    (folder / "oci-layout").write_text(json.dumps(LAYOUT), "utf-8")


def _contents(built: BuiltManifest) -> Iterator[tuple[str, bytes]]:
    yield built.digest, built.body
    for blob in built.blobs:
        yield blob.digest, blob.body
    for child in built.children:
        yield from _contents(child)


def _descriptor(name: str, built: BuiltManifest) -> dict[str, object]:
    return {
        "mediaType": built.media_type,
        "digest": built.digest,
        "size": len(built.body),
        "annotations": {REF_NAME: name},
    }
