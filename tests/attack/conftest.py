"""What attacks need: a service, a registry that does as it is told, and their size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack import IS_FULL
from tests.attack.stub_registry import StubRegistry
from tests.end_to_end.service import Service


@pytest.fixture
def is_full() -> bool:
    """Tell whether attacks have their full size, as ``make attack`` runs them."""
    return IS_FULL


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    """Give a running registry, empty and honest until a test tells it otherwise."""
    with StubRegistry() as stub:
        yield stub


@pytest.fixture
def service(tmp_path: Path, registry: StubRegistry) -> Iterator[Service]:
    """Give a service beside ``registry``, not started; ``configure`` it first."""
    own = Service(tmp_path)
    own.configure(REGSEARCH_REGISTRY=registry.url)
    try:
        yield own
    finally:
        own.close()
