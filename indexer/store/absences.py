"""What a crawl did not find any more: tags that are shown until somebody decides about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import RepositoryName, TagName, is_system_tag
from indexer.store.queue import Priority


@dataclass(frozen=True, slots=True)
class Absence:
    """A tag that the registry said is not there, when a crawl asked for it.

    ``quarantined_at`` is when the first crawl saw that which quarantined it; None while it is
    undecided.
    """

    repository_id: int
    tag: TagName
    seen_at: datetime
    quarantined_at: datetime | None


@dataclass(frozen=True, slots=True)
class AbsentTags:
    """The absences of one repository; it ``is_lost`` when it has no other tag that is shown."""

    repository_id: int
    repository: RepositoryName
    tags: tuple[TagName, ...]
    is_lost: bool
    since: str


class AbsenceTables:
    """The absences inside the store; its methods join the caller's transaction.

    Only tags that are shown have one: :class:`ContentTables` drops it when the tag is seen again,
    and when it is hidden.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, repository_id: int, tag: TagName, *, crawl_id: int | None, seen_at: datetime
    ) -> None:
        """Write that a crawl did not find a tag; one that is not shown is not missed.

        None stands for a crawl that had ended when the registry answered at last.
        """
        self._database.execute(
            "INSERT INTO absences (repository_id, tag, crawl_id, seen_at)"
            " SELECT repository_id, name, ?, ? FROM tags"
            " WHERE repository_id = ? AND name = ? AND hidden_at IS NULL"
            " ON CONFLICT DO UPDATE SET crawl_id = coalesce(excluded.crawl_id, crawl_id),"
            " seen_at = excluded.seen_at",
            [crawl_id, rfc3339(seen_at), repository_id, tag],
        )

    def are_left_over(self, registry_id: int) -> bool:
        """Tell whether some are undecided, no crawl runs and nothing waits that one asked for."""
        # From the absences on, as below: this is asked for all the time.
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM absences CROSS JOIN repositories ON id = repository_id"
            "  WHERE registry_id = ?1 AND held_at IS NULL)"
            " AND NOT EXISTS (SELECT 1 FROM crawls WHERE registry_id = ?1 AND finished_at IS NULL)"
            " AND NOT EXISTS (SELECT 1 FROM queue"
            "  WHERE registry_id = ?1 AND set_aside = 0 AND newest_event_at IS NULL"
            "  AND priority < ?2)",
            [registry_id, int(Priority.LOOK)],
        ).fetchone()
        return bool(row[0])

    def found(self, registry_id: int) -> list[Absence]:
        """Return what the newest crawl of a registry did not find, and what is undecided."""
        rows = self._database.execute(
            "SELECT repository_id, tag, seen_at, held_at FROM absences"
            " WHERE repository_id IN (SELECT id FROM repositories WHERE registry_id = ?1) AND"
            " (held_at IS NULL OR crawl_id = (SELECT max(id) FROM crawls WHERE registry_id = ?1))",
            [registry_id],
        )
        return [
            Absence(
                row[0],
                TagName(row[1]),
                parse_rfc3339(row[2]),
                parse_rfc3339(row[3]) if row[3] else None,
            )
            for row in rows
        ]

    def quarantine(self, absences: Sequence[Absence]) -> None:
        """Write that absences are quarantined; those that are already stay so since then."""
        self._database.conn.executemany(
            "UPDATE absences SET held_at = coalesce(held_at, seen_at)"
            " WHERE repository_id = ? AND tag = ?",
            [(absence.repository_id, absence.tag) for absence in absences],
        )

    def list_in(self, registry_id: int, *, quarantined: bool) -> list[AbsentTags]:
        """Return the absences in a registry by repository, all or only those quarantined."""
        # From the absences on, for there are hardly ever any, and freshness asks for them often.
        rows = self._database.execute(
            "SELECT repositories.id, repositories.name, tags.name, coalesce(held_at, seen_at)"
            " FROM (SELECT DISTINCT repository_id FROM absences"
            "  WHERE held_at IS NOT NULL OR NOT ?1) AS missing"
            " CROSS JOIN repositories ON repositories.id = missing.repository_id"
            " JOIN tags ON tags.repository_id = repositories.id AND hidden_at IS NULL"
            " LEFT JOIN absences ON absences.repository_id = repositories.id AND tag = tags.name"
            "  AND (held_at IS NOT NULL OR NOT ?1)"
            " WHERE registry_id = ?2 ORDER BY repositories.name, tags.name",
            [quarantined, registry_id],
        )
        return [
            _absent_tags(repository_id, RepositoryName(name), [(row[2], row[3]) for row in group])
            for (repository_id, name), group in groupby(rows, key=lambda row: (row[0], row[1]))
        ]

    def count_quarantined(self, registry_id: int) -> int:
        """Return how many repositories are shown only because their absence is quarantined."""
        return sum(one.is_lost for one in self.list_in(registry_id, quarantined=True))


def _absent_tags(
    repository_id: int, repository: RepositoryName, tags: list[tuple[str, str | None]]
) -> AbsentTags:
    """Return the absences among the visible tags of a repository, given since when each is one."""
    named = [since for tag, since in tags if not is_system_tag(tag)]
    return AbsentTags(
        repository_id=repository_id,
        repository=repository,
        tags=tuple(TagName(tag) for tag, since in tags if since),
        is_lost=bool(named) and all(named),
        since=min(since for _, since in tags if since),
    )
