"""The search index behind one small protocol; each engine's library is imported in one module."""

from indexer.engines.protocol import Engine, IndexReader, IndexWriter, go_on

__all__ = ["Engine", "IndexReader", "IndexWriter", "go_on"]
