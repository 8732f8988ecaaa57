"""Store to search index: which documents are made when, and the rebuild beside the live one."""

from indexer.indexing.updates import Indexing

__all__ = ["Indexing"]
