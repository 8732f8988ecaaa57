"""What users saw change, in the order it did: tags that came, moved or went, for who keeps up.

Whoever takes a cursor, then a listing of the visible tags, and then applies all changes behind the
cursor has the visible tags of the store. A row is written in the transaction of its change, and
forgotten in time. Each carries a random mark, and a cursor that of the row it stands behind: so a
cursor of another store, or of one that went back to an older state, does not fit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.errors import CursorExpiredError, InvalidValueError
from indexer.model import Digest, RepositoryName, TagName, is_system_tag
from indexer.store.history import CLOCK_SKEW_SECONDS

_CURSOR = re.compile(r"([0-9a-f]{1,15})\.([0-9a-f]{16})")
_UNSIGNED = 1 << 64

_ADD = """
INSERT INTO changes (at, kind, registry_id, repository, tag, digest, previous_digest)
SELECT ?, ?, registry_id, name, ?, ?, ? FROM repositories WHERE id = ?"""

# The event that told of a push: the last one before we saw it, if nothing else happened between.
_PUSH = f"""
SELECT tagged_at || ' ' || actor FROM repositories
CROSS JOIN tag_moves AS event INDEXED BY tag_moves_digest
    ON event.repository_id = repositories.id AND event.digest = changes.digest
    AND event.tag = changes.tag AND from_event
WHERE repositories.registry_id = changes.registry_id AND repositories.name = changes.repository
AND tagged_at <= strftime('%Y-%m-%dT%H:%M:%fZ', at, '+{CLOCK_SKEW_SECONDS} seconds')
AND NOT EXISTS (SELECT 1 FROM tag_moves AS other
    WHERE other.repository_id = event.repository_id AND other.tag = event.tag
    AND other.tagged_at > event.tagged_at AND other.tagged_at < at
    AND other.digest <> event.digest)
ORDER BY tagged_at DESC LIMIT 1"""  # noqa: S608 - a number of ours
_CHANGES = f"""
SELECT sequence, mark, at, kind, registries.name, repository, tag, digest, previous_digest,
    ({_PUSH})
FROM (SELECT * FROM changes WHERE sequence {{sign}} ?1{{place}}{{more}}
    ORDER BY sequence {{order}} LIMIT ?2) AS changes
