"""The search index behind one small protocol; each engine's library is imported in one module."""

from indexer.engines.protocol import (
    WRITTEN_IN_ORDER,
    EncodedDocument,
    Engine,
    IndexReader,
    IndexWriter,
    go_on,
)

__all__ = ["WRITTEN_IN_ORDER", "EncodedDocument", "Engine", "IndexReader", "IndexWriter", "go_on"]
