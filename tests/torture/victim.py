"""Runs ``regsearch web`` or ``regsearch indexer``, and kills it at a step when a plan says so.

``python -m tests.torture.victim indexer`` with ``TORTURE_PLAN`` naming the plan's file, which holds
the name of a step and how often it is to be reached, and may come and go while the process runs.
The product is as it is: its connections to SQLite, ``os.fsync`` and Python's audit events tell
which step it takes. Whoever kills itself renames the plan first, so that nobody does it twice.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PLAN = "TORTURE_PLAN"
FIRED = ".fired"
"""What is appended to the name of a plan that was carried out."""

Reached = Callable[[str], None]

# What a transaction is for follows from one of its statements; the first that is found counts.
_TRANSACTIONS = (
    ("INTO entries", "journal-append"),
    ("DELETE FROM entries", "prune"),
    ("INTO positions", "take-in"),
    ("UPDATE crawls SET resume", "catalog-page"),
    ("INTO crawls", "crawl-begun"),
    ("UPDATE crawls SET finished_at", "crawl-ended"),
    ("DELETE FROM queue", "refresh"),
    ("UPDATE queue SET tries = tries", "look-again"),
    ("INTO search_index", "swap"),
    ("INTO rebuild", "rebuild-progress"),
    ("DELETE FROM stale_documents", "stale-marks-removed"),
    ("INTO registries", "registries-put"),
)
_CHANGES = ("INSERT", "UPDATE", "DELETE")


class FailPoints:
    """Counts how often the step of the plan is reached, and kills this process when it is time."""

    def __init__(self, plan: Path) -> None:
        self._plan = plan
        self._written = 0
        self._count = 0

    def reached(self, step: str) -> None:
        """Say that a step is reached; does not return when it is the one to die at."""
        try:
            written = self._plan.stat().st_mtime_ns
            wanted, times = self._plan.read_text().split()
        except (FileNotFoundError, ValueError):
            return
        if written != self._written:
            self._written, self._count = written, 0
        if step != wanted:
            return
        self._count += 1
        if self._count < int(times):
            return
        try:
            self._plan.rename(self._plan.with_name(self._plan.name + FIRED))
        except FileNotFoundError:
            # Called off at this very moment.
            return
        os.kill(os.getpid(), signal.SIGKILL)


class _Connection(sqlite3.Connection):
    """A connection that reports every change and every commit, with its purpose."""

    reached: Reached
    inside: str

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run a statement, as the class above does."""
        if sql.startswith("COMMIT"):
            return self._commit(sql)
        self._note(sql)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Run a statement for each of the parameters, as the class above does."""
        self._note(sql)
        return super().executemany(sql, parameters)

    def _note(self, sql: str) -> None:
        word = sql.split(None, 1)[0]
        if word == "BEGIN" or not self.in_transaction:
            self._statements: list[str] = []
        self._statements.append(sql)
        if word == "CREATE":
            self.reached("migration")
        elif word in _CHANGES:
            self.reached(self.inside)

    def _commit(self, sql: str) -> sqlite3.Cursor:
        done = "\n".join(self._statements)
        step = next((step for part, step in _TRANSACTIONS if part in done), "other")
        self.reached(f"{step}:before")
        cursor = super().execute(sql)
        self.reached(f"{step}:after")
        return cursor


def watch_databases(reached: Reached) -> None:
    """Make every new connection to SQLite report its actions."""
    connect = sqlite3.connect

    def connect_watched(database: Any, **options: Any) -> sqlite3.Connection:
        inside = "journal-inside" if "journal.db" in str(database) else "store-inside"
        members = {"reached": staticmethod(reached), "inside": inside}
        kind = type("Connection", (_Connection,), members)
        return connect(database, factory=kind, **options)

    sqlite3.connect = connect_watched  # type: ignore[assignment]


def watch_files(reached: Reached) -> None:
    """Report all actions on files of the search index and on locks from now on."""

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        step = _step_of_file(event, arguments)
        if step:
            reached(step)

    sys.addaudithook(told)
    sync = os.fsync

    def sync_watched(descriptor: int) -> None:
        reached("fsync")
        sync(descriptor)

    os.fsync = sync_watched  # type: ignore[assignment]
    os.rename = _renaming(os.rename, reached)
    os.replace = _renaming(os.replace, reached)


def _renaming(rename: Callable[..., None], reached: Reached) -> Callable[..., None]:
    def rename_watched(source: Any, target: Any, **options: Any) -> None:
        name = Path(target).name
        step = ""
        if name.endswith(".toc"):
            step = "index-commit"
        elif name == "generation.json":
            step = "generation-made"
        if step:
            reached(f"{step}:before")
        rename(source, target, **options)
        if step:
            reached(f"{step}:after")

    return rename_watched


def _step_of_file(event: str, arguments: tuple[Any, ...]) -> str:
    if event == "fcntl.flock":
        return "lock"
    if event not in {"open", "os.remove", "os.rmdir"}:
        return ""
    path, second = str(arguments[0]), arguments[1]
    name = Path(path).name
    if event == "open":
        is_segment = name.startswith("MAIN_") and isinstance(second, str) and "w" in second
        return "segment-write" if is_segment else ""
    # A whole folder is removed from within, by names and the number of the folder.
    if second != -1 or name == "generation.json":
        return "generation-dropped"
    return "old-segment-removal" if name.endswith((".seg", ".toc")) else ""


def main() -> None:
    """Run the command of the arguments with the fail points of the plan."""
    points = FailPoints(Path(os.environ[PLAN]))
    watch_databases(points.reached)
    watch_files(points.reached)
    # Only now, so that nothing it does while it is imported is missed.
    from search_api.cli.main import main as run_command  # noqa: PLC0415

    run_command(sys.argv[1:])


if __name__ == "__main__":
    main()
