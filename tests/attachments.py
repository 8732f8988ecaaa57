"""Signatures, SBOMs and attestations as their tools make them, and the lists that name them."""

import json
from collections.abc import Mapping, Sequence

from indexer.model import media_types
from tests.builders import (
    IN_TOTO,
    PROVENANCE_PREDICATE,
    SPDX_PREDICATE,
    Blob,
    BuiltManifest,
    artifact,
    digest_of,
)

COSIGN_PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
NOTATION = "application/vnd.cncf.notary.signature"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SPDX = "application/spdx+json"
CYCLONEDX = "application/vnd.cyclonedx+json"
COSIGN_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
BUILDKIT = "application/vnd.docker.attestation.manifest.v1+json"


def manifest(
    layers: Sequence[tuple[str, Mapping[str, str]]],
    *,
    artifact_type: str = "",
    config_type: str = media_types.EMPTY,
    subject: BuiltManifest | None = None,
    annotations: Mapping[str, str] | None = None,
    seed: str = "",
) -> BuiltManifest:
    """Return a manifest with layers of these types, each with its annotations."""
    config = Blob(config_type, b"{}")
    blobs = [Blob(media_type, f"{seed}{n}".encode()) for n, (media_type, _) in enumerate(layers)]
    body: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _descriptor(config.media_type, config.body),
        "layers": [
            _descriptor(blob.media_type, blob.body) | {"annotations": dict(pairs)}
            for blob, (_, pairs) in zip(blobs, layers, strict=True)
        ],
        "annotations": dict(annotations or {}),
    }
    if artifact_type:
        body["artifactType"] = artifact_type
    if subject is not None:
        body["subject"] = _descriptor(subject.media_type, subject.body)
    return _built(media_types.OCI_MANIFEST, body, blobs=(config, *blobs))


def sbom(subject: BuiltManifest, *, seed: str = "") -> BuiltManifest:
    """Return an SPDX document as ``oras attach`` attaches it."""
    return artifact(SPDX, {"sbom.json": f"{{}}{seed}".encode()}, subject=subject, file_type=SPDX)


def signature(subject: BuiltManifest, *, seed: str = "") -> BuiltManifest:
    """Return a signature as ``notation sign`` attaches it."""
    layer: tuple[str, Mapping[str, str]] = ("application/jose+json", {})
    return manifest([layer], config_type=NOTATION, subject=subject, seed=seed)


def cosign_signature(*, seed: str = "") -> BuiltManifest:
    """Return a signature as cosign pushes it under a tag: an image by its config, no subject."""
    layer = (COSIGN_PAYLOAD, {"dev.cosignproject.cosign/signature": "MEUCIQ=="})
    return manifest([layer], config_type=media_types.OCI_CONFIG, seed=seed)


def cosign_attestation(predicate_type: str = "") -> BuiltManifest:
    """Return an attestation as cosign pushes it under a tag."""
    annotations = {"dev.cosignproject.cosign/signature": ""}
    annotations |= {"predicateType": predicate_type} if predicate_type else {}
    return manifest([(DSSE, annotations)], config_type=media_types.OCI_CONFIG)


def statements(*predicate_types: str, subject: BuiltManifest | None = None) -> BuiltManifest:
    """Return statements as BuildKit makes them; with a subject in its newer form."""
    layers = [(IN_TOTO, {"in-toto.io/predicate-type": one}) for one in predicate_types]
    if subject is None:
        return manifest(layers, config_type=media_types.OCI_CONFIG)
    return manifest(layers, artifact_type=BUILDKIT, subject=subject)


def attested(*platforms: BuiltManifest) -> BuiltManifest:
    """Return an index as BuildKit makes it, in its newer form: the attestation has a subject."""
    children = []
    for platform in platforms:
        said = statements(SPDX_PREDICATE, PROVENANCE_PREDICATE, subject=platform)
        children += [(platform, {}), (said, _about(platform))]
    return referrers([one for one, _ in children], extra=[pairs for _, pairs in children])


def referrers(
    listed: Sequence[BuiltManifest], *, extra: Sequence[Mapping[str, object]] = ()
) -> BuiltManifest:
    """Return the index that clients keep under a tag, if a registry does not list referrers."""
    pairs = extra or [{} for _ in listed]
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [
            {**_descriptor(one.media_type, one.body), **more}
            for one, more in zip(listed, pairs, strict=True)
        ],
    }
    return _built(media_types.OCI_INDEX, body, children=tuple(listed))


def list_tag(subject: BuiltManifest) -> str:
    """Return the tag of that index; with ``.sig``, ``.att`` or ``.sbom`` it is one of cosign's."""
    return subject.digest.replace(":", "-")


def _about(platform: BuiltManifest) -> dict[str, object]:
    return {
        "annotations": {
            "vnd.docker.reference.digest": platform.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }


def _descriptor(media_type: str, body: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}


def _built(
    media_type: str,
    body: Mapping[str, object],
    *,
    blobs: tuple[Blob, ...] = (),
    children: tuple[BuiltManifest, ...] = (),
) -> BuiltManifest:
    encoded = json.dumps(body).encode()
    return BuiltManifest(digest_of(encoded), media_type, encoded, blobs, children)
