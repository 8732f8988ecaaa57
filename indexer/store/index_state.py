"""What the store knows about the search index: which generation is live, and what it lacks."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from indexer.model import Digest
from indexer.store.untagged import UntaggedTables

STALE_COUNTED_MAX = 10_000
"""Documents to make again that are counted by registry."""


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The generation that answers searches; an incomplete one is still being filled."""

    generation: str
    engine: str
    schema_version: int
    extractor_version: int
    complete: bool


@dataclass(frozen=True, slots=True)
class StaleDocument:
    """A document to make again; no digest means the repository's own document."""

    sequence: int
    repository_id: int
    digest: Digest | None

    def is_of(self, repository_id: int) -> bool:
        """Tell whether it is a repository's own document."""
        return self.digest is None and self.repository_id == repository_id


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How many repositories of all a rebuild has read."""

    done: int
    total: int


def read_live_index(database: Database) -> LiveIndex | None:
    """Return the live generation; None before the first. An older store tells it as well."""
    row = database.execute(
        "SELECT generation, engine, schema_version, extractor_version, complete FROM search_index"
    ).fetchone()
    return LiveIndex(row[0], row[1], row[2], row[3], bool(row[4])) if row else None


class SearchIndexTables:
    """The state of the search index inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database, untagged: UntaggedTables) -> None:
        self._database = database
        self._untagged = untagged

    def live(self) -> LiveIndex | None:
        """Return the live generation; None before the first."""
        return read_live_index(self._database)

    def set_live(self, live: LiveIndex) -> None:
        """Make a generation the one that answers searches."""
        self._database.execute(
            "INSERT OR REPLACE INTO search_index VALUES (1, ?, ?, ?, ?, ?)",
            [
                live.generation,
                live.engine,
                live.schema_version,
                live.extractor_version,
                live.complete,
            ],
        )

    def forget(self) -> None:
        """Have no live generation and no rebuild: the next start of an indexer fills a new one."""
        self._database.execute("DELETE FROM search_index")
        self._database.execute("DELETE FROM rebuild")

    def stale(
        self,
        *,
        limit: int,
        without: Collection[str] = (),
        only: str = "",
        resting: Collection[int] = (),
    ) -> list[StaleDocument]:
        """Return documents to make again, oldest first.

        ``without`` are registries that are left out; ``only`` is the only one if it is not empty.
        Of ``resting`` repositories their own documents are left out.
        """
        names = [only] if only else sorted(without)
        rows = self._database.execute(
            "SELECT sequence, repository_id, digest FROM stale_documents"
            " WHERE ? = (repository_id IN (SELECT repositories.id FROM repositories"
            "  JOIN registries ON registries.id = registry_id"
            "  WHERE registries.name IN (SELECT value FROM json_each(?))))"
            " AND NOT (digest = '' AND repository_id IN (SELECT value FROM json_each(?)))"
            " ORDER BY sequence LIMIT ?",
            [bool(only), json.dumps(names), json.dumps(list(resting)), limit],
        )
        return [StaleDocument(row[0], row[1], Digest(row[2]) if row[2] else None) for row in rows]

    def indexed(self, documents: Sequence[StaleDocument]) -> None:
        """Forget documents that are searchable; one marked again meanwhile stays."""
        self._database.conn.executemany(
            "DELETE FROM stale_documents WHERE sequence = ?",
            [(document.sequence,) for document in documents],
        )

    def stale_count(self) -> int:
        """Return how many documents are to be made again; a changed base counts as one."""
        row = self._database.execute(
            "SELECT (SELECT count(*) FROM stale_documents) + (SELECT count(*) FROM changed_bases)"
        ).fetchone()
        return int(row[0])

    def stale_counts(self) -> dict[str, int]:
        """Return how many documents of each registry are to be made again, by its name.

        Of very many, the oldest are counted.
        """
        rows = self._database.execute(
            "SELECT registries.name, count(*) FROM"
            " (SELECT repository_id FROM stale_documents ORDER BY sequence LIMIT ?) AS stale"
            " CROSS JOIN repositories ON repositories.id = stale.repository_id"
            " CROSS JOIN registries ON registries.id = registry_id GROUP BY registries.id",
            [STALE_COUNTED_MAX],
        )
        return dict(rows.fetchall())

    def repository_ids(self) -> list[int]:
        """Return every repository that may have documents, in the order they were first seen."""
        rows = self._database.execute(
            "SELECT DISTINCT repository_id FROM tags WHERE hidden_at IS NULL"
        )
        untagged = self._untagged.repository_ids()
        return sorted({*untagged, *(row[0] for row in rows)})

    def set_rebuild(self, progress: RebuildProgress | None) -> None:
        """Write how far a rebuild is; None when it is done. It is wanted while this is there."""
        self._database.execute("DELETE FROM rebuild")
        if progress is not None:
            self._database.execute(
                "INSERT INTO rebuild VALUES (1, ?, ?)", [progress.done, progress.total]
            )

    def rebuild(self) -> RebuildProgress | None:
        """Return how far the rebuild that is wanted is; None when none is."""
        row = self._database.execute("SELECT done, total FROM rebuild").fetchone()
        return RebuildProgress(row[0], row[1]) if row else None
