"""Which manifests without a tag a registry still has: attachments that only events told of, and
what lost its tags.

No listing names them, so a crawl asks for each by its digest. What it does not find is *missing*
until the crawl is over, and *absent* then, unless the crawl is quarantined. What is absent is not
shown and does not count as attached, and comes back when it is seen again.
"""

from datetime import datetime

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.model import Digest
from indexer.store.stale import StaleDocuments

_WITHOUT_TAG = """
SELECT own.digest FROM repository_manifests AS own WHERE own.repository_id = :repository
AND NOT EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = :repository AND tags.digest = own.digest AND hidden_at IS NULL)
AND ("""

# Where there is a list of referrers, it tells of what is attached to what has a tag.
_ATTACHED = """
EXISTS (SELECT 1 FROM subjects WHERE subjects.digest = own.digest AND index_digest = ''
    AND NOT (:has_api AND EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
        WHERE tags.repository_id = :repository AND tags.digest = subjects.subject
        AND hidden_at IS NULL)))
OR EXISTS (SELECT 1 FROM index_children CROSS JOIN tags INDEXED BY tags_digest
    ON tags.repository_id = :repository AND tags.digest = index_children.digest
    WHERE child_digest = own.digest AND hidden_at IS NULL
    AND name LIKE 'sha256-%' AND length(name) = 71)"""

_LOST_TAG = """
(left_at IS NOT NULL OR untagged_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM index_children
    JOIN repository_manifests AS parent ON parent.digest = index_children.digest
    WHERE child_digest = own.digest AND parent.repository_id = :repository)"""

_TO_CONFIRM = f"""{_WITHOUT_TAG}{_ATTACHED} OR {_LOST_TAG})
ORDER BY confirmed_at, own.digest LIMIT :limit"""


class PresenceTables:
    """The confirmations inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database, stale: StaleDocuments) -> None:
        self._database = database
        self._stale = stale

    def to_confirm(self, repository_id: int, *, has_api: bool, limit: int) -> list[Digest]:
        """Return the manifests that a crawl is to ask for, those that were not for longest first.

        ``has_api`` says that the registry lists the referrers of what has a tag.
        """
        names = {"repository": repository_id, "has_api": has_api, "limit": limit}
        return [Digest(row[0]) for row in self._database.execute(_TO_CONFIRM, names)]

    def confirm(self, repository_id: int, digest: Digest, *, at: datetime) -> None:
        """Write that the registry has a manifest, as it said when it was asked for that."""
        self._database.execute(
            "UPDATE repository_manifests SET confirmed_at = ?"
            " WHERE repository_id = ? AND digest = ?",
            [rfc3339(at), repository_id, digest],
        )
        self.restore(repository_id, digest)

    def restore(self, repository_id: int, digest: Digest) -> None:
        """Write that a manifest was seen."""
        self._database.execute(
            "UPDATE repository_manifests SET missing_at = NULL"
            " WHERE repository_id = ? AND digest = ? AND missing_at IS NOT NULL",
            [repository_id, digest],
        )
        self._set_absent(repository_id, digest, None)

    def miss(self, repository_id: int, digest: Digest, *, at: datetime, is_final: bool) -> None:
        """Write that the registry said it does not have a manifest.

        Unless that ``is_final`` it counts once :meth:`decide` says so.
        """
        moment = rfc3339(at)
        self._database.execute(
            "UPDATE repository_manifests SET confirmed_at = ?1, missing_at = ?2"
            " WHERE repository_id = ?3 AND digest = ?4 AND absent_at IS NULL",
            [moment, None if is_final else moment, repository_id, digest],
        )
        if is_final:
            self._set_absent(repository_id, digest, moment)

    def decide(self, registry_id: int, *, is_quarantined: bool) -> bool:
        """Let what is missing be absent, or forget that if the crawl is quarantined.

        True when anything is absent now that was not.
        """
        missing = self._database.execute(
            "SELECT repository_id, digest, missing_at FROM repository_manifests"
            " WHERE missing_at IS NOT NULL AND repository_id IN"
            " (SELECT id FROM repositories WHERE registry_id = ?)",
            [registry_id],
        ).fetchall()
        for repository_id, digest, missing_at in missing:
            self._database.execute(
                "UPDATE repository_manifests SET missing_at = NULL"
                " WHERE repository_id = ? AND digest = ?",
                [repository_id, digest],
            )
            if not is_quarantined:
                self._set_absent(repository_id, digest, missing_at)
        return bool(missing) and not is_quarantined

    def _set_absent(self, repository_id: int, digest: Digest, absent_at: str | None) -> None:
        changed = self._database.execute(
            "UPDATE repository_manifests SET absent_at = ?1 WHERE repository_id = ?2"
            " AND digest = ?3 AND (absent_at IS NULL) <> (?1 IS NULL)",
            [absent_at, repository_id, digest],
        )
        if changed.rowcount:
            self._stale.mark_manifest(repository_id, digest)
