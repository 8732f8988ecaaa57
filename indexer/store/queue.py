"""The queue of refreshes: one durable list of targets to read again, hints about one coalesced."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import Digest, RepositoryName

NO_REPOSITORY = RepositoryName("")


class RefreshKind(StrEnum):
    """What a refresh reads again."""

    CATALOG = "catalog"
    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"
    REFERRERS = "referrers"
    """The list of what is attached to a digest."""
    LISTING = "listing"
    """The tags or repositories of a registry, to find those among the many that wait."""


class Priority(IntEnum):
    """Who goes first: fresh pushes overtake everything that a crawl asks for."""

    EVENT = 0
    CRAWL = 1
    LATER = 2
    """Of events that are too many for their repository."""
    LOOK = 3
    """Of a tag that has perhaps moved, between two crawls."""


@dataclass(frozen=True, slots=True)
class RefreshTarget:
    """Where to look: a whole registry, or a repository, tag or digest of it."""

    kind: RefreshKind
    repository: RepositoryName = NO_REPOSITORY
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    """One unit of work taken from the queue.

    ``generation`` counts the hints that were coalesced into it: a refresh whose target was hinted
    at again while it ran stays in the queue. ``expected_digest`` is what the newest push said.
    """

    id: int
    registry_id: int
    target: RefreshTarget
    priority: Priority
    generation: int
    tries: int
    newest_event_at: datetime | None
    expected_digest: Digest | None
    crawl_id: int | None
    received_at: datetime | None = None
    """When the oldest notification that asked for it arrived."""

    @property
    def is_of_event(self) -> bool:
        """Whether an event asked for it, be it among others."""
        return self.newest_event_at is not None

    @property
    def is_look(self) -> bool:
        """Whether neither an event nor a crawl asked for it."""
        return self.priority is Priority.LOOK


@dataclass(frozen=True, slots=True)
class SetAside:
    """A refresh that failed for good until the next crawl, and why."""

    registry: str
    kind: str
    repository: str
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A refresh that failed and is tried again later, and why."""

    registry: str
    kind: str
    repository: str
    reference: str
    reason: str
    due_at: str


