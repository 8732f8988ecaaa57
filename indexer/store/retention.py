"""What is not kept for ever: what a registry holds no more, and where tags pointed long ago.

A tag that the registry said is gone, and a manifest that no tag leads to, stay for a while, for
they come back with their history when events arrive in another order or somebody repairs a disk.
"""

import json
from datetime import datetime

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.store.lineage import ChainTables
from indexer.store.parts import PART_TABLES
from indexer.store.stale import StaleDocuments
from indexer.store.untagged import UntaggedTables

_REACHED = """
WITH RECURSIVE reached (digest) AS (
    SELECT digest FROM tags WHERE repository_id = :repository AND hidden_at IS NULL
    UNION SELECT child_digest FROM index_children JOIN reached USING (digest)
    UNION SELECT subjects.digest FROM subjects JOIN reached ON subject = reached.digest
)
UPDATE repository_manifests SET untagged_at = """

_HIDE = f"""{_REACHED} :now
WHERE repository_id = :repository AND untagged_at IS NULL AND digest NOT IN reached
RETURNING digest"""

_SHOW = f"""{_REACHED} NULL
WHERE repository_id = :repository AND untagged_at IS NOT NULL AND digest IN reached"""

_FORGET_MANIFESTS = """
DELETE FROM repository_manifests WHERE repository_id = :repository AND untagged_at < :before
RETURNING digest"""

_FORGET_TAGS = "DELETE FROM tags WHERE repository_id = :repository AND hidden_at < :before"

# Also those of tags that were never there when they were read.
_FORGET_MOVES = """
DELETE FROM tag_moves WHERE repository_id = :repository AND tagged_at < :before
AND tag NOT IN (SELECT name FROM tags WHERE repository_id = :repository) RETURNING digest"""

# A move to where the tag points goes if the tag pointed elsewhere since and came back.
_FORGET_OLD_MOVES = """
DELETE FROM tag_moves AS old WHERE repository_id = :repository AND tagged_at < :before AND EXISTS (
    SELECT 1 FROM tag_moves AS newer LEFT JOIN tags ON
        tags.repository_id = newer.repository_id AND tags.name = newer.tag
    WHERE newer.repository_id = :repository AND newer.tag = old.tag
    AND newer.tagged_at > old.tagged_at
    AND (old.digest IS NOT tags.digest OR newer.digest <> tags.digest AND EXISTS (
        SELECT 1 FROM tag_moves AS back
        WHERE back.repository_id = :repository AND back.tag = old.tag
        AND back.digest = old.digest AND back.tagged_at > newer.tagged_at)))
RETURNING digest"""

# When an image was pushed only an event tells, and that may be one of a tag's earlier moves to it.
_TAGGED = """
SELECT DISTINCT digest FROM tags INDEXED BY tags_digest WHERE repository_id = :repository
AND digest IN (SELECT value FROM json_each(:digests)) AND hidden_at IS NULL"""

_FORGET_PULLS = """
DELETE FROM pulls WHERE repository_id = :repository AND last_pulled_at < :before AND digest <> ''
AND digest NOT IN (SELECT digest FROM repository_manifests WHERE repository_id = :repository)"""

_FORGET_CONFIG = """
DELETE FROM configs WHERE digest = :config
AND digest NOT IN (SELECT config_digest FROM manifests WHERE config_digest = :config)"""

# The index of the table is a partial one: without its own condition all rows would be read.
_FORGET_SUBJECTS = """
DELETE FROM subjects WHERE digest = :digest OR (index_digest = :digest AND index_digest <> '')"""

# Of what is in the store once, however many repositories have it.
_FORGET_CONTENT = (
    "DELETE FROM extracted WHERE digest = :digest",
    "DELETE FROM index_children WHERE digest = :digest",
    _FORGET_SUBJECTS,
    "DELETE FROM manifests WHERE digest = :digest",
    _FORGET_CONFIG,
)

# Who is to be read again, or whose documents are to be made again, is not forgotten now.
_EMPTY = """
SELECT 1 FROM repositories WHERE id = :repository AND first_seen_at < :before
AND NOT EXISTS (SELECT 1 FROM tags WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM tag_moves WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM repository_manifests WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM absences WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM pulled WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM stale_documents WHERE repository_id = :repository)
AND NOT EXISTS (SELECT 1 FROM pulls WHERE repository_id = :repository AND last_pulled_at >= :before)
AND NOT EXISTS (SELECT 1 FROM queue WHERE registry_id = repositories.registry_id
    AND repository = repositories.name)"""


