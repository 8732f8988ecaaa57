"""Stored bytes to meaning: a pure function of manifests and configs, without input or output."""

from indexer.extract.attachments import (
    Attachment,
    Claim,
    ClaimType,
    attachment_of,
    attachment_of_descriptor,
    subject_of_tag,
)
from indexer.extract.content import Content, Facts
from indexer.extract.facts import EXTRACTOR_VERSION, config_descriptor, extract
from indexer.extract.kinds import BUILT_IN, Kind, KindTable, Role

__all__ = [
    "BUILT_IN",
    "EXTRACTOR_VERSION",
    "Attachment",
    "Claim",
    "ClaimType",
    "Content",
    "Facts",
    "Kind",
    "KindTable",
    "Role",
    "attachment_of",
    "attachment_of_descriptor",
    "config_descriptor",
    "extract",
    "subject_of_tag",
]
