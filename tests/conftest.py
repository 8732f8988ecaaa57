"""Fixtures that every test may use, and which tests are run by the same process."""

import sys

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["tests.figures", "tests.programs", "tests.opensearch.fixtures", "pytester"]

# Files that take long, mostly.
_FIRST = ("tests/deploy/test_image", "tests/end_to_end/", "tests/attack/", "tests/test_")
# httpx2 looks for this package at every request to an application, and it is not there.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone, as the service does."""
    return "asyncio"


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Keeps the tests of a file together: they share what is expensive."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByFile:
    """Return what gives tests to processes."""
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long files first: one at the end would keep one process busy and the others idle."""
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))
