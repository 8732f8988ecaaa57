"""What clients pulled through a registry that caches another one: all that such a registry has.

A pull-through registry asks the other one whenever it is asked for what it does not have. So only
a digest that a pull named may be read, and only until its copy in the cache may have expired.
"""

from datetime import datetime, timedelta

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.model import Digest, TagName
from indexer.store.stale import StaleDocuments

# A copy lives as long as the cache keeps it, however often it is pulled meanwhile.
_PUT = """
INSERT INTO pulled (repository_id, digest, is_blob, cached_at, readable_from, pulled_at)
VALUES (:repository, :digest, :is_blob, :at, :readable_from, :at)
ON CONFLICT DO UPDATE SET
    cached_at = CASE WHEN cached_at <= :expired THEN :at ELSE cached_at END,
    readable_from = CASE WHEN cached_at <= :expired THEN :readable_from ELSE readable_from END,
    pulled_at = max(pulled_at, :at)"""

_UNREAD = """
SELECT pulled.digest FROM pulled
LEFT JOIN repository_manifests AS own USING (repository_id, digest)
LEFT JOIN manifests ON manifests.digest = own.digest
WHERE pulled.repository_id = :repository AND NOT is_blob
AND (own.digest IS NULL AND cached_at > :expired
    OR config_digest NOT IN (SELECT digest FROM configs) AND EXISTS (SELECT 1 FROM pulled AS config
        WHERE config.repository_id = :repository AND config.digest = config_digest
        AND config.cached_at > :expired))"""

_DOUBTFUL = """
UPDATE pulled SET is_doubtful = :is_doubtful
WHERE is_doubtful <> :is_doubtful AND (pulled_at <= :before) = :is_doubtful
AND repository_id IN (SELECT id FROM repositories WHERE registry_id = :registry)
RETURNING repository_id, digest"""

_EXPIRED_TAGS = """
SELECT tags.repository_id, tags.name, tags.digest FROM pulled
JOIN repositories ON repositories.id = pulled.repository_id
JOIN tags INDEXED BY tags_digest
    ON tags.repository_id = pulled.repository_id AND tags.digest = pulled.digest
WHERE registry_id = ? AND pulled_at <= ? AND hidden_at IS NULL"""

# What was read before the registry was known as one that pulls through is never read again.
_ADOPT = """
INSERT INTO pulled (repository_id, digest, is_blob, cached_at, readable_from, pulled_at)
SELECT DISTINCT repository_id, digest, 0, '', '', :at FROM tags
JOIN repositories ON repositories.id = repository_id
WHERE registry_id = :registry AND hidden_at IS NULL
ON CONFLICT DO NOTHING RETURNING repository_id, digest"""

_OF_REGISTRY = "repository_id IN (SELECT id FROM repositories WHERE registry_id = ?)"


class PulledTables:
    """The digests that pulls named, inside the store; its methods join the caller's transaction.

    ``ttl`` is how long a cache keeps a copy.
    """

    def __init__(self, database: Database, stale: StaleDocuments) -> None:
        self._database = database
        self._stale = stale

    def put(
        self,
        repository_id: int,
        digest: Digest,
        *,
        at: datetime,
        ttl: timedelta,
        is_blob: bool,
        readable_from: datetime,
    ) -> None:
        """Write that a digest was pulled. Its copy may be read only from ``readable_from`` on."""
        is_new = self._times(repository_id, digest) is None
        self._database.execute(
            _PUT,
            {
                "repository": repository_id,
                "digest": digest,
                "is_blob": is_blob,
                "at": rfc3339(at),
                "expired": rfc3339(at - ttl),
                "readable_from": rfc3339(readable_from),
            },
        )
        if is_new and not is_blob:
            self._stale.mark_manifest(repository_id, digest)

    def is_cached(
        self, repository_id: int, digest: Digest, *, now: datetime, ttl: timedelta
    ) -> bool:
        """Tell whether a pull named a digest and its copy has not expired."""
        times = self._times(repository_id, digest)
        return times is not None and times[0] > rfc3339(now - ttl)

    def is_readable(
        self, repository_id: int, digest: Digest, *, now: datetime, ttl: timedelta
    ) -> bool:
        """Tell whether the cache has the whole copy of a digest for sure."""
        times = self._times(repository_id, digest)
        return times is not None and times[0] > rfc3339(now - ttl) and times[1] <= rfc3339(now)

    def _times(self, repository_id: int, digest: Digest) -> tuple[str, str] | None:
        row: tuple[str, str] | None = self._database.execute(
            "SELECT cached_at, readable_from FROM pulled WHERE repository_id = ? AND digest = ?",
            [repository_id, digest],
        ).fetchone()
        return row

    def unread(self, repository_id: int, *, now: datetime, ttl: timedelta) -> list[Digest]:
        """Return the manifests that pulls named and that are not read, or not their config."""
        rows = self._database.execute(
            _UNREAD, {"repository": repository_id, "expired": rfc3339(now - ttl)}
        )
        return [Digest(row[0]) for row in rows]

    def without_config(self, repository_id: int, config: Digest) -> list[Digest]:
        """Return the manifests of a repository that wait for a config."""
        rows = self._database.execute(
            "SELECT digest FROM manifests JOIN repository_manifests USING (digest)"
            " WHERE repository_id = ?1 AND config_digest = ?2"
            " AND config_digest NOT IN (SELECT digest FROM configs WHERE digest = ?2)",
            [repository_id, config],
        )
        return [Digest(row[0]) for row in rows]

    def adopt(self, registry_id: int, *, at: datetime) -> None:
        """Let everything that is shown of a registry live on as if it was pulled now."""
        names = {"registry": registry_id, "at": rfc3339(at)}
        for repository_id, digest in self._database.execute(_ADOPT, names).fetchall():
            self._stale.mark_manifest(repository_id, digest)

    def mark_doubtful(self, registry_id: int, *, before: datetime) -> int:
        """Write what was not pulled since a time, and what was again; return how many changed."""
        names = {"registry": registry_id, "before": rfc3339(before)}
        changed = [
            row
            for is_doubtful in (1, 0)
            for row in self._database.execute(
                _DOUBTFUL, names | {"is_doubtful": is_doubtful}
            ).fetchall()
        ]
        for repository_id, digest in changed:
            self._stale.mark_manifest(repository_id, digest)
        return len(changed)

    def expired_tags(
        self, registry_id: int, *, before: datetime
    ) -> list[tuple[int, TagName, Digest]]:
        """Return the visible tags, by repository, of what was not pulled since a time."""
        rows = self._database.execute(_EXPIRED_TAGS, [registry_id, rfc3339(before)])
        return [(row[0], TagName(row[1]), Digest(row[2])) for row in rows]

    def forget(self, registry_id: int, *, before: datetime | None = None) -> None:
        """Forget what was not pulled since a time, or everything of a registry."""
        limit = rfc3339(before) if before else "~"
        found = self._database.execute(
            f"DELETE FROM pulled WHERE {_OF_REGISTRY} AND pulled_at <= ?"  # noqa: S608
            " RETURNING repository_id, digest, is_blob",
            [registry_id, limit],
        ).fetchall()
        for repository_id, digest, is_blob in found:
            if not is_blob:
                self._stale.mark_manifest(repository_id, digest)