class RetentionTables:
    """Forgetting inside the store; its methods join the caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        chains: ChainTables,
        stale: StaleDocuments,
        untagged: UntaggedTables,
    ) -> None:
        self._database = database
        self._chains = chains
        self._stale = stale
        self._untagged = untagged

    def repositories_after(self, repository_id: int, *, limit: int) -> list[int]:
        """Return the next repositories by their numbers."""
        rows = self._database.execute(
            "SELECT id FROM repositories WHERE id > ? ORDER BY id LIMIT ?", [repository_id, limit]
        )
        return [row[0] for row in rows]

    def forget_hidden(self, repository_id: int, *, before: datetime, now: datetime) -> int:
        """Forget what was hidden before a time, and the repository with the last of it.

        Manifests that no visible tag leads to are hidden from ``now`` on, when that is first
        noticed. Returns how many tags and manifests were forgotten.
        """
        names = {"repository": repository_id, "before": rfc3339(before), "now": rfc3339(now)}
        noticed = self._database.execute(_HIDE, names).fetchall()
        self._database.execute(_SHOW, names)
        found = set(self._untagged.list_in(repository_id))
        manifests = self._database.execute(_FORGET_MANIFESTS, names).fetchall()
        for (digest,) in manifests:
            self.forget_unused(digest)
        self._stale.mark_forgotten(repository_id, found & {row[0] for row in manifests})
        tags = self._database.execute(_FORGET_TAGS, names).rowcount
        moves = self._database.execute(_FORGET_MOVES, names).fetchall()
        self._stale.mark_untagged(repository_id, [row[0] for row in (*noticed, *moves)])
        self._database.execute(_FORGET_PULLS, names)
        if self._database.execute(_EMPTY, names).fetchone():
            self._forget_repository(repository_id)
        return len(manifests) + tags

    def forget_moves(self, repository_id: int, *, before: datetime) -> int:
        """Forget where tags moved before a time; return how many moves.

        The newest move stays, and those by which the tag came to point where it does.
        """
        names = {"repository": repository_id, "before": rfc3339(before)}
        moves = self._database.execute(_FORGET_OLD_MOVES, names).fetchall()
        digests = [row[0] for row in moves]
        self._stale.mark_untagged(repository_id, digests)
        names |= {"digests": json.dumps(digests)}
        shown = self._database.execute(_TAGGED, names).fetchall()
        if shown:
            self._stale.mark_images(repository_id, [row[0] for row in shown])
        return len(moves)

    def forget_crawls(self, *, before: datetime) -> int:
        """Forget the crawls that ended before a time, but for the last of each registry."""
        cursor = self._database.execute(
            "DELETE FROM crawls WHERE finished_at < ?"
            " AND id NOT IN (SELECT max(id) FROM crawls GROUP BY registry_id)"
            " AND id NOT IN"
            "  (SELECT max(id) FROM crawls WHERE complete = 1 AND is_full GROUP BY registry_id)"
            " AND id NOT IN (SELECT crawl_id FROM absences WHERE crawl_id IS NOT NULL)",
            [rfc3339(before)],
        )
        return cursor.rowcount

    def forget_unused(self, digest: str) -> None:
        """Forget a manifest, and its config, once no repository has it any more."""
        row = self._database.execute(
            "SELECT config_digest FROM manifests WHERE digest = ?1 AND NOT EXISTS"
            " (SELECT 1 FROM repository_manifests WHERE digest = ?1)",
            [digest],
        ).fetchone()
        if row is None:
            return
        self._chains.forget(digest)
        for statement in _FORGET_CONTENT:
            self._database.execute(statement, {"digest": digest, "config": row[0]})

    def _forget_repository(self, repository_id: int) -> None:
        for table in ("pulls", *PART_TABLES):
            self._database.execute(
                f"DELETE FROM {table} WHERE repository_id = ?",  # noqa: S608 - names of tables
                [repository_id],
            )
        self._database.execute("DELETE FROM repositories WHERE id = ?", [repository_id])
