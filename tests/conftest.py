"""Fixtures that every test may use, and which tests are run by the same process."""

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["tests.figures", "tests.programs", "pytester"]

_END_TO_END = "tests/end_to_end/"


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone, as the service does."""
    return "asyncio"


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Keeps the tests of a file together, and all those that share the real programs."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _END_TO_END if file.startswith(_END_TO_END) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByFile:
    """Return what gives tests to processes."""
    return _ByFile(config, log)
