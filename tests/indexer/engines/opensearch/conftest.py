from pathlib import Path

import pytest

from indexer.engines.opensearch import OpenSearchEngine
from tests.indexer.engines.conformance.engines import opensearch
from tests.opensearch.cluster import Cluster


@pytest.fixture
def engine(needs_cluster: Cluster, tmp_path: Path) -> OpenSearchEngine:
    """The engine, with an empty generation ``one``."""
    assert needs_cluster.urls
    made = opensearch(tmp_path / "search")
    made.create("one")
    return made
