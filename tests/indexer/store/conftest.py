"""Fixtures of the store's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.store import Store
from tests.indexer.empty_store import put_empty_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on disk."""
    put_empty_store(tmp_path)
    opened = Store(tmp_path)
    yield opened
    opened.close()
