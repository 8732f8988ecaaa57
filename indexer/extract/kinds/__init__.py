"""Kinds of content: a small engine and a table of declarations. See ``docs/kinds.md``."""

from indexer.extract.kinds.attachments import ATTACHMENTS
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
from indexer.extract.kinds.table import KindTable

BUILT_IN = KindTable(ATTACHMENTS)
"""All the kinds that come with regsearch."""

__all__ = [
    "ARTIFACT",
    "BUILT_IN",
    "IMAGE",
    "Kind",
    "KindTable",
    "Material",
    "Role",
    "Where",
    "annotation",
    "config",
    "label",
    "layer",
]
