"""Fixtures of the resources' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.store import Store
from tests.search_api.filling import REGISTRIES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that knows the registries and nothing else."""
    opened = Store(tmp_path)
    with opened.transaction():
        for name, host in REGISTRIES.items():
            opened.registries.put(name, url=f"http://{host}", registry_host=host)
    yield opened
    opened.close()
