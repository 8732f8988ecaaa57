from pathlib import Path

import pytest

from indexer.engines import Engine
from tests.indexer.engines.conformance.engines import ALL_ENGINES


@pytest.fixture(params=ALL_ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine, without generations."""
    return ALL_ENGINES[request.param](tmp_path / "search")


@pytest.fixture(autouse=True)
def cluster_for_engine(request: pytest.FixtureRequest) -> None:
    """Have the cluster there for each test that has the engine as a parameter."""
    specification = getattr(request.node, "callspec", None)
    if specification and "opensearch" in specification.params.values():
        request.getfixturevalue("needs_cluster")
