"""Notifications, counted by their answer; those refused lately are counted by second.

The counts are in the journal, because the process that receives may write nothing else. Many
refused notifications cost no more than a few: those of one second are one row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlite_utils import Database

REFUSALS_MAX = 1_000
"""Rows of refused notifications that are kept of each registry: those of the last seconds."""


class NotificationResult(StrEnum):
    """What became of a notification."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Its secret was wrong."""


@dataclass(frozen=True, slots=True)
class NotificationCount:
    """Notifications of one registry with one result; time (RFC 3339) and sender of the newest."""

    registry: str
    result: NotificationResult
    number: int
    newest_at: str
    sender: str


@dataclass(frozen=True, slots=True)
class ReceivedNotifications:
    """The notifications of one registry, by result, and how many were refused since a time."""

    by_result: Mapping[NotificationResult, NotificationCount] = field(default_factory=dict)
    refused_since: int = 0

    @property
    def received_at(self) -> str | None:
        """The time of the newest accepted one."""
        accepted = self.by_result.get(NotificationResult.ACCEPTED)
        return accepted.newest_at if accepted else None

    def total(self, result: NotificationResult) -> int:
        """Return how many ended so since the journal was begun."""
        count = self.by_result.get(result)
        return count.number if count else 0


class NotificationTables:
    """The counts inside the journal; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Sequence[NotificationCount]) -> None:
        """Add to the counts."""
        self._database.conn.executemany(
            "INSERT INTO notifications (registry, result, total, newest_at, sender)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET total = total + excluded.total,"
            " newest_at = excluded.newest_at, sender = excluded.sender",
            [(c.registry, c.result, c.number, c.newest_at, c.sender) for c in counts],
        )
        for count in counts:
            if count.result is NotificationResult.REFUSED:
                self._add_refusals(count)

    def get(self, since: Mapping[str, str | None]) -> dict[str, ReceivedNotifications]:
        """Return the counts by registry; the refused ones since the time given for each, or all."""
        rows = self._database.execute(
            "SELECT registry, result, total, newest_at, sender FROM notifications"
        )
        counts: dict[str, dict[NotificationResult, NotificationCount]] = {}
        for registry, result, *rest in rows:
            count = NotificationCount(registry, NotificationResult(result), *rest)
            counts.setdefault(registry, {})[count.result] = count
        return {
            registry: ReceivedNotifications(
                by_result, self._refused_since(by_result, since.get(registry))
            )
            for registry, by_result in counts.items()
        }

    def _add_refusals(self, count: NotificationCount) -> None:
        self._database.execute(
            "INSERT INTO refusals (registry, at, number) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = number + excluded.number",
            [count.registry, count.newest_at, count.number],
        )
        self._database.execute(
            "DELETE FROM refusals WHERE registry = ?1 AND at <= (SELECT at FROM refusals"
            " WHERE registry = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
            [count.registry, REFUSALS_MAX],
        )

    def _refused_since(
        self, by_result: Mapping[NotificationResult, NotificationCount], since: str | None
    ) -> int:
        newest = by_result.get(NotificationResult.REFUSED)
        # Mostly nothing was refused lately, and then no rows are read.
        if newest is None or (since is not None and newest.newest_at < since):
            return 0
        row = self._database.execute(
            "SELECT sum(number) FROM refusals WHERE registry = ? AND at >= ?",
            [newest.registry, since or ""],
        ).fetchone()
        return row[0] or newest.number
