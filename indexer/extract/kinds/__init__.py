"""Kinds of content: a small engine and a table of declarations. See ``docs/kinds.md``."""

from indexer.extract.kinds.attachments import ATTESTATION
from indexer.extract.kinds.kind import (
    Kind,
    Material,
    Role,
    Where,
    annotation,
    config,
    label,
    layer,
)
from indexer.extract.kinds.plain import UNKNOWN, plain_kind
from indexer.extract.kinds.plugins import load_kinds
from indexer.extract.kinds.table import BUILT_IN, KindTable

__all__ = [
    "ATTESTATION",
    "BUILT_IN",
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
    "load_kinds",
    "plain_kind",
]
