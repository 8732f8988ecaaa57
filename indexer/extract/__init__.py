"""Stored bytes to meaning: a pure function of manifests and configs, without input or output."""

from indexer.extract.content import Content, Facts
from indexer.extract.declared import DeclaredBase, declared_bases, declared_keywords
from indexer.extract.facts import EXTRACTOR_VERSION, config_descriptor, extract
from indexer.extract.lineage import (
    DERIVED_VERSION,
    ChainFamily,
    ChainKind,
    Layers,
    chain_ids,
    chain_key,
    chain_keywords,
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
    "DeclaredBase",
    "Facts",
    "Layers",
    "chain_ids",
    "chain_key",
    "chain_keywords",
    "config_descriptor",
    "declared_bases",
    "declared_keywords",
    "extract",
    "inherited_labels",
    "is_empty_layer",
    "labels_of",
    "layers_of",
]
