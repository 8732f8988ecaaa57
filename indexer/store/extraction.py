"""What was extracted from stored bodies, and extracting all of it again.

Some of it is in tables of its own: the children of indexes, which config belongs to a manifest,
the chains of its layers. The rest is kept packed, as documents take it; what may be kept, and why,
is said in :mod:`indexer.documents.extracted`. So a document is made without reading any body.

The store keeps the version of the code that extracted. With another one, or when somebody asks,
every body is read again, some in a transaction, in place: each manifest's rows are those of before
or those of now. What is kept packed is dropped with them, and extracted when its document is made
next: in the rebuild of the search index that follows. A kill loses one transaction. Nothing is
read from any registry.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from indexer.extract import (
    EXTRACT_VERSION,
    KindTable,
    config_descriptor,
    config_labels,
    read_layers,
)
from indexer.model import Content, Digest, Manifest, parse_config
from indexer.store.attachments import forget_subjects, put_subjects
from indexer.store.lineage import ChainTables

IMAGE = "image"
"""The form in which an image is kept."""

# One that lacks something in this repository is another thing there.
_KEPT_IMAGES = """
SELECT kept.digest, found FROM json_each(:digests) CROSS JOIN extracted AS kept
    ON kept.digest = value AND form = :form AND version = :version
CROSS JOIN repository_manifests AS own ON repository_id = :repository AND own.digest = kept.digest
WHERE NOT EXISTS (
    WITH RECURSIVE below (digest) AS (
        SELECT child_digest FROM index_children WHERE index_children.digest = kept.digest
        UNION SELECT child_digest FROM below JOIN index_children USING (digest)
    )
    SELECT 1 FROM below WHERE NOT EXISTS (
        SELECT 1 FROM repository_manifests AS linked
        WHERE linked.repository_id = :repository AND linked.digest = below.digest))"""

# It may be forgotten while it is extracted.
_KEEP = """
INSERT OR REPLACE INTO extracted (digest, form, version, found)
SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM manifests WHERE digest = ?1)"""

EXTRACTED_AT_ONCE = 200
"""Manifests of one transaction."""


@dataclass(frozen=True, slots=True)
class ExtractionProgress:
    """How many manifests of all were read again; ``total`` is as of the beginning."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ExtractedRow:
    """What is kept of a manifest in one form: as an image, or as an attachment read by a tag."""

    digest: Digest
    form: str
    found: bytes


class ExtractionTables:
    """What was extracted, inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._chains = ChainTables(database)

    def begin(self) -> None:
        """Note the version in a store that holds nothing yet, so that nothing is to be derived."""
        self._database.execute(
            "UPDATE extraction SET version = ? WHERE version = 0"
            " AND NOT EXISTS (SELECT 1 FROM manifests)",
            [EXTRACT_VERSION],
        )

    def is_current(self) -> bool:
        """Tell whether all that was derived was by this version, or is about to be."""
        row = self._database.execute("SELECT version, reached FROM extraction").fetchone()
        return row[0] == EXTRACT_VERSION or row[1] is not None

    def ask(self) -> None:
        """Want everything derived again, from the beginning; the search index is rebuilt after."""
        self._database.execute(
            "UPDATE extraction SET reached = '', done = 0,"
            " total = (SELECT count(DISTINCT digest) FROM repository_manifests)"
        )

    def progress(self) -> ExtractionProgress | None:
        """Return how far it is; None when nothing is wanted."""
        row = self._database.execute(
            "SELECT done, total FROM extraction WHERE reached IS NOT NULL"
        ).fetchone()
        return ExtractionProgress(row[0], row[1]) if row else None

    def go_on(self, *, kinds: KindTable, limit: int = EXTRACTED_AT_ONCE) -> None:
        """Derive from the next bodies; after the last, note the version and want a rebuild."""
        digests = [
            Digest(row[0])
            for row in self._database.execute(
                "SELECT digest FROM manifests WHERE digest > (SELECT reached FROM extraction)"
                " ORDER BY digest LIMIT ?",
                [limit],
            )
        ]
        for digest in digests:
            self._extract_again(digest, kinds)
        if len(digests) == limit:
            self._database.execute(
                "UPDATE extraction SET reached = ?, done = done + ?", [digests[-1], len(digests)]
            )
            return
        self._database.execute(
            "UPDATE extraction SET version = ?, reached = NULL, done = 0, total = 0",
            [EXTRACT_VERSION],
        )
        self._database.execute("INSERT OR REPLACE INTO rebuild VALUES (1, 0, 0)")

    def kept_images(self, repository_id: int, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        """Return what is kept of those of these images that are whole in a repository."""
        names = {
            "repository": repository_id,
            "digests": json.dumps(list(digests)),
            "form": IMAGE,
            "version": EXTRACT_VERSION,
        }
        rows = self._database.execute(_KEPT_IMAGES, names)
        return {Digest(row[0]): row[1] for row in rows}

    def keep(self, rows: Sequence[ExtractedRow]) -> None:
        """Keep what was extracted."""
        self._database.conn.executemany(
            _KEEP, [(row.digest, row.form, EXTRACT_VERSION, row.found) for row in rows]
        )

    def put_children(self, digest: Digest, manifest: Manifest) -> None:
        """Write the children of an index that has none yet, and what is attached to what."""
        self._database.conn.executemany(
            "INSERT INTO index_children VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(digest, n, child.digest) for n, child in enumerate(manifest.children)],
        )
        put_subjects(self._database, digest, manifest)

    def put_chains(self, digest: Digest, content: Content | None = None) -> None:
        """Write the chains of a stored manifest with what is stored of its config."""
        row = self._database.execute(
            "SELECT content_type, manifests.body, configs.body FROM manifests"
            " LEFT JOIN configs ON configs.digest = config_digest WHERE manifests.digest = ?",
            [digest],
        ).fetchone()
        content = content or Content(digest, row[0], zlib.decompress(row[1]))
        config = parse_config(zlib.decompress(row[2])).object if row[2] is not None else {}
        self._chains.put(digest, read_layers(content.manifest, config), config_labels(config))

    def _extract_again(self, digest: Digest, kinds: KindTable) -> None:
        row = self._database.execute(
            "SELECT content_type, body FROM manifests WHERE digest = ?", [digest]
        ).fetchone()
        content = Content(digest, row[0], zlib.decompress(row[1]))
        config = config_descriptor(content.manifest, kinds=kinds)
        self._database.execute(
            "UPDATE manifests SET config_digest = ?1 WHERE digest = ?2 AND config_digest IS NOT ?1",
            [config.digest if config else None, digest],
        )
        self._database.execute("DELETE FROM extracted WHERE digest = ?", [digest])
        self._database.execute("DELETE FROM index_children WHERE digest = ?", [digest])
        forget_subjects(self._database, digest)
        self.put_children(digest, content.manifest)
        self.put_chains(digest, content)


def attachment_form(tag: str) -> str:
    """Return the form in which an attachment is kept: the ending of the tag may tell its kind."""
    return f"attachment{tag[tag.find('.') :]}" if "." in tag else "attachment"
