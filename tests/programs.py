"""A pytest plugin: tests that need a program say so, and a missing one is never overlooked.

Without the program a test is skipped, and one line at the end of the run says which tests did not
run and how to get the program. Where ``CI`` is ``true`` the test fails instead.
"""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Protocol

import pytest

# Debian keeps daemons here, and the PATH of an ordinary user leaves it out.
_SYSTEM_FOLDERS = f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
_MISSING = "missing program"
_VERSIONS = Path(__file__).parents[1] / ".ci" / "versions"


class NeedsProgram(Protocol):
    """The value of the fixture ``needs_program``."""

    def __call__(self, name: str, *, package: str = "") -> str:
        """Return the path of a program; skip or fail the test if it is missing.

        A program that is in ``.ci/versions`` must have the version there. For any other,
        ``package`` is its Debian package, if that has another name.
        """


def pinned_versions() -> dict[str, str]:
    """Return the version of each program that ``make programs`` builds."""
    lines = [line.split() for line in _VERSIONS.read_text("utf-8").splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 3 and words[0] != "#"}


def kept_folder(name: str, version: str) -> Path:
    """Return the folder in which ``make programs`` keeps a version of a program."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "regsearch-ci" / f"{name}-{version}"


def find_program(name: str) -> str | None:
    """Return the path of a program, of its version in ``.ci/versions`` if it is there."""
    version = pinned_versions().get(name)
    if version:
        return shutil.which(name, path=str(kept_folder(name, version)))
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + _SYSTEM_FOLDERS)


@pytest.fixture
def needs_program(request: pytest.FixtureRequest) -> NeedsProgram:
    """Give a function that returns the path of a program, or ends the test without it."""

    def find(name: str, *, package: str = "") -> str:
        path, version = find_program(name), pinned_versions().get(name)
        if path:
            return path
        way = f"{version} (make programs)" if version else f"(package {package or name})"
        program = f"{name} {way}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {program}", pytrace=False)
        # A property comes along from the process that runs the test.
        request.node.user_properties.append((_MISSING, program))
        pytest.skip(f"needs {program}")

    return find


def need_root(purpose: str) -> None:
    """Skip the test where it is not run as root; fail it in CI. ``purpose`` says what it is for."""
    if os.geteuid() != 0:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"needs root, {purpose}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line which tests were not run for want of a program."""
    counts = Counter(
        str(program)
        for report in terminalreporter.getreports("skipped")
        for name, program in report.user_properties
        if name == _MISSING
    )
    if counts:
        parts = [
            f"{count} {'test needs' if count == 1 else 'tests need'} {program}"
            for program, count in sorted(counts.items())
        ]
        terminalreporter.write_line(f"not run: {', '.join(parts)}", yellow=True)
