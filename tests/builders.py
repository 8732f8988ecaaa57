"""Valid registry content with correct digests, small and the same for the same arguments.

What an image is made of follows from its arguments alone, so that two calls with one ``seed``
share their layers, as two images built on one base do.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.model import media_types
from tests.fakes.content import digest_of
from tests.fakes.events import delete_event, envelope, push_event

__all__ = [
    "EMPTY_CONFIG",
    "Blob",
    "BuiltManifest",
    "artifact",
    "delete_event",
    "digest_of",
    "envelope",
    "helm_chart",
    "image",
    "index",
    "push_event",
]

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_FILE = "application/vnd.oci.image.layer.v1.tar"
IN_TOTO = "application/vnd.in-toto+json"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CREATED = "2026-01-02T03:04:05Z"
SPDX_PREDICATE = "https://spdx.dev/Document"
PROVENANCE_PREDICATE = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True, slots=True)
class Blob:
    """Some content with its media type."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        """Return the sha256 digest of the body."""
        return digest_of(self.body)


@dataclass(frozen=True, slots=True)
class BuiltManifest:
    """A manifest with everything it points to: blobs (config first) and child manifests."""

    digest: str
    media_type: str
    body: bytes
    blobs: tuple[Blob, ...] = ()
    children: tuple["BuiltManifest", ...] = ()

    @property
    def json(self) -> dict[str, Any]:
        """Return the parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def config(self) -> dict[str, Any]:
        """Return the parsed config blob; ``{}`` if there is none."""
        parsed: dict[str, Any] = json.loads(self.blobs[0].body) if self.blobs else {}
        return parsed


EMPTY_CONFIG = Blob(media_types.EMPTY, b"{}")


def image(
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    os: str = "linux",
    architecture: str = "amd64",
    variant: str = "",
    os_version: str = "",
    layers: int = 2,
    created: str = CREATED,
    seed: str = "",
    docker: bool = False,
    env: Sequence[str] = ("PATH=/usr/local/bin:/usr/bin:/bin",),
    ports: Sequence[str] = (),
    entrypoint: Sequence[str] = (),
    cmd: Sequence[str] = (),
    volumes: Sequence[str] = (),
    user: str = "",
    base: BuiltManifest | None = None,
    commands: Sequence[str] = (),
    sizes: Sequence[int] = (),
) -> BuiltManifest:
    """Return an image manifest with its config and gzip layers.

    ``layers`` counts the layers it adds to those of ``base``. Their content follows from ``seed``
    and the platform. ``commands`` are the steps that made it: ``RUN``, ``COPY`` and ``ADD`` make
    the layers, others none. ``sizes`` are about the compressed bytes of the layers.
    ``docker`` makes a schema 2 manifest, which cannot carry annotations.
    """
    if docker and annotations:
        raise ValueError("a Docker manifest has no annotations")
    if commands:
        layers = sum(map(_makes_layer, commands))
    tars = [
        _layer_tar(
            f"{os}/{architecture}{variant}/{seed}/{number}",
            size=sizes[number] if number < len(sizes) else 0,
        )
        for number in range(layers)
    ]
    layer_type = DOCKER_LAYER if docker else OCI_LAYER
    below = base.blobs[1:] if base else ()
    layer_blobs = (*below, *(Blob(layer_type, gzip.compress(tar, mtime=0)) for tar in tars))
    settings: dict[str, Any] = {
        "Env": list(env) or None,
        "Entrypoint": list(entrypoint) or None,
        "ExposedPorts": {port: {} for port in ports} or None,
        "Labels": dict(labels or {}) or None,
        "User": user or None,
        "Cmd": list(cmd) or None,
        "Volumes": {volume: {} for volume in volumes} or None,
    }
    config = _image_config(tars, base=base, created=created, commands=commands) | {
        "architecture": architecture,
        "os": os,
        "config": {key: value for key, value in settings.items() if value is not None},
    }
    if variant:
        config["variant"] = variant
    if os_version:
        config["os.version"] = os_version
    config_type = media_types.DOCKER_CONFIG if docker else media_types.OCI_CONFIG
    blobs = (Blob(config_type, _json(config)), *layer_blobs)
    body = _image_body(blobs) | ({"annotations": dict(annotations)} if annotations else {})
    return _built(
        media_types.DOCKER_MANIFEST if docker else media_types.OCI_MANIFEST, body, blobs=blobs
    )


