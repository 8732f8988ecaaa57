"""What is attached to what in a repository: computed from what it holds, never stored as such.

A manifest is attached to a digest

- that it names as its subject. Where the registry has no list of referrers, its clients keep one
  under a tag; if there is one for the digest, that must name the manifest too.
- whose list of referrers, under that tag, names it.
- that is in the name of a tag of cosign's which points at it.
- that an index which a visible tag leads to says it is about, as BuildKit's do.

Each only while the repository has the manifest, as far as we know.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sqlite_utils import Database

from indexer.errors import InvalidValueError
from indexer.extract import EXTRACT_VERSION
from indexer.model import (
    Content,
    Digest,
    Manifest,
    StoredAttachment,
    media_types,
    parse_digest,
    parse_manifest,
    referrers_tag,
)
from indexer.store.index_tree import indexes_above
from indexer.store.stale import ATTACHED_DEPTH

ATTACHMENTS_MAX = 1_000
"""Attachments of one image, over both depths, that are looked at."""
INDEX_DEPTH = 4
"""Levels of indexes that are looked through."""

# The order of joins is given: SQLite would rather read all tags of a repository.
_HAS_API = """
coalesce((SELECT has_referrers FROM registries JOIN repositories ON registries.id = registry_id
    WHERE repositories.id = :repository), 0)"""

# Most images have nothing attached, and this is ten times quicker to ask. The names of cosign's
# tags come behind that of the list, and "/" behind their dot.
_ANYTHING = """
SELECT json_extract(value, '$[0]') FROM json_each(:asked)
WHERE EXISTS (SELECT 1 FROM subjects WHERE subject = json_extract(value, '$[0]'))
OR EXISTS (SELECT 1 FROM tags WHERE repository_id = :repository
    AND name >= json_extract(value, '$[1]') AND name < json_extract(value, '$[1]') || '/')"""

_BELOW = f"""
WITH RECURSIVE below (image, digest, depth) AS (
    SELECT value, value, 0 FROM json_each(:digests)
    UNION SELECT image, child_digest, depth + 1 FROM below
    CROSS JOIN index_children ON index_children.digest = below.digest
    CROSS JOIN repository_manifests AS own
        ON own.repository_id = :repository AND own.digest = child_digest
    WHERE depth < {INDEX_DEPTH}
)
SELECT DISTINCT image, digest FROM below"""  # noqa: S608 - a number of this module

_ATTACHED = f"""
WITH asked (subject, list_tag) AS (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:asked)
), lists (subject, digest) AS (
    SELECT asked.subject, tags.digest FROM asked
    CROSS JOIN tags ON repository_id = :repository AND name = list_tag AND hidden_at IS NULL
    CROSS JOIN manifests ON manifests.digest = tags.digest AND content_type LIKE :index_type
), found (subject, digest, tag) AS (
    SELECT asked.subject, subjects.digest, '' FROM asked
    CROSS JOIN subjects ON subjects.subject = asked.subject AND index_digest = ''
    WHERE {_HAS_API} OR asked.subject NOT IN (SELECT subject FROM lists)
    OR EXISTS (SELECT 1 FROM lists CROSS JOIN index_children ON index_children.digest = lists.digest
        WHERE lists.subject = asked.subject AND child_digest = subjects.digest)
    UNION
    SELECT lists.subject, child_digest, '' FROM lists CROSS JOIN index_children USING (digest)
    WHERE NOT EXISTS (SELECT 1 FROM subjects AS own
        WHERE own.digest = child_digest AND index_digest = '' AND own.subject <> lists.subject)
    UNION
    SELECT asked.subject, tags.digest, name FROM asked
    CROSS JOIN tags ON repository_id = :repository
    AND name IN (list_tag || '.sig', list_tag || '.att', list_tag || '.sbom')
    WHERE hidden_at IS NULL AND asked.subject LIKE 'sha256:%'
    UNION
    SELECT asked.subject, subjects.digest, '' FROM asked
    CROSS JOIN subjects ON subjects.subject = asked.subject AND index_digest <> ''
    WHERE EXISTS ({indexes_above("SELECT :repository, index_digest")}
        SELECT 1 FROM above CROSS JOIN tags INDEXED BY tags_digest
        ON tags.repository_id = :repository AND tags.digest = above.digest AND hidden_at IS NULL)
)
SELECT subject, found.digest, tag, content_type, kept.found,
    CASE WHEN kept.found IS NULL THEN body END
FROM (SELECT *, row_number() OVER (PARTITION BY subject ORDER BY digest, tag) AS place FROM found)
    AS found
CROSS JOIN repository_manifests ON repository_id = :repository
    AND repository_manifests.digest = found.digest AND absent_at IS NULL
CROSS JOIN manifests ON manifests.digest = found.digest
LEFT JOIN extracted AS kept ON kept.digest = found.digest AND version = :version
    AND form = 'attachment' || CASE WHEN tag = '' THEN '' ELSE substr(tag, instr(tag, '.')) END
