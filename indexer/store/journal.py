"""The journal: the durable list of received events, in a file of its own.

It is apart from the store so that receiving never waits for the indexer's writes. An entry is
acknowledged only once it is on disk (``synchronous = FULL``); the indexer reads entries in order
and remembers its position in the store, in the same transaction as what follows from them.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from indexer.clock import parse_rfc3339, rfc3339
from indexer.errors import JournalError
from indexer.model import (
    Action,
    Command,
    Digest,
    Event,
    Item,
    Pull,
    Rejected,
    RepositoryName,
    TagName,
)
from indexer.store.damage import DamagedRow, delete_damaged, find_damaged
from indexer.store.database import close_database, open_database, translated_errors
from indexer.store.notifications import NotificationCount, NotificationTables, ReceivedNotifications
from indexer.store.pulls import PullBatches, PullCount, count

REJECTED_BODY_MAX = 64 * 1_024
BUSY_TIMEOUT_MS = 800
"""How long an append waits for other writers: less than registries wait for an answer, 1 s."""
PRUNED_AT_ONCE = 2_000
"""Entries dropped in one transaction: more would make senders wait for longer than they like."""
JOURNAL_FILE = "journal.db"
_COMMANDS = frozenset(Command)

migrations = Migrations("journal")


@migrations()
def m001_entries(database: Database) -> None:
    """Make the list of entries; a repeated event of one sender is kept once."""
    database.execute(
        """
        CREATE TABLE entries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            registry TEXT NOT NULL,
            received_at TEXT NOT NULL,
            action TEXT,
            repository TEXT,
            tag TEXT,
            digest TEXT,
            event_id TEXT,
            occurred_at TEXT,
            actor TEXT NOT NULL DEFAULT '',
            source TEXT NOT NULL DEFAULT '',
            rejected_reason TEXT,
            rejected_body BLOB
        )
        """
    )
    database.execute(
        "CREATE UNIQUE INDEX entries_event ON entries (registry, event_id)"
        " WHERE event_id IS NOT NULL"
    )
    database.execute("CREATE INDEX entries_rejected ON entries (registry) WHERE action IS NULL")
    # Entries are numbered from the time on (microseconds), so that those of a journal that takes
    # the place of a lost one are behind the position that the store remembers.
    database.execute(
        "INSERT INTO sqlite_sequence (name, seq)"
        " VALUES ('entries', CAST(strftime('%s', 'now') AS INTEGER) * 1000000)"
    )


@migrations()
def m002_pulls(database: Database) -> None:
    """Make the batches of counted pulls, numbered from the time on as entries are (seconds)."""
    database.execute(
        """
        CREATE TABLE pulls (
            batch INTEGER NOT NULL,
            registry TEXT NOT NULL,
            repository TEXT NOT NULL,
            digest TEXT NOT NULL,
            pulls INTEGER NOT NULL,
            newest_at TEXT NOT NULL,
            PRIMARY KEY (batch, registry, repository, digest)
        ) WITHOUT ROWID
        """
    )
    database.execute("CREATE TABLE open_batch (batch INTEGER NOT NULL)")
    database.execute("INSERT INTO open_batch VALUES (CAST(strftime('%s', 'now') AS INTEGER))")


@migrations()
def m003_notifications(database: Database) -> None:
    """Make the counts of notifications, and the position that a store has reached for good."""
    database.execute(
        """
        CREATE TABLE notifications (
            registry TEXT NOT NULL,
            result TEXT NOT NULL,
            total INTEGER NOT NULL,
            newest_at TEXT NOT NULL,
            sender TEXT NOT NULL,
            PRIMARY KEY (registry, result)
        ) WITHOUT ROWID
        """
    )
    database.execute(
        """
        CREATE TABLE refusals (
            registry TEXT NOT NULL,
            at TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (registry, at)
        ) WITHOUT ROWID
        """
    )
    database.execute("CREATE TABLE reached (position INTEGER NOT NULL)")
    # What is before the first entry was taken in by a store, or was in a journal that is lost.
    database.execute(
        "INSERT INTO reached SELECT coalesce((SELECT min(id) - 1 FROM entries),"
        " (SELECT seq FROM sqlite_sequence WHERE name = 'entries'))"
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One usable row of the journal."""

    id: int
    registry: str
    """"" of a command that is about no registry."""
    received_at: datetime
    item: Event | Command


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """How many entries of a registry wait behind a position, and how many are kept as rejected."""

    waiting: int
    rejected: int


