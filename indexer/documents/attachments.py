"""What attachments make of the document of an image: facts to search for, and links. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from indexer.clock import rfc3339
from indexer.documents.extracted import ExtractedAttachment
from indexer.extract import Claim, ClaimType
from indexer.model import Digest, StoredAttachment, fold

SHOWN_MAX = 50
"""Attachments that an answer lists."""
_ATTESTATIONS = frozenset({ClaimType.PROVENANCE, ClaimType.ATTESTATION})


@dataclass(frozen=True, slots=True)
class Attached:
    """One thing that something attached to ``subject`` claims of it."""

    digest: Digest
    subject: Digest
    claim: Claim
    artifact_type: str
    created_at: datetime | None


def list_attached(
    found: Iterable[tuple[StoredAttachment, ExtractedAttachment]], *, now: datetime
) -> tuple[Attached, ...]:
    """Return each thing that is claimed, once.

    ``now`` is the time: one that something claims to be made after it is not believed.
    """
    return tuple(
        dict.fromkeys(
            Attached(
                stored.content.digest,
                stored.subject,
                claim,
                extracted.artifact_type,
                extracted.created_at(now=now),
            )
            for stored, extracted in found
            for claim in extracted.claims
        )
    )


def attachment_keywords(
    attached: Sequence[Attached], *, is_attachment: bool
) -> set[tuple[str, str]]:
    """Return what to find an image by because of what is attached to it.

    What is claimed of a child of an index is claimed of the index too; what is claimed of an
    attachment is not. An image that is one itself is found as such.
    """
    attachments = {one.digest for one in attached}
    found = {("is", "attachment")} if is_attachment else set()
    found |= {("digest", fold(one.digest)) for one in attached[:SHOWN_MAX]}
    return found.union(
        *(_claim_keywords(one.claim) for one in attached if one.subject not in attachments)
    )


def attachment_results(
    attached: Sequence[Attached], *, repository: str, limit: int = SHOWN_MAX
) -> list[dict[str, Any]]:
    """Return what an answer shows of attachments; ``repository`` is written before digests."""
    return [
        {
            "digest": one.digest,
            "reference": f"{repository}@{one.digest}",
            "subject": one.subject,
            "kind": one.claim.type.value,
            "format": one.claim.format or None,
            "predicate_type": one.claim.predicate_type or None,
            "artifact_type": one.artifact_type or None,
            "created_at": rfc3339(one.created_at) if one.created_at else None,
        }
        for one in attached[:limit]
    ]


def _claim_keywords(claim: Claim) -> set[tuple[str, str]]:
    if claim.type is ClaimType.SIGNATURE:
        return {("is", "signed")}
    if claim.type is ClaimType.OTHER:
        return set()
    facts = {("has", claim.type.value)}
    if claim.type is ClaimType.SBOM and claim.format:
        facts.add(("has", f"sbom:{claim.format}"))
    if claim.type in _ATTESTATIONS or claim.predicate_type:
        facts.add(("has", "attestation"))
    return facts
