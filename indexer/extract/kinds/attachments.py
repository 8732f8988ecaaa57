"""Signatures, SBOMs, attestations and whatever else is about another manifest; build caches."""

from indexer.extract.kinds.kind import Kind, Role, layer

ATTESTATION = Kind(
    name="attestation",
    role=Role.ATTACHMENT,
    types=(
        "application/vnd.docker.attestation.manifest.v1+json",
        "application/vnd.in-toto+json",
        "application/vnd.dsse.envelope.v1+json",
    ),
    # Before signatures: cosign puts the annotation of a signature on attestations too.
    layers=("application/vnd.in-toto+json", "application/vnd.dsse.envelope.v1+json"),
    tags=r"sha256-[0-9a-f]{64}\.att",
)
"""What BuildKit puts into an index, and cosign beside a tag."""

ATTACHMENTS = (
    Kind(
        name="sigstore-bundle",
        role=Role.ATTACHMENT,
        types=("application/vnd.dev.sigstore.bundle*",),
        layers=("application/vnd.dev.sigstore.bundle*",),
    ),
    Kind(
        name="notation-signature",
        role=Role.ATTACHMENT,
        aliases=("notary",),
        types=("application/vnd.cncf.notary.signature", "application/vnd.cncf.notary.v2.signature"),
        annotations=("io.cncf.notary.x509chain.thumbprint#S256",),
        layers=("application/jose+json", "application/cose"),
    ),
    ATTESTATION,
    Kind(
        name="cosign-signature",
        role=Role.ATTACHMENT,
        types=("application/vnd.dev.cosign.artifact.sig.v1+json",),
        layers=("application/vnd.dev.cosign.simplesigning.v1+json",),
        layer_annotations=(
            "dev.cosignproject.cosign/signature",
            "dev.sigstore.cosign/certificate",
            "dev.sigstore.cosign/chain",
            "dev.sigstore.cosign/bundle",
        ),
        tags=r"sha256-[0-9a-f]{64}\.sig",
    ),
    Kind(
        name="sbom",
        role=Role.ATTACHMENT,
        types=(
            "text/spdx",
            "text/spdx+json",
            "text/spdx+xml",
            "application/spdx+json",
            "application/vnd.cyclonedx",
            "application/vnd.cyclonedx+json",
            "application/vnd.cyclonedx+xml",
            "application/vnd.syft+json",
            "application/vnd.goharbor.harbor.sbom.v1",
            "application/vnd.dev.cosign.artifact.sbom.v1+json",
        ),
        layers=(
            "text/spdx",
            "text/spdx+json",
            "text/spdx+xml",
            "application/spdx+json",
            "application/vnd.cyclonedx",
            "application/vnd.cyclonedx+json",
            "application/vnd.cyclonedx+xml",
            "application/vnd.syft+json",
            "application/vnd.goharbor.harbor.sbom.v1",
        ),
        tags=r"sha256-[0-9a-f]{64}\.sbom",
        contents=(layer("org.opencontainers.image.title"),),
    ),
    Kind(
        name="soci-index",
        role=Role.ATTACHMENT,
        types=(
            "application/vnd.amazon.soci.index.v1+json",
            "application/vnd.amazon.soci.index.v2+json",
        ),
    ),
    Kind(
        name="nydus-image",
        is_image=True,
        # One with a tag of its own is an image that runs; a converted one names its original.
        attaches=True,
        layer_annotations=("containerd.io/snapshot/nydus-bootstrap",),
    ),
    Kind(
        name="build-cache",
        role=Role.SYSTEM,
        types=("application/vnd.buildkit.cacheconfig.v0",),
        # The config of a manifest, or the last child of an index.
        layers=("application/vnd.buildkit.cacheconfig.v0",),
    ),
    Kind(
        name="referrers",
        role=Role.SYSTEM,
        tags=r"(?:sha256|sha512|blake3)-[0-9a-f]{64}",
    ),
)
