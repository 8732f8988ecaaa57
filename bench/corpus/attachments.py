"""The attachments of images: signatures, bills of materials and attestations.

Cosign attaches them by tags. Clients use a fallback index if a registry cannot list referrers.
BuildKit puts them into indexes.
"""

from collections.abc import Iterator

from bench.corpus.dice import derive_hex
from bench.corpus.made import Made, Tagged, blob, compact, made
from bench.corpus.plan import Attached
from indexer.model import media_types
from indexer.model.names import Digest, TagName
from tests.builders import EMPTY_CONFIG, IN_TOTO, PROVENANCE_PREDICATE, SPDX_PREDICATE

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
NOTATION = "application/vnd.cncf.notary.signature"
JOSE = "application/jose+json"
SPDX = "application/spdx+json"
_EMPTY = {"mediaType": media_types.EMPTY, "digest": EMPTY_CONFIG.digest, "size": 2, "data": "e30="}
_MANIFESTS = {Attached.NOTHING: 0, Attached.COSIGN: 2, Attached.REFERRERS: 3}


def manifests_attached(attached: Attached) -> int:
    """Return the number of manifests and indexes attached to one tagged manifest."""
    return _MANIFESTS[attached]


def attachments(attached: Attached, subject: Made) -> Iterator[Tagged]:
    """Yield the attachments of a tagged manifest, under the tags of their tools."""
    if attached is Attached.COSIGN:
        yield Tagged((_tag(subject, ".sig"),), _signature(subject))
        yield Tagged((_tag(subject, ".att"),), _cosign_attestation(subject))
    elif attached is Attached.REFERRERS:
        yield Tagged((_tag(subject, ""),), _referrers(subject))


def attestation(subject: Digest) -> Made:
    """Return BuildKit's attestation about the image with this digest: an SBOM and a provenance."""
    statements = [f"sha256:{derive_hex(subject, which)}" for which in ("sbom", "provenance")]
    digest, body = blob(
        '{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers",'
        f'"diff_ids":["{statements[0]}","{statements[1]}"]}}}}'
    )
    layers = ",".join(
        f'{{"mediaType":"{IN_TOTO}","digest":"{statement}","size":{_size(statement)},'
        f'"annotations":{{"in-toto.io/predicate-type":"{predicate}"}}}}'
        for statement, predicate in zip(
            statements, (SPDX_PREDICATE, PROVENANCE_PREDICATE), strict=True
        )
    )
    return made(
        media_types.OCI_MANIFEST,
        f'{{"schemaVersion":2,"mediaType":"{media_types.OCI_MANIFEST}",'
        f'"config":{{"mediaType":"{media_types.OCI_CONFIG}","digest":"{digest}",'
        f'"size":{len(body)}}},"layers":[{layers}]}}',
        config=(digest, body),
    )


def _signature(subject: Made) -> Made:
    payload = f"sha256:{derive_hex(subject.digest, 'payload')}"
    layer = _layer(SIMPLE_SIGNING, payload) | {
        "annotations": {
            "dev.cosignproject.cosign/signature": derive_hex(subject.digest, "signature") + "==",
            "dev.sigstore.cosign/bundle": compact(
                {"Payload": {"logIndex": _size(payload), "logID": derive_hex("log")}}
            ),
        }
    }
    config = blob(
        compact(
            {
                "architecture": "",
                "created": "0001-01-01T00:00:00Z",
                "history": [{"created": "0001-01-01T00:00:00Z"}],
                "os": "",
                "rootfs": {"type": "layers", "diff_ids": [payload]},
                "config": {},
            }
        )
    )
    return _manifest(config, [layer])


def _cosign_attestation(subject: Made) -> Made:
    envelope = f"sha256:{derive_hex(subject.digest, 'envelope')}"
    layer = _layer(DSSE, envelope) | {
        "annotations": {"dev.cosignproject.cosign/signature": "", "predicateType": SPDX_PREDICATE}
    }
    config = blob(
        compact(
            {
                "architecture": "",
                "created": "0001-01-01T00:00:00Z",
                "os": "",
                "rootfs": {"type": "layers", "diff_ids": [envelope]},
                "config": {},
            }
        )
    )
    return _manifest(config, [layer])


def _referrers(subject: Made) -> Made:
    """Return the index of a Notation signature and an SPDX bill of materials."""
    about = {
        "mediaType": subject.media_type,
        "digest": subject.digest,
        "size": len(subject.body),
    }
    children, entries = [], []
    for artifact_type, layer_type in ((NOTATION, JOSE), (SPDX, SPDX)):
        annotations = {
            "org.opencontainers.image.created": "2026-11-01T12:00:00Z",
            "io.cncf.notary.x509chain.thumbprint#S256": compact([derive_hex(subject.digest)]),
        }
        child = made(
            media_types.OCI_MANIFEST,
            compact(
                {
                    "schemaVersion": 2,
                    "mediaType": media_types.OCI_MANIFEST,
                    "artifactType": artifact_type,
                    "config": _EMPTY,
                    "layers": [
                        _layer(layer_type, f"sha256:{derive_hex(subject.digest, layer_type)}")
                    ],
                    "subject": about,
                    "annotations": annotations,
                }
            ),
        )
        children.append(child)
        entries.append(
            {
                "mediaType": child.media_type,
                "digest": child.digest,
                "size": len(child.body),
                "artifactType": artifact_type,
                "annotations": annotations,
            }
        )
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return made(media_types.OCI_INDEX, compact(body), children=tuple(children))


def _manifest(config: tuple[Digest, bytes], layers: list[dict[str, object]]) -> Made:
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {
            "mediaType": media_types.OCI_CONFIG,
            "digest": config[0],
            "size": len(config[1]),
        },
        "layers": layers,
    }
    return made(media_types.OCI_MANIFEST, compact(body), config=config)


def _layer(media_type: str, digest: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": _size(digest)}


def _tag(subject: Made, ending: str) -> TagName:
    return TagName(subject.digest.replace(":", "-") + ending)


def _size(digest: str) -> int:
    """Return a size from 10 KB to 75 KB that follows from a digest."""
    return 10_000 + int(digest[-4:], 16)
