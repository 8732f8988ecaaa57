from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.engines import Engine
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.conformance.index import Index


@pytest.fixture(params=ALL_ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    engine = ALL_ENGINES[request.param](tmp_path)
    engine.create("one")
    return engine


@pytest.fixture
def index(engine: Engine) -> Iterator[Index]:
    index = Index(engine)
    yield index
    index.close()
