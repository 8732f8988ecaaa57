"""A filled data directory, made once and only read."""

import asyncio
from pathlib import Path

import pytest

from tests.search_api.filling import fill
from tests.search_api.sample_content import CONTENT


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory with the sample content, complete; tests only read it."""
    directory = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(directory, CONTENT))
    return directory
