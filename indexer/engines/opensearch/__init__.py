"""The engine ``opensearch``: a search index in an OpenSearch cluster; an optional dependency."""

from indexer.engines.opensearch.client import ClusterAddress
from indexer.engines.opensearch.engine import OpenSearchEngine, OpenSearchReader, joint_name
from indexer.engines.opensearch.generation import IndexShape
from indexer.engines.opensearch.nodes import NodeTable, NodeText

__all__ = [
    "ClusterAddress",
    "IndexShape",
    "NodeTable",
    "NodeText",
    "OpenSearchEngine",
    "OpenSearchReader",
    "joint_name",
]
