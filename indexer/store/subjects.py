"""What manifests say they are attached to: by a subject of their own, or by an index about others.

That is content, the same in every repository.
"""

import zlib
from collections.abc import Iterator

from sqlite_utils import Database

from indexer.errors import InvalidValueError
from indexer.model.manifest import Manifest, parse_manifest
from indexer.model.names import Digest, parse_digest

_REFERENCE = "vnd.docker.reference.digest"
_HINTS = (b'"subject"', _REFERENCE.encode())


def put_subjects(database: Database, digest: Digest, manifest: Manifest) -> None:
    """Keep what a manifest says is attached to what; what is there already stays as it is."""
    database.conn.executemany(
        "INSERT INTO subjects (digest, subject, index_digest) VALUES (?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        list(_subjects(digest, manifest)),
    )


def fill_subjects(database: Database) -> None:
    """Do the same for all manifests that came into the store before there was this table."""
    rows = database.execute("SELECT digest, content_type, body FROM manifests")
    for digest, content_type, packed in rows:
        body = zlib.decompress(packed)
        # Parsing a million manifests would take minutes, and few have any of this.
        if any(hint in body for hint in _HINTS):
            put_subjects(database, digest, parse_manifest(body, content_type=content_type))


def forget_subjects(database: Database, digest: Digest) -> None:
    """Forget what a manifest says is attached to what, so that it can be derived again."""
    # The index of the table is a partial one: without its own condition all rows would be read.
    database.execute(
        "DELETE FROM subjects WHERE (digest = ?1 AND index_digest = '')"
        " OR (index_digest = ?1 AND index_digest <> '')",
        [digest],
    )


def _subjects(digest: Digest, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield what is attached, to what, and the index that says so; "" for the manifest itself."""
    if manifest.subject is not None:
        yield digest, manifest.subject.digest, ""
    for child in manifest.children:
        try:
            yield child.digest, parse_digest(child.annotations.get(_REFERENCE, "")), digest
        except InvalidValueError:
            # Most children are platforms, and refer to nothing.
            continue