CROSS JOIN registries ON registries.id = changes.registry_id
ORDER BY sequence {{order}}"""  # noqa: S608 - texts of this module
# Of each place by itself, for who sees only some. The mark is that of the row with the maximum.
_FORGOTTEN = """
INSERT INTO forgotten_changes (registry_id, repository, sequence, mark)
SELECT registry_id, repository, max(sequence), mark FROM changes WHERE sequence <= ?
GROUP BY registry_id, repository
ON CONFLICT DO UPDATE SET sequence = excluded.sequence, mark = excluded.mark"""
_END = 1 << 62
"""Behind the sequence of every change."""


class ChangeKind(StrEnum):
    """What happened."""

    TAG_PUSHED = "tag.pushed"
    """A tag is new, or points at another digest than before."""
    TAG_REMOVED = "tag.removed"
    REPOSITORY_REMOVED = "repository.removed"
    """The last tag is gone, as the change before this one says."""


@dataclass(frozen=True, slots=True)
class ChangeCursor:
    """A place between two changes of one store; its text means nothing to others."""

    sequence: int
    mark: int

    def __str__(self) -> str:
        """Return the text that :meth:`parse` takes."""
        return f"{self.sequence:x}.{self.mark % _UNSIGNED:016x}"

    @classmethod
    def parse(cls, text: str) -> "ChangeCursor":
        """Return the cursor in a text; :class:`InvalidValueError` where it is none of ours."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidValueError(f"not a cursor of changes: {text[:100]!r}")
        mark = int(match[2], 16)
        return cls(int(match[1], 16), mark - _UNSIGNED if mark >= _UNSIGNED // 2 else mark)


@dataclass(frozen=True, slots=True)
class ChangePlace:
    """The registry and the repository whose changes are wanted; any if None."""

    registry: str | None = None
    repository: str | None = None

    def conditions(self) -> tuple[str, list[str]]:
        """Return conditions for a query, and the values from its third parameter on."""
        named = [
            ("registry_id = (SELECT id FROM registries WHERE name = {})", self.registry),
            ("repository = {}", self.repository),
        ]
        wanted = [(condition, value) for condition, value in named if value is not None]
        texts = (f" AND {condition.format(f'?{n}')}" for n, (condition, _) in enumerate(wanted, 3))
        return "".join(texts), [value for _, value in wanted]


EVERYWHERE = ChangePlace()


@dataclass(frozen=True, slots=True)
class Change:
    """One change; ``cursor`` stands behind it. ``at`` is when we saw it, RFC 3339.

    ``tag`` is "" and both digests are None where a repository went; ``digest`` is None where a tag
    did, and ``previous_digest`` where none was shown before.
    """

    cursor: ChangeCursor
    at: str
    kind: ChangeKind
    registry: str
    repository: RepositoryName
    tag: str
    digest: Digest | None
    previous_digest: Digest | None
    pushed_at: str | None = None
    """When an event said that it was pushed, RFC 3339; None where none did."""
    actor: str = ""


class Changes:
    """The changes inside the store, and how many tags each repository has after them.

    Its methods join the caller's transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def tag_pushed(
        self,
        repository_id: int,
        tag: TagName,
        digest: Digest,
        *,
        previous: Digest | None,
        at: datetime,
    ) -> None:
        """Write that a tag came to point at a digest; those of tools are nothing users see."""
        if is_system_tag(tag):
            return
        if previous is None:
            self._count(repository_id, 1)
        kind = ChangeKind.TAG_PUSHED
        self._add(repository_id, kind, at=at, tag=tag, digest=digest, previous=previous)

    def tag_removed(
        self, repository_id: int, tag: TagName, *, previous: Digest, at: datetime
    ) -> None:
        """Write that a tag is hidden, and its repository with it if that was the last one."""
        if is_system_tag(tag):
            return
        self._add(repository_id, ChangeKind.TAG_REMOVED, at=at, tag=tag, previous=previous)
        if self._count(repository_id, -1) == 0:
            self._add(repository_id, ChangeKind.REPOSITORY_REMOVED, at=at)

    def since(
        self, cursor: ChangeCursor | None, *, place: ChangePlace = EVERYWHERE, limit: int
    ) -> list[Change]:
        """Return the changes behind a cursor, oldest first; None is before all that are kept.

        :class:`CursorExpiredError` where some behind it are forgotten, or never were here.
        """
        start = (cursor or self.oldest()).sequence
        found = self._read(start, place, sign=">", order="ASC", limit=limit)
        # Only now: what was forgotten before the rows were read is missing among them.
        self._check_known(cursor)
        return found

    def before(
        self, cursor: ChangeCursor | None, *, place: ChangePlace = EVERYWHERE, limit: int
    ) -> list[Change]:
        """Return the changes before that of a cursor, newest first; None is behind all.

        :class:`CursorExpiredError` where it is forgotten, or never was here.
        """
        start = cursor.sequence if cursor else _END
        found = self._read(start, place, sign="<", order="DESC", limit=limit)
        self._check_known(cursor)
        return found

    def newest(self) -> ChangeCursor:
        """Return the cursor behind the newest change."""
        row = self._database.execute(
            "SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        return ChangeCursor(*row) if row else self.oldest()

    def oldest(self) -> ChangeCursor:
        """Return the cursor before the oldest change that is kept."""
        return ChangeCursor(
            *self._database.execute("SELECT sequence, mark FROM changes_start").fetchone()
        )

    def forget(self, *, before: datetime, limit: int) -> int:
        """Forget the oldest changes, at most so many, that are from before a time."""
        rows = self._database.execute(
            "SELECT sequence, mark, at FROM changes ORDER BY sequence LIMIT ?", [limit]
        ).fetchall()
        moment = rfc3339(before)
        # Only from the oldest on, whatever their times: what is kept has no gap.
        kept_from = next((n for n, row in enumerate(rows) if row[2] >= moment), len(rows))
        if kept_from:
            sequence, mark, _ = rows[kept_from - 1]
            self._database.execute(_FORGOTTEN, [sequence])
            self._database.execute("DELETE FROM changes WHERE sequence <= ?", [sequence])
            self._database.execute(
                "UPDATE changes_start SET sequence = ?, mark = ?", [sequence, mark]
            )
        return kept_from

    def _read(
        self, start: int, place: ChangePlace, *, sign: str, order: str, limit: int, more: str = ""
    ) -> list[Change]:
        conditions, values = place.conditions()
        query = _CHANGES.format(sign=sign, place=conditions, more=more, order=order)
        rows = self._database.execute(query, [start, limit, *values])
        return [_change(row) for row in rows]

    def _check_known(self, cursor: ChangeCursor | None) -> None:
        if cursor is not None and not self._is_known(cursor):
            raise CursorExpiredError(
                f"the changes at cursor {str(cursor)!r} are not kept: take a listing again"
            )

    def _is_known(self, cursor: ChangeCursor) -> bool:
        row = self._database.execute(
            "SELECT mark FROM changes WHERE sequence = ?1"
            " UNION ALL SELECT mark FROM changes_start WHERE sequence = ?1",
            [cursor.sequence],
        ).fetchone()
        return row is not None and row[0] == cursor.mark

    def _count(self, repository_id: int, more: int) -> int:
        """Count a tag more or less of a repository; return how many it has now."""
        [[tag_count]] = self._database.execute(
            "UPDATE repositories SET tag_count = tag_count + ? WHERE id = ? RETURNING tag_count",
            [more, repository_id],
        ).fetchall()
        return int(tag_count)

    def _add(
        self,
        repository_id: int,
        kind: ChangeKind,
        *,
        at: datetime,
        tag: str = "",
        digest: Digest | None = None,
        previous: Digest | None = None,
    ) -> None:
        self._database.execute(_ADD, [rfc3339(at), kind, tag, digest, previous, repository_id])


def _change(row: Sequence[Any]) -> Change:
    pushed_at, _, actor = (row[9] or "").partition(" ")
    return Change(
        cursor=ChangeCursor(row[0], row[1]),
        at=row[2],
        kind=ChangeKind(row[3]),
        registry=row[4],
        repository=RepositoryName(row[5]),
        tag=row[6],
        digest=Digest(row[7]) if row[7] else None,
        previous_digest=Digest(row[8]) if row[8] else None,
        pushed_at=pushed_at or None,
        actor=actor,
    )