def index(
    children: Sequence[BuiltManifest],
    *,
    annotations: Mapping[str, str] | None = None,
    attestations: bool = False,
    docker: bool = False,
) -> BuiltManifest:
    """Return an index (``docker``: a manifest list) of ``children`` with their platforms.

    ``attestations`` adds one child for each image, as BuildKit does: platform
    ``unknown/unknown``, an SBOM and a provenance statement as layers.
    """
    if docker and (annotations or attestations):
        raise ValueError("a Docker manifest list has no annotations")
    descriptors = [_descriptor(child) | _platform(child) for child in children]
    attached = [_attestation(child) for child in children] if attestations else []
    for child, attestation in zip(children, attached, strict=False):
        descriptors.append(_attestation_descriptor(child, attestation))
    body: dict[str, Any] = {"schemaVersion": 2, "manifests": descriptors}
    if annotations:
        body["annotations"] = dict(annotations)
    return _built(
        media_types.DOCKER_LIST if docker else media_types.OCI_INDEX,
        body,
        children=(*children, *attached),
    )


def artifact(
    artifact_type: str,
    files: Mapping[str, bytes] | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
    config: Blob | None = None,
    file_type: str = OCI_FILE,
    subject: BuiltManifest | None = None,
) -> BuiltManifest:
    """Return an artifact as oras makes it: one layer for each file, titled with its name.

    Without ``config`` it is the empty one. An empty ``artifact_type`` is left out, as tools do
    that tell their artifacts by the config's type. ``subject`` makes it a referrer.
    """
    config = config or EMPTY_CONFIG
    blobs = (config, *(Blob(file_type, body) for body in files.values())) if files else (config,)
    # A manifest without layers would be refused by many registries: oras puts the empty one in.
    body = _image_body(blobs if files else (config, EMPTY_CONFIG))
    for descriptor, name in zip(body["layers"], files or {}, strict=False):
        descriptor["annotations"] = {"org.opencontainers.image.title": name}
    if artifact_type:
        body["artifactType"] = artifact_type
    if subject:
        body["subject"] = _descriptor(subject)
    body["annotations"] = dict(annotations or {"org.opencontainers.image.created": CREATED})
    if not files and config != EMPTY_CONFIG:
        blobs = (config, EMPTY_CONFIG)
    return _built(media_types.OCI_MANIFEST, body, blobs=blobs)


