"""Manifests that had a tag and have none now: who they were, and since when.

Only those that the registry still has, as far as we know, and that nobody else is there for: no
children of an index, no attachments. A manifest that never had a tag joins them once retention
has noticed it, for the children of an index are pushed before it.
"""

from collections.abc import Iterable

from sqlite_utils import Database

from indexer.model import Digest, RepositoryName, TagName, is_system_tag
from indexer.store.stale import StaleDocuments

LAST_TAGS_MAX = 10

_OWN = """
FROM repository_manifests AS own JOIN repositories ON repositories.id = own.repository_id
JOIN registries ON registries.id = registry_id"""
_IS_UNTAGGED = """
WHERE (left_at IS NOT NULL OR untagged_at IS NOT NULL) AND absent_at IS NULL
AND NOT left_out AND NOT removed
AND NOT EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = own.repository_id AND tags.digest = own.digest
    AND hidden_at IS NULL)
AND NOT EXISTS (SELECT 1 FROM subjects WHERE subjects.digest = own.digest AND index_digest = '')
AND NOT EXISTS (SELECT 1 FROM index_children
    JOIN repository_manifests AS parent ON parent.digest = index_children.digest
    WHERE child_digest = own.digest AND parent.repository_id = own.repository_id)"""
_UNTAGGED = _OWN + _IS_UNTAGGED
_TAGS_OF_UNTAGGED = f"""
SELECT DISTINCT own.digest, tag {_OWN}
LEFT JOIN tag_moves INDEXED BY tag_moves_digest
    ON tag_moves.repository_id = own.repository_id AND tag_moves.digest = own.digest
{_IS_UNTAGGED} AND own.repository_id = ?"""


class UntaggedTables:
    """The untagged manifests inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database, stale: StaleDocuments) -> None:
        self._database = database
        self._stale = stale

    def find(self, repository_id: int, digest: Digest) -> tuple[tuple[TagName, ...], str] | None:
        """Return the last tags of an untagged manifest and since when; None for any other."""
        row = self._database.execute(
            f"SELECT coalesce(left_at, untagged_at) {_UNTAGGED}"
            " AND own.repository_id = ? AND own.digest = ?",
            [repository_id, digest],
        ).fetchone()
        if row is None:
            return None
        rows = self._database.execute(
            "SELECT tag FROM tag_moves WHERE repository_id = ? AND digest = ?"
            " GROUP BY tag ORDER BY max(tagged_at) DESC, tag",
            [repository_id, digest],
        ).fetchall()
        tags = [TagName(tag) for (tag,) in rows if not is_system_tag(tag)]
        # What only tags of tools ever pointed at was attached to something.
        return (tuple(tags[:LAST_TAGS_MAX]), row[0]) if tags or not rows else None

    def count(self, repository_id: int) -> int:
        """Return how many manifests of a repository :meth:`find` knows."""
        rows = self._database.execute(_TAGS_OF_UNTAGGED, [repository_id])
        # What only tags of tools ever pointed at was attached to something.
        return len({row[0] for row in rows if row[1] is None or not is_system_tag(row[1])})

    def list_in(self, repository_id: int) -> list[Digest]:
        """Return the manifests of a repository that :meth:`find` may know, in order."""
        rows = self._database.execute(
            f"SELECT own.digest {_UNTAGGED} AND own.repository_id = ? ORDER BY 1",
            [repository_id],
        )
        return [Digest(row[0]) for row in rows]

    def repository_ids(self) -> list[int]:
        """Return every repository that has any, in the order they were first seen."""
        rows = self._database.execute(f"SELECT DISTINCT own.repository_id {_UNTAGGED} ORDER BY 1")
        return [row[0] for row in rows]

    def repositories(self, registry_id: int) -> list[RepositoryName]:
        """Return the repositories of a registry that have any, or had some and have no tag."""
        rows = self._database.execute(
            "SELECT name FROM repositories WHERE registry_id = ? AND EXISTS"
            " (SELECT 1 FROM repository_manifests WHERE repository_id = repositories.id"
            "  AND (left_at IS NOT NULL OR untagged_at IS NOT NULL))",
            [registry_id],
        )
        return [RepositoryName(row[0]) for row in rows]

    # What changes them

    def put_left(self, repository_id: int, digests: Iterable[Digest], *, seen_at: str) -> None:
        """Write which of these manifests, that a tag came to or left, have no tag now."""
        self._database.conn.executemany(
            "UPDATE repository_manifests SET left_at = ? WHERE repository_id = ? AND digest = ?",
            [
                (None if self._is_tagged(repository_id, digest) else seen_at, repository_id, digest)
                for digest in digests
            ],
        )

    def _is_tagged(self, repository_id: int, digest: Digest) -> bool:
        row = self._database.execute(
            "SELECT 1 FROM tags INDEXED BY tags_digest"
            " WHERE repository_id = ? AND digest = ? AND hidden_at IS NULL",
            [repository_id, digest],
        ).fetchone()
        return row is not None

    def exclude(self, repository_id: int, *, excluded: bool) -> None:
        """Write whether the settings exclude a repository from the search."""
        changed = self._database.execute(
            "UPDATE repositories SET left_out = ?1 WHERE id = ?2 AND left_out <> ?1",
            [excluded, repository_id],
        )
        if changed.rowcount:
            self._stale.mark_repository(repository_id)
