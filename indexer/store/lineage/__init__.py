"""Lineage: how images are related by their layers, and the tables that tell it."""

from indexer.store.lineage.chain_changes import ChainTables
from indexer.store.lineage.chains import Trie
from indexer.store.lineage.keys import KEYS_MAX, LineageKeys
from indexer.store.lineage.related import Base, Bases, Declared, LineageTables
from indexer.store.lineage.shown_images import RelatedImage, RelatedImages

__all__ = [
    "KEYS_MAX",
    "Base",
    "Bases",
    "ChainTables",
    "Declared",
    "LineageKeys",
    "LineageTables",
    "RelatedImage",
    "RelatedImages",
    "Trie",
]