def helm_chart(
    name: str,
    version: str,
    description: str = "",
    *,
    app_version: str = "",
    keywords: Sequence[str] = (),
    home: str = "",
    sources: Sequence[str] = (),
    maintainers: Sequence[str] = (),
    deprecated: bool = False,
    kube_version: str = "",
) -> BuiltManifest:
    """Return a Helm chart as ``helm push`` makes it: the config is Chart.yaml as JSON."""
    chart = {
        "apiVersion": "v2",
        "type": "application",
        "name": name,
        "version": version,
        "description": description,
        "appVersion": app_version,
        "keywords": list(keywords),
        "home": home,
        "sources": list(sources),
        "maintainers": [{"name": maintainer} for maintainer in maintainers],
        "deprecated": deprecated,
        "kubeVersion": kube_version,
    }
    chart = {key: value for key, value in chart.items() if value}
    archive = Blob(HELM_CHART, gzip.compress(_tar(f"{name}/Chart.yaml", _json(chart)), mtime=0))
    blobs = (Blob(HELM_CONFIG, _json(chart)), archive)
    annotations = {
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.description": description,
        "org.opencontainers.image.url": home,
    }
    body = _image_body(blobs)
    body["annotations"] = {key: value for key, value in annotations.items() if value}
    return _built(media_types.OCI_MANIFEST, body, blobs=blobs)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _tar(name: str, content: bytes) -> bytes:
    """Return a tar archive of one file, without any date."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _layer_tar(identity: str, *, size: int = 0) -> bytes:
    # Bytes that do not compress, and the same at each call.
    content = hashlib.shake_256(identity.encode()).digest(size)
    return _tar("etc/layer", identity.encode() + content)


def _makes_layer(command: str) -> bool:
    return command.startswith(("RUN ", "COPY ", "ADD "))


def _image_config(
    tars: Iterable[bytes],
    *,
    base: BuiltManifest | None,
    created: str,
    commands: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the part of an image config about layers, those of ``base`` first."""
    below: dict[str, Any] = base.config if base else {"rootfs": {"diff_ids": []}, "history": []}
    diff_ids = [digest_of(tar) for tar in tars]
    history: list[dict[str, Any]] = [
        {"created": created, "created_by": f"COPY layer {number} / # buildkit"}
        for number, _ in enumerate(diff_ids)
    ]
    if commands:
        history = [
            {"created": created, "created_by": f"{command} # buildkit"}
            | ({} if _makes_layer(command) else {"empty_layer": True})
            for command in commands
        ]
    return {
        "created": created,
        "rootfs": {"type": "layers", "diff_ids": [*below["rootfs"]["diff_ids"], *diff_ids]},
        "history": [*below["history"], *history],
    }


def _blob_descriptor(blob: Blob) -> dict[str, Any]:
    descriptor = {"mediaType": blob.media_type, "digest": blob.digest, "size": len(blob.body)}
    if blob == EMPTY_CONFIG:
        descriptor["data"] = base64.b64encode(blob.body).decode()
    return descriptor


def _descriptor(built: BuiltManifest) -> dict[str, Any]:
    return {"mediaType": built.media_type, "digest": built.digest, "size": len(built.body)}


def _image_body(blobs: Sequence[Blob]) -> dict[str, Any]:
    config, *layers = blobs
    return {
        "schemaVersion": 2,
        "config": _blob_descriptor(config),
        "layers": [_blob_descriptor(layer) for layer in layers],
    }


def _built(
    media_type: str,
    body: dict[str, Any],
    *,
    blobs: tuple[Blob, ...] = (),
    children: tuple[BuiltManifest, ...] = (),
) -> BuiltManifest:
    encoded = _json({"schemaVersion": 2, "mediaType": media_type} | body)
    return BuiltManifest(digest_of(encoded), media_type, encoded, blobs, children)


def _platform(child: BuiltManifest) -> dict[str, Any]:
    """Return the platform entry of an image's descriptor; nothing for other children."""
    if not child.blobs or child.blobs[0].media_type not in media_types.IMAGE_CONFIGS:
        return {}
    config = child.config
    keys = ("architecture", "os", "os.version", "variant")
    return {"platform": {key: config[key] for key in keys if key in config}}


def _attestation(child: BuiltManifest) -> BuiltManifest:
    """Return BuildKit's attestation manifest about ``child``."""
    subject = [{"name": "_", "digest": {"sha256": child.digest.removeprefix("sha256:")}}]
    statements = [
        Blob(IN_TOTO, _json({"predicateType": predicate, "subject": subject, "predicate": {}}))
        for predicate in (SPDX_PREDICATE, PROVENANCE_PREDICATE)
    ]
    config = {
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [statement.digest for statement in statements]},
    }
    blobs = (Blob(media_types.OCI_CONFIG, _json(config)), *statements)
    body = _image_body(blobs)
    for layer, predicate in zip(
        body["layers"], (SPDX_PREDICATE, PROVENANCE_PREDICATE), strict=True
    ):
        layer["annotations"] = {"in-toto.io/predicate-type": predicate}
    return _built(media_types.OCI_MANIFEST, body, blobs=blobs)


def _attestation_descriptor(child: BuiltManifest, attestation: BuiltManifest) -> dict[str, Any]:
    return _descriptor(attestation) | {
        "annotations": {
            "vnd.docker.reference.digest": child.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }
