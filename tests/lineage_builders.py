"""Images that are built on each other in ways that registries hold: compressed anew, relabelled."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.builders import Blob, BuiltManifest, digest_of


def recompressed(built: BuiltManifest, *layers: int) -> BuiltManifest:
    """Return an image with these layers compressed another way: other blobs, the same DiffIDs."""
    config, *blobs = built.blobs
    for place in layers:
        tar = gzip.decompress(blobs[place].body)
        blobs[place] = replace(blobs[place], body=gzip.compress(tar, compresslevel=1, mtime=1))
    return _rebuilt(built, config, blobs)


def relabelled(built: BuiltManifest, labels: Mapping[str, str]) -> BuiltManifest:
    """Return an image of the same layers with other labels."""
    changed = built.config
    changed["config"] = {**changed["config"], "Labels": dict(labels)}
    return _rebuilt(built, _config(built, changed), built.blobs[1:])


def with_layers(
    built: BuiltManifest, layers: Sequence[Blob], diff_ids: Sequence[str]
) -> BuiltManifest:
    """Return an image with other layers; the DiffIDs need not be those of the layers."""
    changed = built.config | {"rootfs": {"type": "layers", "diff_ids": list(diff_ids)}}
    return _rebuilt(built, _config(built, changed), layers)


def diff_ids(built: BuiltManifest) -> list[str]:
    """Return the DiffIDs in an image's config."""
    found: list[str] = built.config["rootfs"]["diff_ids"]
    return found


def layer_digests(built: BuiltManifest) -> list[str]:
    """Return the digests of an image's compressed layers."""
    return [blob.digest for blob in built.blobs[1:]]


def _config(built: BuiltManifest, changed: dict[str, Any]) -> Blob:
    return replace(built.blobs[0], body=json.dumps(changed, separators=(",", ":")).encode())


def _rebuilt(built: BuiltManifest, config: Blob, layers: Sequence[Blob]) -> BuiltManifest:
    blobs = (config, *layers)
    described = [
        {"mediaType": blob.media_type, "digest": blob.digest, "size": len(blob.body)}
        for blob in blobs
    ]
    body = built.json | {"config": described[0], "layers": described[1:]}
    encoded = json.dumps(body, separators=(",", ":")).encode()
    return replace(built, digest=digest_of(encoded), body=encoded, blobs=blobs)
