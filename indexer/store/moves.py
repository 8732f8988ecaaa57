"""Which tags have moved, as their history tells: what says how often each of them will."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import RepositoryName, TagName


@dataclass(frozen=True, slots=True)
class MovingTag:
    """A visible tag that we saw to move, how often, since when we look, and when we did last."""

    repository: RepositoryName
    tag: TagName
    moves: int
    since: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class MovingTags:
    """Those of some repositories, beside how many tags these have; ``last`` is the last of them.

    ``last`` is None after the last repository of a registry.
    """

    tags: int
    moving: tuple[MovingTag, ...]
    last: int | None


class MoveTables:
    """The moves of tags inside the store, counted; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, registry_id: int, *, after: int, limit: int, since: datetime) -> MovingTags:
        """Return the tags that moved since a time, of the ``limit`` repositories after a number.

        Only what we saw ourselves counts: an event is followed by our own look at its tag. That a
        tag appeared is no move.
        """
        repositories = self._database.execute(
            "SELECT id, name FROM repositories WHERE registry_id = ? AND id > ?"
            " ORDER BY id LIMIT ?",
            [registry_id, after, limit],
        ).fetchall()
        found: list[MovingTag] = []
        tags = 0
        for repository_id, name in repositories:
            (count,) = self._database.execute(
                "SELECT count(*) FROM tags WHERE repository_id = ? AND hidden_at IS NULL",
                [repository_id],
            ).fetchone()
            tags += count
            rows = self._database.execute(
                "SELECT name, count(*), max(first_seen_at, ?2), confirmed_at FROM tag_moves"
                " JOIN tags ON tags.repository_id = tag_moves.repository_id AND name = tag"
                " WHERE tag_moves.repository_id = ?1 AND NOT from_event AND hidden_at IS NULL"
                " AND tagged_at > max(first_seen_at, ?2) GROUP BY name",
                [repository_id, rfc3339(since)],
            )
            found += [
                MovingTag(
                    RepositoryName(name),
                    TagName(row[0]),
                    row[1],
                    parse_rfc3339(row[2]),
                    parse_rfc3339(row[3]),
                )
                for row in rows
            ]
        is_end = len(repositories) < limit
        return MovingTags(tags, tuple(found), None if is_end else repositories[-1][0])
