"""A journal that counts its transactions and can be blocked or removed, and its rows."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from indexer.errors import JournalError
from indexer.model.event import Command, Event, Item
from indexer.store import Entry, Journal, NotificationCount, ReceivedNotifications


class WatchedJournal(Journal):
    """A real journal; ``groups`` holds how many items came in each transaction that was tried."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.groups: list[int] = []
        self.counted: list[int] = []
        """How many notifications were counted in each transaction."""
        self.is_full = False
        self.gate = threading.Event()
        """While it is clear, an append waits."""
        self.gate.set()

    def append(self, items: Sequence[tuple[str, Item | Command]], *, received_at: datetime) -> None:
        """Append when the gate is open."""
        self.groups.append(len(items))
        assert self.gate.wait(20)
        super().append(items, received_at=received_at)

    def count_notifications(self, counts: Sequence[NotificationCount]) -> None:
        """Count when the gate is open; fail while the disk is full."""
        assert self.gate.wait(20)
        if self.is_full:
            raise JournalError("the disk is full")
        super().count_notifications(counts)
        self.counted.append(sum(count.number for count in counts))


def break_journal(directory: Path) -> None:
    """Make every later append fail."""
    _execute(directory, "ALTER TABLE entries RENAME TO away")


def repair_journal(directory: Path) -> None:
    """Make appends possible again."""
    _execute(directory, "ALTER TABLE away RENAME TO entries")


@contextmanager
def broken_journal(directory: Path) -> Iterator[None]:
    """Have every append fail while this is open."""
    break_journal(directory)
    yield
    repair_journal(directory)


def kept_entries(directory: Path) -> list[Entry]:
    """Return the usable entries that are on disk."""
    journal = Journal(directory, read_only=True)
    entries, _ = journal.entries_after(0, limit=1_000_000)
    journal.close()
    return entries


def kept_events(directory: Path) -> list[Event]:
    """Return the events that are on disk."""
    return [entry.item for entry in kept_entries(directory) if isinstance(entry.item, Event)]


def kept_notifications(directory: Path, registry: str = "main") -> ReceivedNotifications:
    """Return what is on disk about the notifications of a registry."""
    with closing(Journal(directory, read_only=True)) as journal:
        return journal.notifications({}).get(registry, ReceivedNotifications())


def kept_rejected(directory: Path) -> list[tuple[str, str, bytes]]:
    """Return (registry, reason, body) of the rejected entries that are on disk, oldest first."""
    with closing(sqlite3.connect(directory / "journal.db")) as connection:
        rows = connection.execute(
            "SELECT registry, rejected_reason, rejected_body FROM entries"
            " WHERE action IS NULL ORDER BY id"
        )
        return list(rows)


def _execute(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / "journal.db")) as connection:
        connection.execute(statement)
        connection.commit()
