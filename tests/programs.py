"""A pytest plugin: tests that need a program say so, and a missing one is never overlooked.

Without the program a test is skipped, and one line at the end of the run says what was not run
and which Debian package has it. Where ``CI`` is ``true`` the test fails instead.
"""

import os
import shutil
from typing import Protocol

import pytest

# Debian keeps daemons here, and the PATH of an ordinary user leaves it out.
_SYSTEM_FOLDERS = f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"


class NeedsProgram(Protocol):
    """What the fixture ``needs_program`` gives."""

    def __call__(self, name: str, *, package: str = "") -> str:
        """Return the path of a program; skip or fail the test where it is missing.

        ``package`` is the Debian package that has it, where that is not called the same.
        """


class _Missing:
    """The programs that were not found, with the tests that needed each."""

    def __init__(self) -> None:
        self.tests: dict[tuple[str, str], set[str]] = {}

    def add(self, name: str, package: str, test: str) -> None:
        """Note that ``test`` needs a program that is not here."""
        self.tests.setdefault((name, package), set()).add(test)

    def line(self) -> str:
        """Return the one line about everything missing; empty where nothing was."""
        parts = [
            f"{len(tests)} {'test needs' if len(tests) == 1 else 'tests need'}"
            f" {name} (package {package})"
            for (name, package), tests in sorted(self.tests.items())
        ]
        return f"not run: {', '.join(parts)}" if parts else ""


_MISSING = pytest.StashKey[_Missing]()


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty list of missing programs."""
    config.stash[_MISSING] = _Missing()


@pytest.fixture
def needs_program(request: pytest.FixtureRequest) -> NeedsProgram:
    """Give a function that returns the path of a program, or ends the test without it."""

    def find(name: str, *, package: str = "") -> str:
        path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + _SYSTEM_FOLDERS)
        if path:
            return path
        message = f"needs {name} (package {package or name})"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        request.config.stash[_MISSING].add(name, package or name, request.node.nodeid)
        pytest.skip(message)

    return find


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say in one line which tests were not run for want of a program."""
    line = config.stash[_MISSING].line()
    if line:
        terminalreporter.write_line(line, yellow=True)
