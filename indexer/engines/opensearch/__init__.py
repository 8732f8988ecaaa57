"""The engine ``opensearch``: a search index in an OpenSearch cluster; an optional dependency."""

from indexer.engines.opensearch.client import ClusterAddress
from indexer.engines.opensearch.engine import OpenSearchEngine
from indexer.engines.opensearch.generation import IndexShape

__all__ = ["ClusterAddress", "IndexShape", "OpenSearchEngine"]
