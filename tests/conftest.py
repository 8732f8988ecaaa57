"""Fixtures that every test may use."""

import pytest

pytest_plugins = ["tests.figures", "tests.programs", "pytester"]


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone, as the service does."""
    return "asyncio"
