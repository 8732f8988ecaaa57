"""The engine ``tantivy``: an optional dependency, good to millions of documents."""

from indexer.engines.tantivy.engine import TantivyEngine

__all__ = ["TantivyEngine"]
