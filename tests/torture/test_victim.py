"""A process dies at the step of its plan, and at no other."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import victim
from tests.torture.steps import FIRST_START, MOMENT, READING, STEPS
from tests.torture.victim import FailPoints, _step_of_file

PROJECT = Path(__file__).parents[2]
# What the product does, as far as the fail points can tell: three commits, two of them refreshes.
PROGRAM = """
import os, sqlite3, sys
from pathlib import Path
from tests.torture import victim
points = victim.FailPoints(Path(sys.argv[1]))
victim.watch_databases(points.reached)
victim.watch_files(points.reached)
store = sqlite3.connect(sys.argv[2], isolation_level=None)
store.execute("CREATE TABLE queue (id)")
store.executemany("INSERT INTO queue VALUES (?)", [(1,), (2,), (3,)])
for number in (1, 2):
    store.execute("BEGIN")
    store.execute("DELETE FROM queue WHERE id = ?", [number])
    store.execute("COMMIT")
with open(sys.argv[2] + ".new", "w") as file:
    os.fsync(file.fileno())
os.replace(sys.argv[2] + ".new", sys.argv[2] + ".toc")
"""


def run(plan: Path, store: Path) -> int:
    command = [sys.executable, "-c", PROGRAM, str(plan), str(store)]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


def left(store: Path) -> list[int]:
    connection = sqlite3.connect(store)
    rows = connection.execute("SELECT id FROM queue ORDER BY id").fetchall()
    connection.close()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("step", "times", "rows"),
    [
        ("refresh:before", 1, [1, 2, 3]),
        ("refresh:after", 1, [2, 3]),
        ("refresh:before", 2, [2, 3]),
        ("store-inside", 1, []),
        ("store-inside", 3, [2, 3]),
        ("fsync", 1, [3]),
    ],
)
def test_it_dies_when_the_step_is_reached_for_the_nth_time(
    tmp_path: Path, step: str, times: int, rows: list[int]
) -> None:
    plan, store = tmp_path / "plan", tmp_path / "store.db"
    plan.write_text(f"{step} {times}\n")
    assert run(plan, store) == -signal.SIGKILL
    assert left(store) == rows
    assert not plan.exists()
    assert (tmp_path / f"plan{victim.FIRED}").read_text().split() == [step, str(times)]


@pytest.mark.parametrize(("moment", "renamed"), [("before", False), ("after", True)])
def test_it_dies_on_either_side_of_the_commit_of_an_index(
    tmp_path: Path, moment: str, *, renamed: bool
) -> None:
    plan, store = tmp_path / "plan", tmp_path / "store.db"
    plan.write_text(f"index-commit:{moment} 1\n")
    assert run(plan, store) == -signal.SIGKILL
    assert (tmp_path / "store.db.toc").exists() == renamed


@pytest.mark.parametrize("text", ["", "refresh:before 3\n", "swap:before 1\n", "half a pl"])
def test_it_lives_when_no_step_is_reached_that_often(tmp_path: Path, text: str) -> None:
    plan, store = tmp_path / "plan", tmp_path / "store.db"
    if text:
        plan.write_text(text)
    assert run(plan, store) == 0
    assert left(store) == [3]


def test_a_plan_that_comes_while_the_process_runs_counts_from_then_on(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    points = FailPoints(plan)
    points.reached("fsync")
    plan.write_text("fsync 3\n")
    points.reached("fsync")
    points.reached("fsync")
    assert plan.exists()


def test_every_step_has_something_that_reaches_it() -> None:
    transactions = {f"{step}:{m}" for _, step in victim._TRANSACTIONS for m in ("before", "after")}
    renames = {
        f"{name}:{m}" for name in ("index-commit", "generation-made") for m in ("before", "after")
    }
    files = {
        _step_of_file("open", ("x/MAIN_1.seg", "wb")),
        _step_of_file("os.remove", ("x/MAIN_1.seg", -1)),
        _step_of_file("os.remove", ("x/generation.json", -1)),
        _step_of_file("os.rmdir", ("image", 7)),
        _step_of_file("fcntl.flock", (3, 2)),
    }
    reachable = transactions | renames | files
    reachable |= {"fsync", "store-inside", "journal-inside", "migration", MOMENT, READING}
    first = {step.name for steps in FIRST_START.values() for step in steps}
    assert {step.name for step in STEPS} | first <= reachable


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("x/MAIN_1.seg", "rb")),
        ("open", ("x/MAIN_1.seg", None)),
        ("open", ("x/other", "w")),
        ("os.remove", ("x/store.db-wal", -1)),
        ("socket.connect", ("a", "b")),
    ],
)
def test_what_is_no_step_is_none(event: str, arguments: tuple[object, ...]) -> None:
    assert _step_of_file(event, arguments) == ""