WHERE place <= :limit
ORDER BY found.digest, tag, subject"""  # noqa: S608 - texts of this module


_Key = tuple[Digest, str, Digest]


def _key(one: StoredAttachment) -> _Key:
    return one.content.digest, one.tag, one.subject


class AttachmentTables:
    """The attachments inside the store; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, repository_id: int, digests: Sequence[Digest]
    ) -> dict[Digest, tuple[StoredAttachment, ...]]:
        """Return what is attached to images and those below them, and to that in turn."""
        below: dict[Digest, list[Digest]] = {}
        names: dict[str, object] = {
            "repository": repository_id,
            "digests": json.dumps(list(digests)),
        }
        for image, digest in self._database.execute(_BELOW, names).fetchall():
            below.setdefault(Digest(image), []).append(Digest(digest))
        asked = {digest for some in below.values() for digest in some}
        names = {"repository": repository_id, "asked": _asked(asked)}
        known = {row[0] for row in self._database.execute(_ANYTHING, names)}
        attached = self._attached(repository_id, below, known)
        return {image: tuple(found.values()) for image, found in attached.items() if found}

    def _attached(
        self,
        repository_id: int,
        below: Mapping[Digest, Sequence[Digest]],
        known: Collection[str],
    ) -> dict[Digest, dict[_Key, StoredAttachment]]:
        """Ask for all images at once: level after level, what is attached to what was found."""
        found: dict[Digest, dict[_Key, StoredAttachment]] = {image: {} for image in below}
        seen = {image: set(some) for image, some in below.items()}
        asked = {image: [one for one in some if one in known] for image, some in below.items()}
        for _ in range(ATTACHED_DEPTH):
            subjects = {digest for some in asked.values() for digest in some}
            by_subject = self._by_subject(repository_id, subjects)
            for image, some in asked.items():
                attached = sorted(
                    (one for subject in some for one in by_subject.get(subject, ())), key=_key
                )[: ATTACHMENTS_MAX - len(found[image])]
                found[image].update((_key(one), one) for one in attached)
                digests = dict.fromkeys(one.content.digest for one in attached)
                asked[image] = [one for one in digests if one not in seen[image]]
                seen[image].update(asked[image])
        return found

    def _by_subject(
        self, repository_id: int, subjects: Collection[Digest]
    ) -> dict[Digest, list[StoredAttachment]]:
        if not subjects:
            return {}
        names = {
            "repository": repository_id,
            "asked": _asked(subjects),
            "index_type": f"{media_types.OCI_INDEX}%",
            "limit": ATTACHMENTS_MAX,
            "version": EXTRACT_VERSION,
        }
        found: dict[Digest, list[StoredAttachment]] = {}
        for subject, digest, tag, content_type, kept, body in self._database.execute(
            _ATTACHED, names
        ):
            content = Content(Digest(digest), content_type, zlib.decompress(body) if body else b"")
            one = StoredAttachment(content, Digest(subject), tag, kept)
            found.setdefault(one.subject, []).append(one)
        return found


def _asked(digests: Iterable[Digest]) -> str:
    return json.dumps([(digest, referrers_tag(digest)) for digest in digests])


_REFERENCE = "vnd.docker.reference.digest"
_HINTS = (b'"subject"', _REFERENCE.encode())


SubjectRow = tuple[str, str, str]
"""What is attached, to what, and the index that says so; "" for the manifest itself."""


def put_subjects(database: Database, rows: Iterable[SubjectRow]) -> None:
    """Keep what manifests say is attached to what; what is there already stays as it is."""
    database.conn.executemany(
        "INSERT INTO subjects (digest, subject, index_digest) VALUES (?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        list(rows),
    )


def fill_subjects(database: Database) -> None:
    """Do the same for all manifests that came into the store before there was this table."""
    rows = database.execute("SELECT digest, content_type, body FROM manifests")
    for digest, content_type, packed in rows:
        body = zlib.decompress(packed)
        # Parsing a million manifests would take minutes, and few have any of this.
        if any(hint in body for hint in _HINTS):
            manifest = parse_manifest(body, content_type=content_type)
            put_subjects(database, list_subjects(digest, manifest))


def forget_subjects(database: Database, digest: Digest) -> None:
    """Forget what a manifest says is attached to what, so that it can be derived again."""
    # The index of the table is a partial one: without its own condition all rows would be read.
    database.execute(
        "DELETE FROM subjects WHERE (digest = ?1 AND index_digest = '')"
        " OR (index_digest = ?1 AND index_digest <> '')",
        [digest],
    )


def list_subjects(digest: Digest, manifest: Manifest) -> Iterator[SubjectRow]:
    """Yield what a manifest says is attached to what."""
    if manifest.subject is not None:
        yield digest, manifest.subject.digest, ""
    for child in manifest.children:
        try:
            yield child.digest, parse_digest(child.annotations.get(_REFERENCE, "")), digest
        except InvalidValueError:
            # Most children are platforms, and refer to nothing.
            continue
