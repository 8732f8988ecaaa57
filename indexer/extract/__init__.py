"""Stored bytes to meaning: a pure function of manifests and configs, without input or output."""

from indexer.extract.content import Content, Facts
from indexer.extract.facts import EXTRACTOR_VERSION, config_descriptor, extract
from indexer.extract.lineage import (
    DERIVED_VERSION,
    ChainFamily,
    ChainKind,
    Layers,
    chain_ids,
    chain_key,
    chain_keywords,
    declared_keywords,
    inherited_labels,
    is_empty_layer,
    labels_of,
    layers_of,
)

__all__ = [
    "DERIVED_VERSION",
    "EXTRACTOR_VERSION",
    "ChainFamily",
    "ChainKind",
    "Content",
    "Facts",
    "Layers",
    "chain_ids",
    "chain_key",
    "chain_keywords",
    "config_descriptor",
    "declared_keywords",
    "extract",
    "inherited_labels",
    "is_empty_layer",
    "labels_of",
    "layers_of",
]
