"""What an attachment claims, by the manifest alone, by its tag and by its descriptor."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from indexer.extract import (
    BUILT_IN,
    Attachment,
    Claim,
    ClaimType,
    Role,
    extract,
    read_attachment,
    read_listed_attachment,
)
from indexer.model import media_types
from indexer.model.manifest import Descriptor, Manifest, parse_manifest
from indexer.model.names import Digest, digest_of, subject_of_tag
from tests import builders
from tests.indexer.extract.samples import NOW, image, index

WEB = builders.image()
SUBJECT = {"mediaType": WEB.media_type, "digest": WEB.digest, "size": len(WEB.body)}
HEX = WEB.digest.partition(":")[2]
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNED_BY_COSIGN = Claim(ClaimType.SIGNATURE, "cosign")


def layered(
    media_type: str,
    on_layer: Mapping[str, str] | None = None,
    *,
    config_type: str = media_types.OCI_CONFIG,
    **more: Any,
) -> Manifest:
    one = {"mediaType": media_type, "digest": digest_of(b"layer"), "size": 5}
    if on_layer:
        one["annotations"] = dict(on_layer)
    return parse_manifest(image(layers=[one], config_type=config_type, **more).body)


def typed(artifact_type: str, **more: Any) -> Manifest:
    """Return an artifact of OCI 1.1 about WEB: an empty config, a type and a subject."""
    return layered(
        "application/octet-stream",
        config_type=media_types.EMPTY,
        artifactType=artifact_type,
        subject=SUBJECT,
        **more,
    )


def claims(found: Attachment | None) -> tuple[Claim, ...]:
    """Return what is claimed, but for the exact predicate types."""
    assert found is not None
    return tuple(replace(claim, predicate_type="") for claim in found.claims)


def test_cosign_s_signature_is_told_by_its_tag_what_it_signs() -> None:
    signature = layered(COSIGN, {"dev.cosignproject.cosign/signature": "MEUCIQ=="})
    found = read_attachment(signature, f"sha256-{HEX}.sig", kinds=BUILT_IN)
    assert found == Attachment("cosign-signature", (SIGNED_BY_COSIGN,), Digest(WEB.digest))
    assert read_attachment(signature, kinds=BUILT_IN) == Attachment(
        "cosign-signature", (SIGNED_BY_COSIGN,), None
    )


def test_cosign_s_signature_as_a_referrer() -> None:
    found = read_attachment(
        typed("application/vnd.dev.cosign.artifact.sig.v1+json"), kinds=BUILT_IN
    )
    assert found == Attachment("cosign-signature", (SIGNED_BY_COSIGN,), Digest(WEB.digest))


def test_cosign_s_attestation_is_not_taken_for_a_signature() -> None:
    """It carries the annotation of a signature, empty."""
    annotations = {
        "dev.cosignproject.cosign/signature": "",
        "predicateType": "https://slsa.dev/provenance/v1",
    }
    found = read_attachment(layered(DSSE, annotations), f"sha256-{HEX}.att", kinds=BUILT_IN)
    expected = (Claim(ClaimType.PROVENANCE, "slsa", "https://slsa.dev/provenance/v1"),)
    assert found == Attachment("attestation", expected, Digest(WEB.digest))


@pytest.mark.parametrize(
    ("predicate", "claim"),
    [
        ("https://spdx.dev/Document/v2.3", Claim(ClaimType.SBOM, "spdx")),
        ("https://cyclonedx.org/bom/v1.5", Claim(ClaimType.SBOM, "cyclonedx")),
        ("https://slsa.dev/provenance/v0.2", Claim(ClaimType.PROVENANCE, "slsa")),
        ("https://in-toto.io/Provenance/v0.1", Claim(ClaimType.PROVENANCE, "in-toto")),
        (
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            Claim(ClaimType.ATTESTATION, "vuln"),
        ),
        ("https://openvex.dev/ns/v0.2.0", Claim(ClaimType.ATTESTATION, "openvex")),
        ("https://example.com/anything", Claim(ClaimType.ATTESTATION)),
    ],
)
def test_a_predicate_type_is_a_claim(predicate: str, claim: Claim) -> None:
    manifest = layered("application/vnd.in-toto+json", {"in-toto.io/predicate-type": predicate})
    assert claims(read_attachment(manifest, kinds=BUILT_IN)) == (claim,)


def test_buildkit_s_attestation_has_an_sbom_and_provenance() -> None:
    built = builders.index([WEB], attestations=True)
    attestation = parse_manifest(built.children[1].body)
    both = (
        Claim(ClaimType.SBOM, "spdx", "https://spdx.dev/Document"),
        Claim(ClaimType.PROVENANCE, "slsa", "https://slsa.dev/provenance/v1"),
    )
    assert read_attachment(attestation, kinds=BUILT_IN) == Attachment("attestation", both, None)


def test_buildkit_s_descriptor_names_the_subject() -> None:
    built = builders.index([WEB], attestations=True)
    platform, attestation = parse_manifest(built.body).children
    assert read_listed_attachment(platform, kinds=BUILT_IN) is None
    assert read_listed_attachment(attestation, kinds=BUILT_IN) == Attachment(
        "attestation", (Claim(ClaimType.ATTESTATION),), Digest(WEB.digest)
    )


def test_buildkit_s_newer_form_has_a_type_and_a_subject() -> None:
    manifest = typed("application/vnd.docker.attestation.manifest.v1+json")
    found = read_attachment(manifest, kinds=BUILT_IN)
    assert found == Attachment("attestation", (Claim(ClaimType.ATTESTATION),), Digest(WEB.digest))


@pytest.mark.parametrize(
    ("annotations", "claim"),
    [
        ({}, Claim(ClaimType.SIGNATURE, "sigstore")),
        (
            {"dev.sigstore.bundle.content": "message-signature"},
            Claim(ClaimType.SIGNATURE, "sigstore"),
        ),
        ({"dev.sigstore.bundle.content": "dsse-envelope"}, Claim(ClaimType.ATTESTATION)),
        (
            {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
            },
            Claim(ClaimType.SIGNATURE, "sigstore"),
        ),
        (
            {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
            },
            Claim(ClaimType.PROVENANCE, "slsa"),
        ),
    ],
)
@pytest.mark.parametrize("bundle", [BUNDLE, "application/vnd.dev.sigstore.bundle+json;version=0.2"])
def test_a_sigstore_bundle_says_what_is_in_it(
    bundle: str, annotations: dict[str, str], claim: Claim
) -> None:
    found = read_attachment(typed(bundle, annotations=annotations), kinds=BUILT_IN)
    assert found is not None
    assert (found.kind, found.subject) == ("sigstore-bundle", Digest(WEB.digest))
    assert claims(found) == (claim,)
    predicate = annotations.get("dev.sigstore.bundle.predicateType", "")
    assert found.claims[0].predicate_type == predicate
    described = Descriptor(
        media_types.OCI_MANIFEST, digest_of(b"x"), 1, None, annotations, artifact_type=bundle
    )
    assert claims(read_listed_attachment(described, kinds=BUILT_IN)) == (claim,)


@pytest.mark.parametrize(
    ("media_type", "format_"),
    [
        ("text/spdx", "spdx"),
        ("text/spdx+json", "spdx"),
        ("application/spdx+json", "spdx"),
        ("application/vnd.cyclonedx", "cyclonedx"),
        ("application/vnd.cyclonedx+json", "cyclonedx"),
        ("application/vnd.cyclonedx+xml", "cyclonedx"),
        ("application/vnd.syft+json", "syft"),
        ("application/vnd.goharbor.harbor.sbom.v1", "harbor"),
    ],
)
def test_an_sbom_has_a_format_by_its_type_or_its_layer(media_type: str, format_: str) -> None:
    expected = (Claim(ClaimType.SBOM, format_),)
    assert claims(read_attachment(typed(media_type), kinds=BUILT_IN)) == expected
    assert (
        claims(read_attachment(layered(media_type), f"sha256-{HEX}.sbom", kinds=BUILT_IN))
        == expected
    )


@pytest.mark.parametrize("layer", ["application/jose+json", "application/cose"])
def test_notation_signs_with_a_type_or_with_an_old_config_type(layer: str) -> None:
    notation = "application/vnd.cncf.notary.signature"
    old = layered(layer, config_type=notation, subject=SUBJECT)
    expected = Attachment(
        "notation-signature", (Claim(ClaimType.SIGNATURE, "notation"),), Digest(WEB.digest)
    )
    assert read_attachment(old, kinds=BUILT_IN) == expected
    assert read_attachment(typed(notation), kinds=BUILT_IN) == expected


def test_whatever_unknown_has_a_subject_is_attached_to_it() -> None:
    found = read_attachment(typed("application/vnd.acme.report"), kinds=BUILT_IN)
    assert found == Attachment("artifact", (Claim(ClaimType.OTHER),), Digest(WEB.digest))


def test_an_image_with_a_subject_stands_on_its_own() -> None:
    assert read_attachment(parse_manifest(image(subject=SUBJECT).body), kinds=BUILT_IN) is None
    assert read_attachment(parse_manifest(index([], subject=SUBJECT).body), kinds=BUILT_IN) is None


def test_what_has_neither_kind_nor_subject_is_no_attachment() -> None:
    assert read_attachment(parse_manifest(WEB.body), kinds=BUILT_IN) is None
    assert read_attachment(parse_manifest(WEB.body), "latest", kinds=BUILT_IN) is None
    assert read_attachment(parse_manifest(b"not json"), kinds=BUILT_IN) is None


def test_a_nydus_image_is_one_of_its_own_until_it_names_its_original() -> None:
    bootstrap = {"containerd.io/snapshot/nydus-bootstrap": "true"}
    layer = media_types.DOCKER_LAYER
    assert read_attachment(layered(layer, bootstrap), kinds=BUILT_IN) is None
    found = read_attachment(layered(layer, bootstrap, subject=SUBJECT), kinds=BUILT_IN)
    assert found == Attachment("nydus-image", (Claim(ClaimType.OTHER),), Digest(WEB.digest))


@pytest.mark.parametrize(
    ("tag", "digest"),
    [
        (f"sha256-{HEX}", f"sha256:{HEX}"),
        (f"blake3-{HEX}", f"blake3:{HEX}"),
        (f"sha256-{HEX}.sig", f"sha256:{HEX}"),
        (f"sha256-{HEX}.txt", None),
        (f"sha256-{HEX[:-1]}", None),
        ("latest", None),
        ("", None),
    ],
)
def test_subject_of_tag(tag: str, digest: str | None) -> None:
    named = subject_of_tag(tag)
    assert (named.digest if named else None) == digest


def test_the_facts_know_the_kind_by_whichever_tag_names_it() -> None:
    content = image(layers=[{"mediaType": COSIGN, "digest": digest_of(b"layer"), "size": 5}])
    found = extract(content, now=NOW, tags=("signed", f"sha256-{HEX}.sig"), kinds=BUILT_IN)
    assert (found.kind, found.role) == ("cosign-signature", Role.ATTACHMENT)
