"""Which documents are stale: each change of the store marks here the documents that show it.

A document shows a manifest with its tags, its config, the manifests below it, its pulls, its
attachments and what it inherits from its base. So one is stale when

- a tag comes to its manifest, leaves it, or is dated anew;
- a manifest comes or goes: its own document, those of the indexes above it, and those that it is
  attached to;
- a config comes: the same for each manifest that has it;
- its base changes, or its registry's host, or whether its registry lists referrers.

A document of an image makes that of its repository stale too. Only what is shown has a document:
manifests that a tag points at, and *untagged* ones, which had one. Untagged manifests are no part
of their repository's document. A document that is made again and not shown any more goes.
"""

import json
from collections.abc import Collection, Iterable, Sequence

from sqlite_utils import Database

from indexer.model import Digest, TagName, is_system_tag, subject_of_tag
from indexer.store.index_tree import indexes_above, manifests_below

ATTACHED_DEPTH = 2
"""A document tells of a signature of an SBOM of an image; what is attached to that it does not."""

_MARK = "INSERT OR REPLACE INTO stale_documents (repository_id, digest)"

_IS_UNTAGGED = "(left_at IS NOT NULL OR untagged_at IS NOT NULL)"

_SHOWN_AROUND = f"""
SELECT repository_id, digest FROM above
WHERE EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = above.repository_id AND tags.digest = above.digest
    AND hidden_at IS NULL)
OR EXISTS (SELECT 1 FROM repository_manifests AS own
    WHERE own.repository_id = above.repository_id AND own.digest = above.digest
    AND {_IS_UNTAGGED})"""  # noqa: S608 - a text of this module

_THESE = "SELECT ?1, value FROM json_each(?2)"
_WITH_CONFIG = """
SELECT repository_id, digest FROM manifests CROSS JOIN repository_manifests USING (digest)
WHERE config_digest = ?"""
_WITH_CHAIN = """
SELECT repository_id, digest FROM manifest_chains CROSS JOIN repository_manifests USING (digest)
WHERE diff_chain = ?"""

_UNTAGGED = f"""
{_MARK} SELECT own.repository_id, own.digest FROM repository_manifests AS own
WHERE {_IS_UNTAGGED} AND """  # noqa: S608 - texts of this module

_TAGGED_OF_REGISTRY = f"""
{_MARK} SELECT DISTINCT repository_id, shown FROM registries
JOIN repositories ON registry_id = registries.id
JOIN (SELECT repository_id, digest AS shown FROM tags WHERE hidden_at IS NULL
    UNION SELECT repository_id, '' FROM tags WHERE hidden_at IS NULL)
ON repository_id = repositories.id WHERE registries.name = ?"""  # noqa: S608 - as above

_UNTAGGED_OF_REGISTRY = f"""{_UNTAGGED} own.repository_id IN (
    SELECT repositories.id FROM repositories
    JOIN registries ON registries.id = registry_id WHERE registries.name = ?)"""  # noqa: S608

_TAGS_OF_REGISTRY = """
SELECT repository_id, tags.name FROM tags JOIN repositories ON repositories.id = repository_id
WHERE registry_id = ? AND hidden_at IS NULL"""

_SUBJECTS = """
SELECT subject, '' FROM json_each(:digests) CROSS JOIN subjects ON digest = value
UNION
SELECT '', name FROM json_each(:digests) CROSS JOIN tags INDEXED BY tags_digest
    ON repository_id = :repository AND digest = value AND hidden_at IS NULL
UNION
SELECT '', name FROM json_each(:digests) CROSS JOIN index_children ON child_digest = value
    CROSS JOIN tags INDEXED BY tags_digest ON repository_id = :repository
    AND tags.digest = index_children.digest AND hidden_at IS NULL"""

_ABOUT_BY_INDEX = f"""{manifests_below(_THESE)}
SELECT DISTINCT subject FROM below CROSS JOIN subjects ON index_digest = below.digest
WHERE index_digest <> ''"""  # noqa: S608


