"""Kinds of content: a small engine and a table of declarations. See ``docs/kinds.md``."""

from indexer.extract.kinds.attachments import ATTACHMENTS, ATTESTATION
from indexer.extract.kinds.declaring import (
    ARTIFACT,
    IMAGE,
    Kind,
    Material,
    Role,
    Where,
    annotation,
    config,
    label,
    layer,
)
from indexer.extract.kinds.images import IMAGES
from indexer.extract.kinds.models import MODELS
from indexer.extract.kinds.packages import PACKAGES
from indexer.extract.kinds.plain import PLAIN_IMAGE, UNKNOWN, plain_kind
from indexer.extract.kinds.table import KindTable
from indexer.extract.kinds.wasm import WASM

BUILT_IN = KindTable((*ATTACHMENTS, *PACKAGES, *WASM, *MODELS, *IMAGES))
"""All the kinds that come with regsearch."""

__all__ = [
    "ARTIFACT",
    "ATTESTATION",
    "BUILT_IN",
    "IMAGE",
    "PLAIN_IMAGE",
    "UNKNOWN",
    "Kind",
    "KindTable",
    "Material",
    "Role",
    "Where",
    "annotation",
    "config",
    "label",
    "layer",
    "plain_kind",
]
