"""Fixtures of the store's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on disk."""
    opened = Store(tmp_path)
    yield opened
    opened.close()
