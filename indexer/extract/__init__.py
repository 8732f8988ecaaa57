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
from indexer.extract.kinds import (
    BUILT_IN,
    Kind,
    KindTable,
    Material,
    Role,
    Where,
    annotation,
    config,
    label,
    layer,
)

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
    "Material",
    "Role",
    "Where",
    "annotation",
    "attachment_of",
    "attachment_of_descriptor",
    "config",
    "config_descriptor",
    "extract",
    "label",
    "layer",
    "subject_of_tag",
]