class StaleDocuments:
    """Marks documents that must be made again; its methods join the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark_images(self, repository_id: int, digests: Iterable[str]) -> None:
        """Mark the documents of these images, and the repository's."""
        self._mark((repository_id, digest) for digest in (*digests, ""))

    def mark_untagged(self, repository_id: int, digests: Iterable[str]) -> None:
        """Mark the documents of those of these manifests that are untagged."""
        self._database.execute(
            f"{_UNTAGGED} own.repository_id = ?"  # noqa: S608
            " AND own.digest IN (SELECT value FROM json_each(?))",
            [repository_id, json.dumps(list(digests))],
        )

    def mark_forgotten(self, repository_id: int, digests: Iterable[str]) -> None:
        """Mark the documents of untagged manifests that the store has just forgotten."""
        self._mark((repository_id, digest) for digest in digests)

    def mark_tag(self, repository_id: int, tag: TagName, digests: Collection[Digest]) -> None:
        """Mark what shows a tag that came to, or left, these digests.

        A system tag says what is attached to a digest. An index may say that of manifests that
        have tags themselves.
        """
        if is_system_tag(tag):
            about = set(self._named_by(repository_id, tag))
            about |= self._subjects(repository_id, about)
        else:
            about = self._about(repository_id, digests)
        self._mark_shown(_THESE, repository_id, json.dumps(sorted(about)))
        self.mark_images(repository_id, digests)

    def mark_manifest(self, repository_id: int, digest: Digest) -> None:
        """Mark what shows a manifest that came, or that is about to go."""
        shown = {digest} | self._attached_to(repository_id, digest)
        self._mark_shown(_THESE, repository_id, json.dumps(sorted(shown)))
        self._database.execute(
            f"{_UNTAGGED} own.repository_id = ? AND own.digest IN"  # noqa: S608
            " (SELECT child_digest FROM index_children WHERE index_children.digest = ?)",
            [repository_id, digest],
        )

    def mark_config(self, config: Digest) -> None:
        """Mark what shows a config that came later than its manifests, in any repository."""
        self._mark_shown(_WITH_CONFIG, config)

    def mark_chain(self, chain: int) -> None:
        """Mark what shows images of this chain of layers, whose base changed."""
        self._mark_shown(_WITH_CHAIN, chain)

    def mark_repository(self, repository_id: int) -> None:
        """Mark the untagged manifests of a repository."""
        self._database.execute(f"{_UNTAGGED} own.repository_id = ?", [repository_id])

    def mark_registry(self, name: str) -> None:
        """Mark everything of a registry: its host changed, or the settings name it no more."""
        self._database.execute(_TAGGED_OF_REGISTRY, [name])
        self._database.execute(_UNTAGGED_OF_REGISTRY, [name])

    def mark_referrers(self, registry_id: int) -> None:
        """Mark what lists under tags are about: they count where the registry has no API."""
        rows = self._database.execute(_TAGS_OF_REGISTRY, [registry_id]).fetchall()
        for repository_id, tag in rows:
            about = set(self._named_by(repository_id, tag))
            about |= self._subjects(repository_id, about)
            self._mark_shown(_THESE, repository_id, json.dumps(sorted(about)))

    def _mark(self, documents: Iterable[tuple[int, str]]) -> None:
        self._database.conn.executemany(f"{_MARK} VALUES (?, ?)", documents)

    def _mark_shown(self, start: str, *values: object) -> None:
        """Mark those of some manifests, and of the indexes above them, that are shown."""
        query = f"{indexes_above(start)}{_SHOWN_AROUND}"
        rows: list[tuple[int, str]] = self._database.execute(query, values).fetchall()
        self._mark((repository_id, one) for repository_id, found in rows for one in (found, ""))

    # What is attached to what, read from the other end

    def _attached_to(self, repository_id: int, digest: Digest) -> set[Digest]:
        """Return what a manifest is attached to, and what that is attached to in turn."""
        about = {digest}
        found = self._about(repository_id, about)
        for _ in range(ATTACHED_DEPTH):
            about = self._subjects(repository_id, about) - found
            found |= about
        return found

    def _about(self, repository_id: int, digests: Collection[Digest]) -> set[Digest]:
        """Return the manifests that some of these, indexes, say something is attached to."""
        names = [repository_id, json.dumps(list(digests))]
        return {Digest(row[0]) for row in self._database.execute(_ABOUT_BY_INDEX, names)}

    def _subjects(self, repository_id: int, digests: Collection[Digest]) -> set[Digest]:
        """Return what these may be attached to, as manifests, tags and lists of referrers say."""
        if not digests:
            return set()
        names = {"repository": repository_id, "digests": json.dumps(list(digests))}
        found = set[Digest]()
        for subject, tag in self._database.execute(_SUBJECTS, names).fetchall():
            found.update([Digest(subject)] if subject else self._named_by(repository_id, tag))
        return found

    def _named_by(self, repository_id: int, tag: str) -> Sequence[Digest]:
        """Return the manifests of a repository that a system tag can be about, mostly one."""
        subject = subject_of_tag(tag)
        if subject is None:
            return ()
        rows = self._database.execute(
            "SELECT digest FROM repository_manifests WHERE repository_id = ?"
            " AND digest >= ? AND digest < ?",
            [repository_id, subject.digest, f"{subject.digest}g"],
        )
        return [Digest(row[0]) for row in rows]
