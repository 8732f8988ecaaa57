"""What the store knows only because it parsed a stored body, and making all of it again.

That are the children of indexes, which config belongs to a manifest, and the chains of its layers.
The store keeps the version of the code that derived them; with another one, or when somebody asks,
every body is read again, some in a transaction, in place: each manifest's rows are those
of before or those of now. Then the search index is rebuilt. Nothing is read from any registry.
"""

import zlib
from dataclasses import dataclass

from sqlite_utils import Database

from indexer.extract import DERIVED_VERSION, config_descriptor, layers_of
from indexer.model import Digest, Manifest, parse_manifest
from indexer.store.attachments import forget_subjects, put_subjects
from indexer.store.lineage import ChainTables

DERIVED_AT_ONCE = 200
"""Manifests of one transaction."""


@dataclass(frozen=True, slots=True)
class DerivationProgress:
    """How many manifests of all were read again; ``total`` is as of the beginning."""

    done: int
    total: int


class Derivation:
    """The derived rows inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database, chains: ChainTables) -> None:
        self._database = database
        self._chains = chains

    def begin(self) -> None:
        """Note the version in a store that holds nothing yet, so that nothing is to be derived."""
        self._database.execute(
            "UPDATE derivation SET version = ? WHERE version = 0"
            " AND NOT EXISTS (SELECT 1 FROM manifests)",
            [DERIVED_VERSION],
        )

    def is_current(self) -> bool:
        """Tell whether all that was derived was by this version, or is about to be."""
        row = self._database.execute("SELECT version, reached FROM derivation").fetchone()
        return row[0] == DERIVED_VERSION or row[1] is not None

    def ask(self) -> None:
        """Want everything derived again, from the beginning; the search index is rebuilt after."""
        self._database.execute(
            "UPDATE derivation SET reached = '', done = 0,"
            " total = (SELECT count(DISTINCT digest) FROM repository_manifests)"
        )

    def progress(self) -> DerivationProgress | None:
        """Return how far it is; None when nothing is wanted."""
        row = self._database.execute(
            "SELECT done, total FROM derivation WHERE reached IS NOT NULL"
        ).fetchone()
        return DerivationProgress(row[0], row[1]) if row else None

    def go_on(self, *, limit: int = DERIVED_AT_ONCE) -> None:
        """Derive from the next bodies; after the last, note the version and want a rebuild."""
        digests = [
            Digest(row[0])
            for row in self._database.execute(
                "SELECT digest FROM manifests WHERE digest > (SELECT reached FROM derivation)"
                " ORDER BY digest LIMIT ?",
                [limit],
            )
        ]
        for digest in digests:
            self._derive_again(digest)
        if len(digests) == limit:
            self._database.execute(
                "UPDATE derivation SET reached = ?, done = done + ?", [digests[-1], len(digests)]
            )
            return
        self._database.execute(
            "UPDATE derivation SET version = ?, reached = NULL, done = 0, total = 0",
            [DERIVED_VERSION],
        )
        self._database.execute("INSERT OR REPLACE INTO rebuild VALUES (1, 0, 0)")

    def put_children(self, digest: Digest, manifest: Manifest) -> None:
        """Write the children of an index that has none yet, and what is attached to what."""
        self._database.conn.executemany(
            "INSERT INTO index_children VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(digest, n, child.digest) for n, child in enumerate(manifest.children)],
        )
        put_subjects(self._database, digest, manifest)

    def put_chains(self, digest: Digest, manifest: Manifest | None = None) -> None:
        """Write the chains of a stored manifest with what is stored of its config."""
        row = self._database.execute(
            "SELECT content_type, manifests.body, configs.body FROM manifests"
            " LEFT JOIN configs ON configs.digest = config_digest WHERE manifests.digest = ?",
            [digest],
        ).fetchone()
        parsed = manifest or parse_manifest(zlib.decompress(row[1]), content_type=row[0])
        config = zlib.decompress(row[2]) if row[2] is not None else None
        self._chains.put(digest, layers_of(parsed, config), config)

    def _derive_again(self, digest: Digest) -> None:
        row = self._database.execute(
            "SELECT content_type, body FROM manifests WHERE digest = ?", [digest]
        ).fetchone()
        manifest = parse_manifest(zlib.decompress(row[1]), content_type=row[0])
        config = config_descriptor(manifest)
        self._database.execute(
            "UPDATE manifests SET config_digest = ?1 WHERE digest = ?2 AND config_digest IS NOT ?1",
            [config.digest if config else None, digest],
        )
        self._database.execute("DELETE FROM index_children WHERE digest = ?", [digest])
        forget_subjects(self._database, digest)
        self.put_children(digest, manifest)
        self.put_chains(digest, manifest)
