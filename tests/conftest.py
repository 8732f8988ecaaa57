"""Fixtures that every test may use, and which tests are run by the same process."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.figures", "tests.programs", "pytester"]

END_TO_END = Path(__file__).parent / "end_to_end"


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone, as the service does."""
    return "asyncio"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and all those that share the real programs."""
    for item in items:
        together = END_TO_END if item.path.is_relative_to(END_TO_END) else item.path
        item.add_marker(pytest.mark.xdist_group(str(together)))
