from pathlib import Path

import pytest

from indexer.engines import Engine
from tests.indexer.engines.conformance.engines import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine, without generations."""
    return ENGINES[request.param](tmp_path / "search")
