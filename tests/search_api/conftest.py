"""A filled data directory, made once and only read."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from indexer.store import Journal, ReceivedNotifications
from tests.search_api.filling import REGISTRIES, fill
from tests.search_api.sample_content import CONTENT


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a data directory with the sample content, complete; tests only read it."""
    directory = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(directory, CONTENT))
    before = _received(directory)
    yield directory
    assert _received(directory) == before, "a test sent notifications to what all tests share"


def _received(directory: Path) -> Mapping[str, ReceivedNotifications]:
    with closing(Journal(directory, read_only=True)) as journal:
        return journal.notifications(dict.fromkeys(REGISTRIES))


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Take back how a command set up logging."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.NOTSET)