class Journal:
    """The open journal; one thread at a time. ``read_only`` for those who only look."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self._path = directory / JOURNAL_FILE
        self._is_read_only = read_only
        self._database = open_database(
            self._path,
            migrations,
            synchronous="FULL",
            read_only=read_only,
            busy_timeout_ms=BUSY_TIMEOUT_MS,
        )
        self._notifications = NotificationTables(self._database)
        self._pulls = PullBatches(self._database)

    def append(self, items: Sequence[tuple[str, Item | Command]], *, received_at: datetime) -> None:
        """Append ``(registry, item)`` pairs in one durable transaction; pulls are added up.

        An event that is there already, by registry and event id, stays as it is.
        :class:`JournalError` when that is not possible; then none of them is kept.
        """
        rows = [
            _row(registry, item, received_at)
            for registry, item in items
            if not isinstance(item, Pull)
        ]
        pulls = [(registry, item) for registry, item in items if isinstance(item, Pull)]
        with self._transaction():
            self._database.conn.executemany(
                "INSERT INTO entries (registry, received_at, action, repository, tag, digest,"
                " event_id, occurred_at, actor, source, rejected_reason, rejected_body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )
            self._pulls.add(count(pulls, received_at=received_at))

    def set_damage_aside(self) -> list[DamagedRow]:
        """Find and delete damaged rows, and return them; whoever reads the journal may lack them.

        :class:`JournalError` when that is not possible.
        """
        with self._transaction():
            found = find_damaged(self._database.conn)
            delete_damaged(self._database.conn, found)
        return [row.named() for row in found]

    def check(self) -> None:
        """Write something that means nothing; :class:`JournalError` when that is not possible.

        The number is one that SQLite keeps for its users, and nobody reads it.
        """
        with self._transaction():
            (number,) = self._database.execute("PRAGMA user_version").fetchone()
            self._database.execute(f"PRAGMA user_version = {1 - number % 2}")

    def count_notifications(self, counts: Sequence[NotificationCount]) -> None:
        """Add to the counts of notifications; :class:`JournalError` when that is not possible."""
        with self._transaction():
            self._notifications.add(counts)

    def notifications(self, since: Mapping[str, str | None]) -> dict[str, ReceivedNotifications]:
        """Return what was received, by registry; ``since`` says from when refused ones count."""
        with translated_errors(self._path):
            return self._notifications.get(since)

    def reached(self) -> int:
        """Return the position of a store that has taken in all that this journal knows to be so.

        A store that is behind it is older, or knew another journal: it may lack entries that are
        not here any more, and what crawls found.
        """
        return int(self._read("SELECT position FROM reached")[0][0])

    def set_reached(self, position: int) -> None:
        """Write the position of the store; :class:`JournalError` when that is not possible."""
        with self._transaction():
            self._database.execute("UPDATE reached SET position = ?", [position])

    def version(self) -> int:
        """Return a number that is another one after every change by another process."""
        return int(self._read("PRAGMA data_version")[0][0])

    def entries_after(self, position: int, *, limit: int) -> tuple[list[Entry], int]:
        """Return up to ``limit`` usable entries behind ``position``, and the position reached.

        Rejected entries are passed over; the position moves past them.
        """
        rows = self._read(
            "SELECT id, registry, received_at, action, repository, tag, digest, event_id,"
            " occurred_at, actor, source FROM entries WHERE id > ? ORDER BY id LIMIT ?",
            [position, limit],
        )
        entries = [_entry(row) for row in rows if row[3] is not None]
        return entries, rows[-1][0] if rows else position

    def newest(self) -> int:
        """Return the number of the newest entry, or what the first one will be behind."""
        rows = self._read("SELECT seq FROM sqlite_sequence WHERE name = 'entries'")
        return int(rows[0][0])

    def counts(self, position: int) -> dict[str, JournalCounts]:
        """Return, for each registry, what waits behind ``position`` and what was rejected."""
        waiting: dict[str, int] = dict(
            self._read(
                "SELECT registry, count(*) FROM entries"
                " WHERE id > ? AND action IS NOT NULL GROUP BY registry",
                [position],
            )
        )
        rejected: dict[str, int] = dict(
            self._read(
                "SELECT registry, count(*) FROM entries WHERE action IS NULL GROUP BY registry"
            )
        )
        return {
            registry: JournalCounts(waiting.get(registry, 0), rejected.get(registry, 0))
            for registry in waiting | rejected
        }

    def rejected(self, *, limit: int) -> list[tuple[str, str, str]]:
        """Return the newest rejected entries as (registry, received_at, reason)."""
        return self._read(
            "SELECT registry, received_at, rejected_reason FROM entries"
            " WHERE action IS NULL ORDER BY id DESC LIMIT ?",
            [limit],
        )

    def prune(self, position: int, *, received_before: datetime) -> int:
        """Drop entries up to ``position`` that were received before a time; return how many.

        The oldest, and at most :data:`PRUNED_AT_ONCE` of them. Their effect is in the store, which
        is on disk up to ``position`` (:meth:`indexer.store.Store.durable_journal_position`); they
        were kept only so that a repeated event is noticed and an operator can look back.
        :class:`JournalError` when that is not possible.
        """
        with self._transaction():
            cursor = self._database.execute(
                "DELETE FROM entries WHERE id IN (SELECT id FROM entries"
                " WHERE id <= ? AND received_at < ? ORDER BY id LIMIT ?)",
                [position, rfc3339(received_before), PRUNED_AT_ONCE],
            )
        return cursor.rowcount

    def close_pulls(self, position: int) -> tuple[list[PullCount], int]:
        """Close the batch of pulls; return what is in those behind ``position``, and the newest.

        Later pulls go into another batch. :class:`JournalError` when that cannot be written.
        """
        with self._transaction():
            self._pulls.close_batch()
            return self._pulls.closed_after(position)

    def drop_pulls(self, position: int) -> None:
        """Drop the batches of pulls up to ``position``, whose counts are on disk in the store.

        :class:`JournalError` when that is not possible.
        """
        with self._transaction():
            self._pulls.drop(position)

    def close(self) -> None:
        """Close the file, with all that was written in it."""
        if self._is_read_only:
            self._database.close()
        else:
            close_database(self._database)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._database.atomic():
                yield
        except sqlite3.Error as error:
            raise JournalError(f"the journal cannot be written: {error}") from error

    def _read(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        with translated_errors(self._path):
            return self._database.execute(query, parameters).fetchall()


def _row(
    registry: str, item: Event | Rejected | Command, received_at: datetime
) -> tuple[object, ...]:
    received = rfc3339(received_at)
    if isinstance(item, Command):
        return (registry, received, item.value, *(None,) * 5, "", "", None, None)
    if isinstance(item, Rejected):
        body = item.body[:REJECTED_BODY_MAX]
        return (registry, received, *(None,) * 6, "", "", item.reason[:1_000], body)
    occurred = rfc3339(item.occurred_at) if item.occurred_at else None
    return (
        registry,
        received,
        item.action.value,
        item.repository,
        item.tag,
        item.digest,
        item.event_id or None,
        occurred,
        item.actor,
        item.source,
        None,
        None,
    )


def _entry(row: tuple[int, str, str, str, str, str, str, str, str, str, str]) -> Entry:
    item = Command(row[3]) if row[3] in _COMMANDS else _event(row)
    return Entry(id=row[0], registry=row[1], received_at=parse_rfc3339(row[2]), item=item)


def _event(row: tuple[int, str, str, str, str, str, str, str, str, str, str]) -> Event:
    return Event(
        action=Action(row[3]),
        repository=RepositoryName(row[4]) if row[4] else None,
        tag=TagName(row[5]) if row[5] else None,
        digest=Digest(row[6]) if row[6] else None,
        event_id=row[7] or "",
        occurred_at=parse_rfc3339(row[8]) if row[8] else None,
        actor=row[9],
        source=row[10],
    )
