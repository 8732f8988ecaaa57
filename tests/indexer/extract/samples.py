"""Small builders of stored content, and the recorded images of ``tests/samples``."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer.extract import BUILT_IN, Facts, extract
from indexer.model import Content, media_types
from indexer.model.names import Digest, digest_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "samples"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def blob(layout: str, digest: str) -> bytes:
    """Return a blob of a recorded image layout."""
    algorithm, _, encoded = digest.partition(":")
    return (SAMPLES / "images" / layout / "blobs" / algorithm / encoded).read_bytes()


def recorded(layout: str, digest: str, content_type: str) -> Content:
    """Return a manifest or index of a recorded layout with everything that belongs to it."""
    body = blob(layout, digest)
    manifest = json.loads(body)
    return Content(
        digest=Digest(digest),
        content_type=content_type,
        body=body,
        config=blob(layout, manifest["config"]["digest"]) if "config" in manifest else None,
        children=tuple(
            recorded(layout, child["digest"], child["mediaType"])
            for child in manifest.get("manifests", ())
        ),
    )


def as_body(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()


def layer(name: str, size: int) -> dict[str, Any]:
    return {"mediaType": LAYER, "digest": digest_of(name.encode()), "size": size}


def image(
    config: Mapping[str, Any] | None = None,
    *,
    layers: Sequence[Mapping[str, Any]] = (),
    annotations: Mapping[str, str] | None = None,
    config_type: str = media_types.OCI_CONFIG,
    media_type: str = media_types.OCI_MANIFEST,
    **more: object,
) -> Content:
    """Return an image manifest with its config."""
    config_body = as_body({} if config is None else config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": config_type,
            "digest": digest_of(config_body),
            "size": len(config_body),
        },
        "layers": list(layers),
        **more,
    }
    if annotations is not None:
        manifest["annotations"] = dict(annotations)
    body = as_body(manifest)
    return Content(digest_of(body), media_type, body, config=config_body)


def labelled(labels: Mapping[str, Any], **config: object) -> Content:
    """Return an image whose config carries ``labels``."""
    return image({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}, **config})


def child(content: Content, platform: str = "", **more: object) -> dict[str, Any]:
    """Return the descriptor of a child; ``platform`` is ``os/architecture[/variant]``."""
    names = zip(("os", "architecture", "variant"), platform.split("/"), strict=False)
    descriptor = {
        "mediaType": content.content_type,
        "digest": content.digest,
        "size": len(content.body),
        **more,
    }
    return {**descriptor, "platform": dict(names)} if platform else descriptor


def index(
    descriptors: Sequence[Mapping[str, Any]],
    stored: Sequence[Content] = (),
    *,
    annotations: Mapping[str, str] | None = None,
    media_type: str = media_types.OCI_INDEX,
    **more: object,
) -> Content:
    """Return an index of ``descriptors``; ``stored`` are the children that were read."""
    body = as_body(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": list(descriptors),
            **({"annotations": dict(annotations)} if annotations else {}),
            **more,
        }
    )
    return Content(digest_of(body), media_type, body, children=tuple(stored))


def facts(content: Content) -> Facts:
    """Return what ``content`` means at the time of these tests."""
    return extract(content, now=NOW, kinds=BUILT_IN)