class Queue:
    """The queue inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        registry_id: int,
        targets: Sequence[RefreshTarget],
        *,
        priority: Priority,
        due_at: datetime,
        newest_event_at: datetime | None = None,
        expected_digest: Digest | None = None,
        crawl_id: int | None = None,
        received_at: datetime | None = None,
    ) -> None:
        """Ask for a refresh of each target; one already asked for takes on the more urgent wish."""
        event_at = rfc3339(newest_event_at) if newest_event_at else None
        self._database.conn.executemany(
            """
            INSERT INTO queue (registry_id, kind, repository, reference, priority, due_at,
                               newest_event_at, expected_digest, crawl_id, received_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET
                priority = min(priority, excluded.priority),
                due_at = min(due_at, excluded.due_at),
                generation = generation + 1,
                tries = 0,
                set_aside = 0,
                reason = NULL,
                newest_event_at = max(coalesce(newest_event_at, excluded.newest_event_at),
                                      coalesce(excluded.newest_event_at, newest_event_at)),
                expected_digest = CASE
                    WHEN expected_digest IS NULL THEN excluded.expected_digest
                    WHEN excluded.newest_event_at < newest_event_at THEN expected_digest
                    ELSE coalesce(excluded.expected_digest, expected_digest) END,
                crawl_id = coalesce(excluded.crawl_id, crawl_id),
                received_at = coalesce(received_at, excluded.received_at)
            """,
            [
                (
                    registry_id,
                    target.kind.value,
                    target.repository,
                    target.reference,
                    int(priority),
                    rfc3339(due_at),
                    event_at,
                    expected_digest,
                    crawl_id,
                    rfc3339(received_at) if received_at else None,
                )
                for target in targets
            ],
        )

    def due(
        self, registry_id: int, now: datetime, *, limit: int, taken: Collection[int] = ()
    ) -> list[Refresh]:
        """Return what to do next in a registry, most urgent first, without what is taken."""
        rows = self._database.execute(
            "SELECT id, registry_id, kind, repository, reference, priority, generation, tries,"
            " newest_event_at, expected_digest, crawl_id, received_at FROM queue"
            " WHERE registry_id = ? AND set_aside = 0 AND due_at <= ?"
            " ORDER BY priority, due_at, id LIMIT ?",
            [registry_id, rfc3339(now), limit + len(taken)],
        )
        return [_refresh(row) for row in rows if row[0] not in taken][:limit]

    def later(self, registry_id: int, repository: RepositoryName) -> list[tuple[int, str]]:
        """Return the number and tag of each refresh of a tag that is for later, oldest first.

        Without a repository: the number and repository of each refresh that is for later.
        """
        if repository:
            query = "SELECT id, reference FROM queue WHERE kind = 'tag' AND repository = ?2"
        else:
            query = "SELECT id, repository FROM queue WHERE ?2 = ''"
        rows = self._database.execute(
            f"{query} AND registry_id = ?1 AND set_aside = 0 AND priority = ?3 ORDER BY id",
            [registry_id, repository, int(Priority.LATER)],
        )
        return rows.fetchall()

    def hasten(self, ids: Sequence[int], *, due_at: datetime) -> None:
        """Make refreshes that are for later as urgent as those of other events."""
        self._database.conn.executemany(
            "UPDATE queue SET priority = ?, due_at = ? WHERE id = ?",
            [(int(Priority.EVENT), rfc3339(due_at), number) for number in ids],
        )

    def is_waiting(self, *, now: datetime) -> bool:
        """Tell whether any refresh is due, of whatever registry."""
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM queue WHERE set_aside = 0 AND due_at <= ?)",
            [rfc3339(now)],
        ).fetchone()
        return bool(row[0])

    def add_looks(
        self, registry_id: int, targets: Sequence[RefreshTarget], *, due_at: datetime
    ) -> None:
        """Ask for a look at each target that nobody asked for, and that was not set aside."""
        self._database.conn.executemany(
            "INSERT INTO queue (registry_id, kind, repository, reference, priority, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (
                    registry_id,
                    target.kind.value,
                    target.repository,
                    target.reference,
                    int(Priority.LOOK),
                    rfc3339(due_at),
                )
                for target in targets
            ],
        )

    def has_looks(self, registry_id: int) -> bool:
        """Tell whether looks at tags of a registry still wait."""
        row = self._database.execute(
            "SELECT 1 FROM queue WHERE registry_id = ? AND set_aside = 0 AND priority = ? LIMIT 1",
            [registry_id, int(Priority.LOOK)],
        ).fetchone()
        return row is not None

    def contains(self, registry_id: int, target: RefreshTarget) -> bool:
        """Tell whether a refresh of a target waits or was set aside."""
        row = self._database.execute(
            "SELECT 1 FROM queue WHERE registry_id = ? AND kind = ? AND repository = ?"
            " AND reference = ?",
            [registry_id, target.kind.value, target.repository, target.reference],
        ).fetchone()
        return row is not None

    def finish(self, refresh: Refresh) -> None:
        """Take a refresh out, unless its target was hinted at again since it was taken."""
        self._database.execute(
            "DELETE FROM queue WHERE id = ? AND generation = ?", [refresh.id, refresh.generation]
        )

    def requeue(self, refresh: Refresh, *, due_at: datetime, reason: str) -> None:
        """Keep a failed refresh for another try at ``due_at``.

        One whose target was hinted at again since it was taken stays as that hint wants it.
        """
        self._database.execute(
            "UPDATE queue SET tries = tries + 1, reason = ?, due_at = ?"
            " WHERE id = ? AND generation = ?",
            [reason[:1_000], rfc3339(due_at), refresh.id, refresh.generation],
        )

    def set_aside(self, refresh: Refresh, *, reason: str) -> None:
        """Keep a refresh out of the way until somebody hints at its target again."""
        self._database.execute(
            "UPDATE queue SET set_aside = 1, tries = tries + 1, reason = ?, priority = ?"
            " WHERE id = ? AND generation = ?",
            [reason[:1_000], int(Priority.CRAWL), refresh.id, refresh.generation],
        )

    def retry_set_aside(self, registry_id: int, *, due_at: datetime) -> None:
        """Try everything that was set aside again: the registry was at fault, not the targets."""
        self._database.execute(
            "UPDATE queue SET set_aside = 0, tries = 0, due_at = ?"
            " WHERE registry_id = ? AND set_aside = 1",
            [rfc3339(due_at), registry_id],
        )

    def list_set_aside(self, *, limit: int) -> list[SetAside]:
        """Return refreshes that were set aside, those that were asked for last first."""
        rows = self._database.execute(
            "SELECT registries.name, kind, repository, reference, reason FROM queue"
            " JOIN registries ON registries.id = registry_id"
            " WHERE set_aside = 1 ORDER BY queue.id DESC LIMIT ?",
            [limit],
        )
        return [SetAside(*row) for row in rows]

    def list_postponed(self, *, limit: int) -> list[Postponed]:
        """Return refreshes that failed and are to be tried again, the latest try first."""
        rows = self._database.execute(
            "SELECT registries.name, kind, repository, reference, reason, due_at FROM queue"
            " JOIN registries ON registries.id = registry_id"
            " WHERE set_aside = 0 AND reason IS NOT NULL ORDER BY due_at DESC LIMIT ?",
            [limit],
        )
        return [Postponed(*row) for row in rows]


def _refresh(row: Sequence[Any]) -> Refresh:
    return Refresh(
        id=row[0],
        registry_id=row[1],
        target=RefreshTarget(RefreshKind(row[2]), RepositoryName(row[3]), row[4]),
        priority=Priority(row[5]),
        generation=row[6],
        tries=row[7],
        newest_event_at=parse_rfc3339(row[8]) if row[8] else None,
        expected_digest=Digest(row[9]) if row[9] else None,
        crawl_id=row[10],
        received_at=parse_rfc3339(row[11]) if row[11] else None,
    )
