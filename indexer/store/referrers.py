"""Which registries list referrers, as far as we know, and whom to ask for such a list."""

from datetime import datetime, timedelta

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.model import Digest, RepositoryName, is_system_tag
from indexer.store.queue import Priority, RefreshKind, RefreshTarget
from indexer.store.stale import StaleDocuments

ASK_AGAIN_AFTER = timedelta(days=1)
"""How long a registry is believed that it has no lists of referrers."""


class ReferrersTables:
    """What is known of lists of referrers; its methods join the caller's transaction."""

    def __init__(self, database: Database, stale: StaleDocuments) -> None:
        self._database = database
        self._stale = stale

    def has_api(self, registry_id: int) -> bool:
        """Tell whether a registry lists referrers, as it did when it was asked last."""
        return bool(self._state(registry_id)[0])

    def is_due(self, registry_id: int, *, now: datetime) -> bool:
        """Tell whether to ask a registry for a list: it has them, or may have them by now."""
        has_api, asked_at = self._state(registry_id)
        return bool(has_api) or not asked_at or now - asked_at >= ASK_AGAIN_AFTER

    def priority(self, registry_id: int, usual: Priority, *, now: datetime) -> Priority | None:
        """Return how soon to ask for another list; None for not at all.

        One list is enough, at once, where it is not known whether there are any.
        """
        if self.has_api(registry_id):
            return usual
        asked = self._database.execute(
            "SELECT 1 FROM queue WHERE registry_id = ? AND kind = ?",
            [registry_id, RefreshKind.REFERRERS.value],
        ).fetchone()
        return None if asked or not self.is_due(registry_id, now=now) else Priority.EVENT

    def set_api(self, registry_id: int, *, has_api: bool, at: datetime) -> bool:
        """Write whether a registry lists referrers; True when that is news and it does."""
        before, _ = self._state(registry_id)
        self._database.execute(
            "UPDATE registries SET has_referrers = ?, referrers_asked_at = ? WHERE id = ?",
            [has_api, rfc3339(at), registry_id],
        )
        if bool(before) != has_api:
            self._stale.mark_referrers(registry_id)
        return has_api and not before

    def list_targets(self, registry_id: int) -> list[RefreshTarget]:
        """Return the target of the list of each manifest of a registry that a tag points at."""
        rows = self._database.execute(
            "SELECT repositories.name, digest, tags.name FROM tags"
            " JOIN repositories ON repositories.id = repository_id"
            " WHERE registry_id = ? AND hidden_at IS NULL",
            [registry_id],
        )
        found = {(row[0], row[1]) for row in rows if not is_system_tag(row[2])}
        return [
            RefreshTarget(RefreshKind.REFERRERS, RepositoryName(name), digest)
            for name, digest in sorted(found)
        ]

    def unlisted(self, repository_id: int, digest: Digest, listed: set[Digest]) -> list[Digest]:
        """Return the manifests of a repository with a subject whose list leaves them out."""
        rows = self._database.execute(
            "SELECT digest FROM subjects JOIN repository_manifests USING (digest)"
            " WHERE repository_id = ? AND subject = ? AND index_digest = '' ORDER BY digest",
            [repository_id, digest],
        )
        return [Digest(row[0]) for row in rows if row[0] not in listed]

    def is_attached(self, digest: Digest) -> bool:
        """Tell whether a manifest has a subject of its own."""
        row = self._database.execute(
            "SELECT 1 FROM subjects WHERE digest = ? AND index_digest = ''", [digest]
        ).fetchone()
        return row is not None

    def _state(self, registry_id: int) -> tuple[bool | None, datetime | None]:
        row = self._database.execute(
            "SELECT has_referrers, referrers_asked_at FROM registries WHERE id = ?", [registry_id]
        ).fetchone()
        return row[0], parse_rfc3339(row[1]) if row[1] else None
