"""The systemd units: systemd finds nothing wrong with them, and lets them do little."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.systemd import UNITS
from tests.end_to_end.processes import run, run_well
from tests.programs import NeedsProgram

NAMES = ("regsearch-indexer.service", "regsearch-web.service")
EXPOSURE_MAX = 2.0
SYSTEM = Path("/lib/systemd/system")
each_unit = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def analyze(needs_program: NeedsProgram) -> str:
    """Give the path of systemd-analyze."""
    return needs_program("systemd-analyze", package="systemd")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Make the root folder of a machine on which the units are installed."""
    program = tmp_path / "opt" / "regsearch" / "bin" / "regsearch"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    shutil.copytree(SYSTEM, tmp_path / "usr" / "lib" / "systemd" / "system", symlinks=True)
    shutil.copytree(UNITS, tmp_path / "etc" / "systemd" / "system")
    return tmp_path


def test_systemd_finds_nothing_wrong(analyze: str, machine: Path) -> None:
    """It says on standard error what is wrong, and ends with 0 for many wrong values."""
    ended = run([analyze, "verify", f"--root={machine}", *NAMES])
    assert (ended.returncode, ended.stderr) == (0, "")


def test_systemd_would_find_a_wrong_value(analyze: str, machine: Path) -> None:
    unit = machine / "etc" / "systemd" / "system" / NAMES[0]
    unit.write_text(unit.read_text("utf-8").replace("PrivateTmp=yes", "PrivateTmp=perhaps"))
    assert "perhaps" in run([analyze, "verify", f"--root={machine}", NAMES[0]]).stderr


@each_unit
def test_it_is_exposed_little(analyze: str, name: str, figure: Callable[[str], None]) -> None:
    printed = run_well([analyze, "security", "--offline=true", str(UNITS / name)])
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", printed)
    assert found is not None, printed
    figure(f"{name}: exposure {found[1]}")
    assert float(found[1]) <= EXPOSURE_MAX


def test_both_units_differ_only_in_what_they_run() -> None:
    lines = [
        {line for line in (UNITS / name).read_text("utf-8").splitlines() if "=" in line}
        for name in NAMES
    ]
    assert {line.partition("=")[0] for line in lines[0] ^ lines[1]} == {
        "Description",
        "ExecStart",
        "LimitNOFILE",
    }
