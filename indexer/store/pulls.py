"""Pulls, counted: never a row a pull.

Web adds them up in the journal, in the transaction of the events beside them. Now and then the
indexer closes such a batch, to which nothing is added any more, and moves its counts into the
store; so each pull is counted once, whoever is killed when.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.model import Digest, Pull, Pulls, RepositoryName

_SELECT = "SELECT digest, pulls, last_pulled_at, is_doubtful"
_OF_REPOSITORY = ""
"""Stands in the column of digests for the repository as a whole."""


@dataclass(frozen=True, slots=True)
class PullCount:
    """How often a digest of a repository was pulled, and when for the last time, RFC 3339."""

    registry: str
    repository: RepositoryName
    digest: Digest
    pulls: int
    newest_at: str


def count(pulls: Sequence[tuple[str, Pull]], *, received_at: datetime) -> list[PullCount]:
    """Add up pulls, each with the name of its registry."""
    counts: dict[tuple[str, RepositoryName, Digest], tuple[int, datetime]] = {}
    for registry, pull in pulls:
        key = (registry, pull.repository, pull.digest)
        number, newest = counts.get(key, (0, received_at))
        counts[key] = (number + 1, max(newest, pull.occurred_at or received_at))
    return [PullCount(*key, number, rfc3339(at)) for key, (number, at) in counts.items()]


class PullBatches:
    """The batches inside the journal; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Sequence[PullCount]) -> None:
        """Add to the open batch."""
        self._database.conn.executemany(
            "INSERT INTO pulls (batch, registry, repository, digest, pulls, newest_at)"
            " SELECT batch, ?, ?, ?, ?, ? FROM open_batch WHERE true"
            " ON CONFLICT DO UPDATE SET pulls = pulls + excluded.pulls,"
            " newest_at = max(newest_at, excluded.newest_at)",
            [(c.registry, c.repository, c.digest, c.pulls, c.newest_at) for c in counts],
        )

    def close_batch(self) -> None:
        """Open another batch, if there is anything in this one."""
        self._database.execute(
            "UPDATE open_batch SET batch = batch + 1"
            " WHERE EXISTS (SELECT 1 FROM pulls WHERE pulls.batch = open_batch.batch)"
        )

    def closed_after(self, position: int) -> tuple[list[PullCount], int]:
        """Return what is in the closed batches behind ``position``, and the newest closed one."""
        rows = self._database.execute(
            "SELECT registry, repository, digest, sum(pulls), max(newest_at) FROM pulls"
            " WHERE batch > ? AND batch < (SELECT batch FROM open_batch)"
            " GROUP BY registry, repository, digest",
            [position],
        ).fetchall()
        (newest,) = self._database.execute("SELECT batch - 1 FROM open_batch").fetchone()
        counts = [
            PullCount(row[0], RepositoryName(row[1]), Digest(row[2]), *row[3:]) for row in rows
        ]
        return counts, newest

    def drop(self, position: int) -> None:
        """Drop the batches up to ``position``, whose counts are in the store for good."""
        self._database.execute("DELETE FROM pulls WHERE batch <= ?", [position])


class PullTables:
    """The counts inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, repository_id: int, counted: PullCount) -> bool:
        """Add to a digest and, unless it is only part of an index, to its repository.

        Who pulls an index pulls one of its children too; that is one pull. Returns whether it was
        added to the repository.
        """
        self._add(repository_id, counted.digest, counted)
        is_part = self._is_part(repository_id, counted.digest)
        if not is_part:
            self._add(repository_id, _OF_REPOSITORY, counted)
        return not is_part

    def get_image(self, repository_id: int, digest: Digest) -> Pulls:
        """Return how often a digest was pulled from a repository."""
        return self._get(repository_id, digest)

    def list_images(self, repository_id: int) -> dict[Digest, Pulls]:
        """Return the same of all digests of a repository that were ever pulled."""
        rows = self._database.execute(
            f"{_SELECT} FROM pulls LEFT JOIN pulled USING (repository_id, digest)"
            " WHERE repository_id = ?1 UNION ALL"
            f" {_SELECT} FROM pulled LEFT JOIN pulls USING (repository_id, digest)"
            " WHERE repository_id = ?1 AND NOT is_blob AND pulls IS NULL",
            [repository_id],
        )
        return {Digest(row[0]): _pulls(row[1:]) for row in rows}

    def get_repository(self, repository_id: int) -> Pulls:
        """Return how often anything was pulled from a repository.

        It is doubtful if everything in it is that clients pulled by a tag or digest.
        """
        row = self._database.execute(
            "SELECT min(is_doubtful) FROM pulled WHERE repository_id = ? AND NOT is_blob",
            [repository_id],
        ).fetchone()
        is_doubtful = None if row[0] is None else bool(row[0])
        return replace(self._get(repository_id, _OF_REPOSITORY), is_doubtful=is_doubtful)

    def _add(self, repository_id: int, digest: str, counted: PullCount) -> None:
        self._database.execute(
            "INSERT INTO pulls (repository_id, digest, pulls, last_pulled_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET pulls = pulls + excluded.pulls,"
            " last_pulled_at = max(last_pulled_at, excluded.last_pulled_at)",
            [repository_id, digest, counted.pulls, counted.newest_at],
        )

    def _is_part(self, repository_id: int, digest: Digest) -> bool:
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM index_children JOIN repository_manifests USING (digest)"
            "  WHERE child_digest = ?2 AND repository_id = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest"
            "  WHERE repository_id = ?1 AND digest = ?2 AND hidden_at IS NULL)",
            [repository_id, digest],
        ).fetchone()
        return bool(row[0])

    def _get(self, repository_id: int, digest: str) -> Pulls:
        row = self._database.execute(
            "SELECT pulls, last_pulled_at, is_doubtful"
            " FROM (SELECT ?1 AS repository_id, ?2 AS digest)"
            " LEFT JOIN pulls USING (repository_id, digest)"
            " LEFT JOIN pulled USING (repository_id, digest)",
            [repository_id, digest],
        ).fetchone()
        return _pulls(row)


def _pulls(row: Sequence[Any]) -> Pulls:
    return Pulls(row[0] or 0, row[1], None if row[2] is None else bool(row[2]))
