"""What the indexer measured of each registry, for the metrics; kept over restarts.

The time from receiving a notification to its effect being searchable is measured here. When the
effect is in the store, the documents that show it are marked stale. It is searchable as soon as
those of its repository that were marked until then are made again.
"""

from collections import defaultdict
from datetime import datetime
from enum import StrEnum

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import LAG_BOUNDS, Measures, add_duration
from indexer.store.queue import Refresh, RefreshKind

SEARCHABLE = "searchable_seconds"
LOOKS = "looks"
"""How many looks found what: see :class:`LookResult`."""
ARRIVALS_AT_ONCE = 500
"""Events that are looked at in one step, those that were applied first."""
_COUNTED = frozenset({RefreshKind.TAG, RefreshKind.DIGEST})
"""Others only find out what is to be read."""


class LookResult(StrEnum):
    """What a look at a tag found."""

    MOVED = "moved"
    UNCHANGED = "unchanged"
    ABSENT = "absent"


class MeasureTables:
    """The measures inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, registry_id: int, measures: Measures) -> None:
        """Add to the measures of a registry."""
        self._database.conn.executemany(
            "INSERT INTO measures (registry_id, name, part, number) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = number + excluded.number",
            [(registry_id, name, part, number) for (name, part), number in measures.items()],
        )

    def count_look(self, registry_id: int, result: LookResult) -> None:
        """Count a look at a tag of a registry."""
        self.add(registry_id, Measures({(LOOKS, result.value): 1}))

    def get(self) -> dict[str, Measures]:
        """Return the measures of each registry of the settings, by its name."""
        found: dict[str, Measures] = defaultdict(Measures)
        for registry, name, part, number in self._database.execute(
            "SELECT registries.name, measures.name, part, number FROM measures"
            " JOIN registries ON registries.id = registry_id WHERE NOT removed"
        ):
            found[registry][name, part] = number
        return dict(found)

    def note_applied(self, refresh: Refresh, *, at: datetime) -> None:
        """Note that the effect of an event is in the store, where it may not be searchable yet."""
        if refresh.received_at is None or refresh.target.kind not in _COUNTED:
            return
        # It stays in the queue if another event came while it ran, and that one came just now.
        self._database.execute(
            "UPDATE queue SET received_at = ? WHERE id = ?", [rfc3339(at), refresh.id]
        )
        cursor = self._database.execute(
            "INSERT INTO arrivals (registry_id, repository_id, received_at, last_sequence)"
            " SELECT registry_id, id, ?, (SELECT coalesce(max(sequence), 0) FROM stale_documents)"
            " FROM repositories WHERE registry_id = ? AND name = ?",
            [rfc3339(refresh.received_at), refresh.registry_id, refresh.target.repository],
        )
        # If it changed nothing, no document is written that would end the wait.
        self._measure("id = ?", cursor.lastrowid or 0, at=at)

    def note_searchable(self, *, at: datetime) -> None:
        """Measure the events whose effect is searchable, now that documents were written."""
        self._measure(
            "id IN (SELECT id FROM arrivals ORDER BY id LIMIT ?)", ARRIVALS_AT_ONCE, at=at
        )

    def _measure(self, which: str, value: int, *, at: datetime) -> None:
        rows = self._database.execute(
            f"SELECT id, registry_id, received_at FROM arrivals WHERE {which} AND NOT EXISTS"  # noqa: S608
            " (SELECT 1 FROM stale_documents WHERE repository_id = arrivals.repository_id"
            "  AND sequence <= last_sequence)",
            [value],
        ).fetchall()
        found: dict[int, Measures] = defaultdict(Measures)
        for _, registry_id, received_at in rows:
            seconds = (at - parse_rfc3339(received_at)).total_seconds()
            add_duration(found[registry_id], SEARCHABLE, seconds, LAG_BOUNDS)
        for registry_id, measures in found.items():
            self.add(registry_id, measures)
        self._database.conn.executemany(
            "DELETE FROM arrivals WHERE id = ?", [(row[0],) for row in rows]
        )
