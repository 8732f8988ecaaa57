"""What a signature, an SBOM or an attestation says about which manifest.

Out of a manifest alone, or out of the descriptor by which an index or a list of referrers names
it; no config and no layer is read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from indexer.errors import InvalidValueError
from indexer.extract.created import read_moments
from indexer.extract.kinds import (
    ATTESTATION,
    Kind,
    KindTable,
    Material,
    Role,
    plain_kind,
)
from indexer.model import Descriptor, Digest, Manifest, parse_digest, subject_of_tag

_PREDICATE_KEYS = (
    "in-toto.io/predicate-type",
    "predicateType",
    "dev.sigstore.bundle.predicateType",
)
_REFERENCE_DIGEST = "vnd.docker.reference.digest"
_BUNDLE_CONTENT = "dev.sigstore.bundle.content"
_CREATED = "org.opencontainers.image.created"
PREDICATE_MAX = 256
"""Characters of a predicate type."""


class ClaimType(StrEnum):
    """What an attachment is good for."""

    SIGNATURE = "signature"
    SBOM = "sbom"
    PROVENANCE = "provenance"
    ATTESTATION = "attestation"
    """A signed statement of another sort, or one that does not say of which."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that an attachment says of its subject.

    ``format`` tells more where it is known: ``spdx``, ``cyclonedx``, ``syft`` or ``harbor`` of an
    SBOM, ``cosign``, ``sigstore`` or ``notation`` of a signature, ``slsa`` of provenance.
    ``predicate_type`` is that of a statement, "" for what is none.
    """

    type: ClaimType
    format: str = ""
    predicate_type: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What an attachment is, and of what.

    ``kind`` is the name of its kind. ``claims`` are distinct and at least one. ``subject`` is
    the manifest or index that it is about, None where only its place could tell.
    """

    kind: str
    claims: tuple[Claim, ...]
    subject: Digest | None


# The beginning of a predicate type, and what it claims; the first that fits.
_PREDICATES = (
    ("https://spdx.dev/Document", Claim(ClaimType.SBOM, "spdx")),
    ("https://cyclonedx.org/", Claim(ClaimType.SBOM, "cyclonedx")),
    ("https://syft.dev/bom", Claim(ClaimType.SBOM, "syft")),
    ("https://slsa.dev/provenance", Claim(ClaimType.PROVENANCE, "slsa")),
    ("https://sigstore.dev/cosign/sign", Claim(ClaimType.SIGNATURE, "sigstore")),
    ("https://slsa.dev/verification_summary", Claim(ClaimType.ATTESTATION, "slsa-vsa")),
    ("https://in-toto.io/Provenance", Claim(ClaimType.PROVENANCE, "in-toto")),
    ("https://in-toto.io/attestation/release", Claim(ClaimType.ATTESTATION, "release")),
    ("https://cosign.sigstore.dev/attestation/vuln", Claim(ClaimType.ATTESTATION, "vuln")),
    ("https://in-toto.io/attestation/vulns", Claim(ClaimType.ATTESTATION, "vuln")),
    ("https://openvex.dev/ns", Claim(ClaimType.ATTESTATION, "openvex")),
)
_SBOM_FORMATS = (
    ("text/spdx", "spdx"),
    ("application/spdx", "spdx"),
    ("application/vnd.cyclonedx", "cyclonedx"),
    ("application/vnd.syft", "syft"),
    ("application/vnd.goharbor.harbor.sbom", "harbor"),
)
_SIGNATURES = {"cosign-signature": "cosign", "notation-signature": "notation"}


def read_attachment(
    manifest: Manifest, tag: str | None = None, *, kinds: KindTable
) -> Attachment | None:
    """Return what ``manifest`` claims of another one; None for what stands on its own.

    ``tag`` is one it is read by: cosign's tags name the subject. A manifest with a ``subject`` that
    is of no kind, or of one that can be attached, has the claim ``other``.
    """
    tags = (tag,) if tag else ()
    material = Material(
        artifact_type=manifest.artifact_type,
        annotations=(manifest.annotations,),
        layers=manifest.layers or manifest.children,
        tags=tags,
    )
    kind = kinds.recognise(material) or plain_kind(manifest)
    if find_role(kind, manifest) is not Role.ATTACHMENT:
        return None
    named = subject_of_tag(tag) if tag else None
    subject = manifest.subject.digest if manifest.subject else None
    if subject is None and named is not None and named.is_whole:
        subject = named.digest
    types = (manifest.artifact_type, *(one.media_type for one in manifest.layers))
    annotations = (manifest.annotations, *(one.annotations for one in manifest.layers))
    return Attachment(kind.name, _claims(kind, types, annotations), subject)


def read_listed_attachment(descriptor: Descriptor, *, kinds: KindTable) -> Attachment | None:
    """Return what a child of an index or an entry of a list of referrers claims, unread.

    ``subject`` is known only of BuildKit's attestations, which name it. That what a list of
    referrers names is an attachment follows from the list, whatever this says.
    """
    annotations = descriptor.annotations
    kind = kinds.recognise(Material(descriptor.artifact_type, (annotations,)))
    if kind is None or kind.role is not Role.ATTACHMENT:
        if not descriptor.is_attestation:
            return None
        kind = ATTESTATION
    claims = _claims(kind, (descriptor.artifact_type,), (annotations,))
    return Attachment(kind.name, claims, _digest(annotations.get(_REFERENCE_DIGEST, "")))


def attachment_moments(manifest: Manifest, *, now: datetime) -> tuple[datetime, ...]:
    """Return when an attachment says it was made; nothing where it says nothing of use."""
    return read_moments((manifest.annotations.get(_CREATED, ""),), now=now)


def find_role(kind: Kind, manifest: Manifest) -> Role:
    """Return the role of ``manifest``: attached is what has a subject, if its kind allows."""
    has_subject = manifest.subject is not None
    return Role.ATTACHMENT if has_subject and kind.attaches else kind.role


def _claims(
    kind: Kind, types: Sequence[str], annotations: Sequence[Mapping[str, str]]
) -> tuple[Claim, ...]:
    name = kind.name
    if name in _SIGNATURES:
        return (Claim(ClaimType.SIGNATURE, _SIGNATURES[name]),)
    if name == "sbom":
        return (Claim(ClaimType.SBOM, _sbom_format(types)),)
    stated = tuple(dict.fromkeys(_stated(annotations)))
    if stated:
        return stated
    if name == "sigstore-bundle":
        signs = any(one.get(_BUNDLE_CONTENT) != "dsse-envelope" for one in annotations[:1])
        return (Claim(ClaimType.SIGNATURE, "sigstore") if signs else Claim(ClaimType.ATTESTATION),)
    return (Claim(ClaimType.ATTESTATION if name == "attestation" else ClaimType.OTHER),)


def _sbom_format(types: Iterable[str]) -> str:
    return next(
        (found for one in types for start, found in _SBOM_FORMATS if one.startswith(start)), ""
    )


def _stated(annotations: Iterable[Mapping[str, str]]) -> Iterator[Claim]:
    """Yield a claim for each predicate type that annotations name."""
    for source in annotations:
        for predicate in (source[key] for key in _PREDICATE_KEYS if source.get(key)):
            fitting = (claim for start, claim in _PREDICATES if predicate.startswith(start))
            claim = next(fitting, Claim(ClaimType.ATTESTATION))
            yield replace(claim, predicate_type=predicate[:PREDICATE_MAX])


def _digest(text: str) -> Digest | None:
    try:
        return parse_digest(text)
    except InvalidValueError:
        return None
