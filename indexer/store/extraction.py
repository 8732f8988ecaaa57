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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from indexer.extract import (
    EXTRACT_VERSION,
    KindTable,
    Layers,
    config_descriptor,
    config_labels,
    read_layers,
)
from indexer.model import Content, Digest, Manifest, parse_config
from indexer.store.attachments import SubjectRow, forget_subjects, list_subjects, put_subjects
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


@dataclass(frozen=True, slots=True)
class ManifestRows:
    """What the tables hold because of the body of a manifest, and of its config if that is there.

    ``config_digest`` is the config worth keeping, None where there is none.
    """

    digest: Digest
    config_digest: Digest | None
    has_config: bool
    children: tuple[Digest, ...]
    subjects: tuple[SubjectRow, ...]
    layers: Layers | None
    has_labels: bool


class ExtractionTables:
    """What was extracted, inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database, chains: ChainTables) -> None:
        self._database = database
        self._chains = chains

    def begin(self) -> None:
        """Note the version in a store that holds nothing yet."""
        self._database.execute(
            "UPDATE extraction SET version = ? WHERE version = 0"
            " AND NOT EXISTS (SELECT 1 FROM manifests)",
            [EXTRACT_VERSION],
        )

    def is_current(self) -> bool:
        """Tell whether all that was extracted was by this version, or is about to be."""
        row = self._database.execute("SELECT version, reached FROM extraction").fetchone()
        return row[0] == EXTRACT_VERSION or row[1] is not None

    def ask(self) -> None:
        """Want everything extracted again; after that the search index is rebuilt."""
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

    def reached(self) -> str:
        """Return the last manifest that was read again; empty before the first one."""
        row = self._database.execute("SELECT reached FROM extraction").fetchone()
        return row[0] or ""

    def next_digests(self, reached: str, *, limit: int = EXTRACTED_AT_ONCE) -> list[Digest]:
        """Return the next manifests to read again; fewer than ``limit`` are the last."""
        rows = self._database.execute(
            "SELECT digest FROM manifests WHERE digest > ? ORDER BY digest LIMIT ?",
            [reached, limit],
        )
        return [Digest(row[0]) for row in rows]

    def read_rows(self, digests: Iterable[Digest], *, kinds: KindTable) -> list[ManifestRows]:
        """Return what follows from the bodies of manifests that are there."""
        found = (self._read_rows(digest, kinds) for digest in digests)
        return [rows for rows in found if rows is not None]

    def replace(
        self,
        digests: Sequence[Digest],
        rows: Iterable[ManifestRows],
        *,
        kinds: KindTable,
        is_last: bool,
    ) -> None:
        """Write the rows of the next manifests.

        After the last of all the version is noted, and a rebuild is wanted. What came or went
        since they were read is read again.
        """
        known = {one.digest: one for one in rows}
        for digest in digests:
            now = known.get(digest)
            if now is None or not self._is_unchanged(now):
                now = self._read_rows(digest, kinds)
            if now is not None:
                self._replace(now)
        if not is_last:
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
        self._put_children(digest, [child.digest for child in manifest.children])
        put_subjects(self._database, list_subjects(digest, manifest))

    def put_chains(self, digest: Digest, content: Content | None = None) -> None:
        """Write the chains of a stored manifest with what is stored of its config."""
        row = self._database.execute(
            "SELECT content_type, manifests.body, configs.body FROM manifests"
            " LEFT JOIN configs ON configs.digest = config_digest WHERE manifests.digest = ?",
            [digest],
        ).fetchone()
        content = content or Content(digest, row[0], zlib.decompress(row[1]))
        config = _parse_packed(row[2])
        layers = read_layers(content.manifest, config)
        self._chains.put(digest, layers, has_labels=bool(config_labels(config)))

    def _put_children(self, digest: Digest, children: Iterable[Digest]) -> None:
        self._database.conn.executemany(
            "INSERT INTO index_children VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(digest, n, child) for n, child in enumerate(children)],
        )

    def _read_rows(self, digest: Digest, kinds: KindTable) -> ManifestRows | None:
        row = self._database.execute(
            "SELECT content_type, body FROM manifests WHERE digest = ?", [digest]
        ).fetchone()
        if row is None:
            return None
        content = Content(digest, row[0], zlib.decompress(row[1]))
        described = config_descriptor(content.manifest, kinds=kinds)
        stored = self._config(described.digest) if described else None
        config = _parse_packed(stored)
        return ManifestRows(
            digest=digest,
            config_digest=described.digest if described else None,
            has_config=stored is not None,
            children=tuple(child.digest for child in content.manifest.children),
            subjects=tuple(list_subjects(digest, content.manifest)),
            layers=read_layers(content.manifest, config),
            has_labels=bool(config_labels(config)),
        )

    def _config(self, digest: Digest) -> bytes | None:
        row = self._database.execute(
            "SELECT body FROM configs WHERE digest = ?", [digest]
        ).fetchone()
        return row[0] if row else None

    def _is_unchanged(self, rows: ManifestRows) -> bool:
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM configs WHERE digest = ?) FROM manifests"
            " WHERE digest = ?",
            [rows.config_digest, rows.digest],
        ).fetchone()
        return row is not None and bool(row[0]) == rows.has_config

    def _replace(self, rows: ManifestRows) -> None:
        self._database.execute(
            "UPDATE manifests SET config_digest = ?1 WHERE digest = ?2 AND config_digest IS NOT ?1",
            [rows.config_digest, rows.digest],
        )
        self._database.execute("DELETE FROM extracted WHERE digest = ?", [rows.digest])
        self._database.execute("DELETE FROM index_children WHERE digest = ?", [rows.digest])
        forget_subjects(self._database, rows.digest)
        self._put_children(rows.digest, rows.children)
        put_subjects(self._database, rows.subjects)
        self._chains.put(rows.digest, rows.layers, has_labels=rows.has_labels)


def _parse_packed(config: bytes | None) -> Mapping[str, Any]:
    return parse_config(zlib.decompress(config)).object if config is not None else {}


def attachment_form(tag: str) -> str:
    """Return the form in which an attachment is kept: the ending of the tag may tell its kind."""
    return f"attachment{tag[tag.find('.') :]}" if "." in tag else "attachment"
