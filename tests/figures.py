"""A plugin that prints measured figures at once and again at the end of the run."""

from collections.abc import Callable

import pytest

FIGURES = pytest.StashKey[list[str]]()
_PROPERTY = "figure"


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a function that records one measured figure, a short text with its units."""

    def record(text: str) -> None:
        print(f"figure: {text}")
        # A property, for those come along from the process that runs the test.
        request.node.user_properties.append((_PROPERTY, text))

    return record


def pytest_configure(config: pytest.Config) -> None:
    """Start the run with no figures."""
    config.stash[FIGURES] = []
    config.pluginmanager.register(_Reports(config), "figures of reports")


class _Reports:
    def __init__(self, config: pytest.Config) -> None:
        self._figures = config.stash[FIGURES]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the figures of a test when it is over."""
        if report.when == "teardown":
            self._figures += [
                str(text) for name, text in report.user_properties if name == _PROPERTY
            ]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """List every figure of the run below the results, also when output was captured."""
    figures = config.stash[FIGURES]
    if not figures:
        return
    terminalreporter.section("figures")
    for text in figures:
        terminalreporter.write_line(f"figure: {text}")
