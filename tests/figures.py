"""A plugin that prints measured figures at once and again at the end of the run."""

from collections.abc import Callable

import pytest

FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the run with no figures."""
    config.stash[FIGURES] = []


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a function that records one measured figure, a short text with its units."""
    figures = request.config.stash[FIGURES]

    def record(text: str) -> None:
        print(f"figure: {text}")
        figures.append(text)

    return record


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
