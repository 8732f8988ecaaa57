"""Stored bytes to meaning: a pure function of manifests and configs, without input or output."""

from indexer.extract.anatomy import (
    Anatomy,
    Build,
    BuildStep,
    list_annotations,
    read_build,
    take_apart,
)
from indexer.extract.attachments import (
    Attachment,
    Claim,
    ClaimType,
    attachment_moments,
    read_attachment,
    read_listed_attachment,
)
from indexer.extract.created import pick_created
from indexer.extract.declared_base import (
    DeclaredBase,
    declared_bases,
    declared_keywords,
    declares_base,
)
from indexer.extract.facts import (
    EXTRACT_VERSION,
    Facts,
    config_descriptor,
    extract,
    read_facts,
)
from indexer.extract.fields import version_of_tags
from indexer.extract.history import HistoryEntry
from indexer.extract.image_config import Variable, run_settings
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
    load_kinds,
)
from indexer.extract.lineage import (
    ChainFamily,
    ChainKind,
    Layers,
    chain_ids,
    chain_key,
    chain_keywords,
    config_labels,
    inherited_labels,
    is_empty_layer,
    read_layers,
)
from indexer.extract.parts import Part
from indexer.extract.sizes import greater_size, read_blob_sizes, sum_sizes, weigh

__all__ = [
    "BUILT_IN",
    "EXTRACT_VERSION",
    "Anatomy",
    "Attachment",
    "Build",
    "BuildStep",
    "ChainFamily",
    "ChainKind",
    "Claim",
    "ClaimType",
    "DeclaredBase",
    "Facts",
    "HistoryEntry",
    "Kind",
    "KindTable",
    "Layers",
    "Material",
    "Part",
    "Role",
    "Variable",
    "Where",
    "annotation",
    "attachment_moments",
    "chain_ids",
    "chain_key",
    "chain_keywords",
    "config",
    "config_descriptor",
    "config_labels",
    "declared_bases",
    "declared_keywords",
    "declares_base",
    "extract",
    "greater_size",
    "inherited_labels",
    "is_empty_layer",
    "label",
    "layer",
    "list_annotations",
    "load_kinds",
    "pick_created",
    "read_attachment",
    "read_blob_sizes",
    "read_build",
    "read_facts",
    "read_layers",
    "read_listed_attachment",
    "run_settings",
    "sum_sizes",
    "take_apart",
    "version_of_tags",
    "weigh",
]
