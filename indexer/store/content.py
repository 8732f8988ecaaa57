"""Our copy of repositories: tags and where they moved, manifests, configs."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from indexer.clock import parse_rfc3339, rfc3339
from indexer.extract import KindTable, config_descriptor
from indexer.model import (
    Content,
    Digest,
    Pulls,
    StoredImage,
    TaggedImage,
    TagName,
    UntaggedImage,
    is_system_tag,
)
from indexer.store.attachments import AttachmentTables
from indexer.store.changes import Changes
from indexer.store.extraction import ExtractionTables
from indexer.store.history import Since, TagHistory, TagMove
from indexer.store.lineage import ChainTables
from indexer.store.manifest_tree import read_alone, read_tree
from indexer.store.parts import AFTER_DIGESTS
from indexer.store.presence import PresenceTables
from indexer.store.pulls import PullTables
from indexer.store.retention import RetentionTables
from indexer.store.stale import StaleDocuments
from indexer.store.untagged import UntaggedTables


@dataclass(frozen=True, slots=True)
class ReadContent:
    """Content that one refresh read and that the store did not have."""

    manifests: tuple[Content, ...] = ()
    configs: tuple[tuple[Digest, bytes], ...] = ()


class ContentTables:
    """The content inside the store; its methods join the caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        attachments: AttachmentTables,
        chains: ChainTables,
        changes: Changes,
        extraction: ExtractionTables,
        history: TagHistory,
        presence: PresenceTables,
        pulls: PullTables,
        retention: RetentionTables,
        stale: StaleDocuments,
        untagged: UntaggedTables,
    ) -> None:
        self._database = database
        self._attachments = attachments
        self._chains = chains
        self._changes = changes
        self._extraction = extraction
        self._history = history
        self._presence = presence
        self._pulls = pulls
        self._retention = retention
        self._stale = stale
        self._untagged = untagged

    # Tags

    def tags(self, repository_id: int) -> dict[TagName, Digest]:
        """Return where each visible tag of a repository points."""
        rows = self._database.execute(
            "SELECT name, digest FROM tags WHERE repository_id = ? AND hidden_at IS NULL",
            [repository_id],
        )
        return {TagName(row[0]): Digest(row[1]) for row in rows}

    def newest_tags(self, repository_id: int) -> list[TagName]:
        """Return the visible tags of a repository, the one that moved last first."""
        tags, since = self.tags(repository_id), self._history.since_all(repository_id)
        # Who reads beside the writer may see a tag move between the two.
        moved_at = {tag: since.get((tag, tags[tag]), Since()).moved_at for tag in tags}
        return sorted(sorted(tags), key=moved_at.__getitem__, reverse=True)

    def tag_digest(self, repository_id: int, tag: str) -> Digest | None:
        """Return where a visible tag points, None when it is hidden or unknown."""
        row = self._database.execute(
            "SELECT digest FROM tags WHERE repository_id = ? AND name = ? AND hidden_at IS NULL",
            [repository_id, tag],
        ).fetchone()
        return Digest(row[0]) if row else None

    def tag_confirmed_at(self, repository_id: int, tag: str) -> datetime | None:
        """Return when a tag was seen last, be it hidden now; None when it is unknown."""
        row = self._database.execute(
            "SELECT confirmed_at FROM tags WHERE repository_id = ? AND name = ?",
            [repository_id, tag],
        ).fetchone()
        return parse_rfc3339(row[0]) if row else None

    def list_tags(self, repository_id: int, digest: Digest) -> list[TagName]:
        """Return the visible tags that point at a digest."""
        # Told which index to take, for SQLite would rather read all tags of the repository.
        rows = self._database.execute(
            "SELECT name FROM tags INDEXED BY tags_digest"
            " WHERE repository_id = ? AND digest = ? AND hidden_at IS NULL ORDER BY name",
            [repository_id, digest],
        )
        return [TagName(row[0]) for row in rows]

    def put_tag(
        self, repository_id: int, tag: TagName, digest: Digest, *, seen_at: datetime
    ) -> None:
        """Write that a tag was seen pointing at a digest, and what follows for the documents."""
        before = self.tag_digest(repository_id, tag)
        seen = rfc3339(seen_at)
        self._database.execute(
            "INSERT INTO tags (repository_id, name, digest, first_seen_at, confirmed_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest,"
            " confirmed_at = excluded.confirmed_at, hidden_at = NULL",
            [repository_id, tag, digest, seen, seen],
        )
        self._forget_absence(repository_id, tag)
        if before == digest:
            return
        self._changes.tag_pushed(repository_id, tag, digest, previous=before, at=seen_at)
        move = TagMove(tag, digest, seen_at, from_event=False)
        self.add_tag_moves(repository_id, [move])
        self._moved(repository_id, tag, [digest, before] if before else [digest], seen_at=seen)

    def hide_tag(self, repository_id: int, tag: TagName, *, seen_at: datetime) -> None:
        """Write that the registry said a tag does not exist; its history is kept."""
        digest = self.tag_digest(repository_id, tag)
        if digest is None:
            return
        self._database.execute(
            "UPDATE tags SET hidden_at = ? WHERE repository_id = ? AND name = ?",
            [rfc3339(seen_at), repository_id, tag],
        )
        self._changes.tag_removed(repository_id, tag, previous=digest, at=seen_at)
        self._forget_absence(repository_id, tag)
        self._moved(repository_id, tag, [digest], seen_at=rfc3339(seen_at))

    def _moved(
        self, repository_id: int, tag: TagName, digests: list[Digest], *, seen_at: str
    ) -> None:
        """Note what follows when a tag came to these digests, or left them."""
        self._untagged.put_left(repository_id, digests, seen_at=seen_at)
        self._stale.mark_tag(repository_id, tag, digests)

    def _forget_absence(self, repository_id: int, tag: TagName) -> None:
        self._database.execute(
            "DELETE FROM absences WHERE repository_id = ? AND tag = ?", [repository_id, tag]
        )

    def add_tag_moves(self, repository_id: int, moves: Iterable[TagMove]) -> None:
        """Add to the history of tags; a move that is there already stays as it is."""
        moves = list(moves)
        digests = {tag: self.tag_digest(repository_id, tag) for tag in {one.tag for one in moves}}
        shown = {tag: digest for tag, digest in digests.items() if digest}
        before = {tag: self._since(repository_id, tag, shown[tag]) for tag in shown}
        self.add_unread_moves((repository_id, move) for move in moves)
        for tag, digest in shown.items():
            if self._since(repository_id, tag, digest) != before[tag]:
                self._stale.mark_images(repository_id, [digest])
        others = {move.digest for move in moves if move.digest != digests[move.tag]}
        if others:
            self._stale.mark_untagged(repository_id, others)

    def add_unread_moves(self, moves: Iterable[tuple[int, TagMove]]) -> None:
        """Add to the history of tags in repositories of which nothing was read.

        No document shows anything of them, so none becomes stale.
        """
        self._history.add(moves)

    def tag_moves(self, repository_id: int, tag: str) -> list[TagMove]:
        """Return where a tag pointed, newest first."""
        return self._history.moves(repository_id, tag)

    def _since(self, repository_id: int, tag: str, digest: Digest) -> Since:
        return self._history.since_at(repository_id, tag, digest)

    # Manifests

    def has_manifest(self, digest: Digest) -> bool:
        """Tell whether the store has a manifest, from whatever repository."""
        query = "SELECT 1 FROM manifests WHERE digest = ?"
        return self._database.execute(query, [digest]).fetchone() is not None

    def has_config(self, digest: Digest) -> bool:
        """Tell whether the store has a config."""
        query = "SELECT 1 FROM configs WHERE digest = ?"
        return self._database.execute(query, [digest]).fetchone() is not None

    def is_whole(self, repository_id: int, digest: Digest) -> bool:
        """Tell whether nothing that a stored manifest needs is missing: config and children."""
        row = self._database.execute(
            "SELECT (SELECT config_digest IS NULL OR config_digest IN (SELECT digest FROM configs)"
            "  FROM manifests WHERE digest = ?1) AND NOT EXISTS"
            " (SELECT 1 FROM index_children WHERE digest = ?1 AND NOT EXISTS"
            "  (SELECT 1 FROM repository_manifests"
            "   WHERE repository_id = ?2 AND digest = child_digest))",
            [digest, repository_id],
        ).fetchone()
        return bool(row[0])

    def put_content(
        self, repository_id: int, content: ReadContent, *, kinds: KindTable, seen_at: datetime
    ) -> None:
        """Keep what was read; content that is there already stays as it is.

        ``kinds`` tell which config belongs to a manifest.
        """
        changed: dict[Digest, Content | None] = {}
        for digest, body in content.configs:
            added = self._database.execute(
                "INSERT INTO configs (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [digest, zlib.compress(body)],
            )
            if added.rowcount:
                self._stale.mark_config(digest)
                changed.update(dict.fromkeys(self._config_users(digest)))
        for read in content.manifests:
            if self._put_manifest(read, kinds, rfc3339(seen_at)):
                changed[read.digest] = read
            self.link_manifest(repository_id, read.digest, seen_at=seen_at)
        for digest, changed_content in changed.items():
            self._extraction.put_chains(digest, changed_content)

    def link_manifest(self, repository_id: int, digest: Digest, *, seen_at: datetime) -> None:
        """Write that a repository served a manifest; an index it belongs to changes with it.

        One that was forgotten since it was found in the store is left to the next refresh.
        """
        added = self._database.execute(
            "INSERT INTO repository_manifests (repository_id, digest, first_seen_at)"
            " SELECT ?, digest, ? FROM manifests WHERE digest = ? ON CONFLICT DO NOTHING",
            [repository_id, rfc3339(seen_at), digest],
        )
        if not added.rowcount:
            self._presence.restore(repository_id, digest)
            return
        self._stale.mark_manifest(repository_id, digest)

    def unlink_manifest(self, repository_id: int, digest: Digest) -> None:
        """Write that a repository said it does not have a manifest any more."""
        self._stale.mark_manifest(repository_id, digest)
        self._database.execute(
            "DELETE FROM repository_manifests WHERE repository_id = ? AND digest = ?",
            [repository_id, digest],
        )
        self._retention.forget_unused(digest)

    def is_linked(self, repository_id: int, digest: Digest) -> bool:
        """Tell whether a repository served a manifest, as far as we know."""
        row = self._database.execute(
            "SELECT 1 FROM repository_manifests WHERE repository_id = ? AND digest = ?",
            [repository_id, digest],
        ).fetchone()
        return row is not None

    def manifest(self, repository_id: int, digest: Digest, *, depth: int = 4) -> Content | None:
        """Return a manifest that a repository has, with its config and children to ``depth``."""
        return read_tree(self._database, self._chains, repository_id, digest, depth=depth)

    def manifests(self, digests: Iterable[Digest]) -> dict[Digest, Content]:
        """Return manifests with their configs alone, from whatever repository."""
        return read_alone(self._database, digests)

    def _put_manifest(self, read: Content, kinds: KindTable, seen_at: str) -> bool:
        """Keep a manifest; True when the store did not have it."""
        config = config_descriptor(read.manifest, kinds=kinds)
        added = self._database.execute(
            "INSERT INTO manifests (digest, content_type, body, config_digest, first_seen_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                read.digest,
                read.content_type,
                zlib.compress(read.body),
                config.digest if config else None,
                seen_at,
            ],
        )
        if added.rowcount:
            self._extraction.put_children(read.digest, read.manifest)
        return bool(added.rowcount)

    def _config_users(self, config: Digest) -> list[Digest]:
        rows = self._database.execute(
            "SELECT digest FROM manifests WHERE config_digest = ?", [config]
        )
        return [Digest(row[0]) for row in rows]

    # Documents

    def count_visible(self) -> tuple[int, int]:
        """Return how many repositories and images should be documents of the search index."""
        rows = self._database.execute(
            "SELECT repository_id, name, digest FROM tags JOIN repository_manifests"
            " USING (repository_id, digest) WHERE hidden_at IS NULL"
        )
        images = {(row[0], row[2]) for row in rows if not is_system_tag(row[1])}
        return len({repository_id for repository_id, _ in images}), len(images)

    def image(self, repository_id: int, digest: Digest) -> StoredImage | None:
        """Return a visible manifest with its tags; None when no tag that is shown points at it."""
        tags = [t for t in self.list_tags(repository_id, digest) if not is_system_tag(t)]
        return self.image_with(repository_id, digest, tags) if tags else None

    def untagged_image(self, repository_id: int, digest: Digest) -> UntaggedImage | None:
        """Return a manifest that no tag leads to any more; None when it is not such a one."""
        untagged = self._untagged.find(repository_id, digest)
        return UntaggedImage(*untagged) if untagged else None

    def tagged_images(self, repository_id: int) -> list[TaggedImage]:
        """Return what a visible tag of a repository points at, system tags aside, by digest."""
        tags = self.tags(repository_id)
        since, pulls = (
            self._history.since_all(repository_id),
            self._pulls.list_images(repository_id),
        )
        found: dict[Digest, list[tuple[TagName, Since]]] = {}
        for tag in sorted(filter(_is_shown, tags)):
            # Who reads beside the writer may see a tag move between the two.
            found.setdefault(tags[tag], []).append((tag, since.get((tag, tags[tag]), Since())))
        return [
            _tagged_image(digest, found[digest], pulls.get(digest, Pulls()))
            for digest in sorted(found)
        ]

    def find_tagged_images(
        self, repository_id: int, digests: Iterable[Digest]
    ) -> list[TaggedImage]:
        """Return the same of these digests alone, without looking at all tags of the repository."""
        tags = {one: self.list_tags(repository_id, one) for one in sorted(set(digests))}
        shown = {one: list(filter(_is_shown, found)) for one, found in tags.items()}
        places = [(repository_id, tag, one) for one, found in shown.items() for tag in found]
        since = self._history.since_of(places)
        return [
            _tagged_image(
                digest,
                [(tag, since[repository_id, tag, digest]) for tag in found],
                self._pulls.get_image(repository_id, digest),
            )
            for digest, found in shown.items()
            if found
        ]

    def tagged_digests(
        self, repository_id: int, beginning: str, *, limit: int = -1
    ) -> list[Digest]:
        """Return the digests that begin like this and that visible tags of a repository point at.

        No more than ``limit``, if that is no negative number.
        """
        rows = self._database.execute(
            "SELECT DISTINCT digest FROM tags INDEXED BY tags_digest WHERE repository_id = ?"
            " AND digest >= ? AND digest < ? AND hidden_at IS NULL LIMIT ?",
            [repository_id, beginning, beginning + AFTER_DIGESTS, limit],
        )
        return [Digest(row[0]) for row in rows]

    def has_images(self, repository_id: int, number: int) -> bool:
        """Tell whether the visible tags of a repository point at so many digests, or at more."""
        row = self._database.execute(
            "SELECT count(*) FROM (SELECT DISTINCT digest FROM tags INDEXED BY tags_digest"
            " WHERE repository_id = ? AND hidden_at IS NULL LIMIT ?)",
            [repository_id, number],
        ).fetchone()
        return int(row[0]) == number

    def image_with(
        self, repository_id: int, digest: Digest, tags: Sequence[TagName]
    ) -> StoredImage | None:
        """Return a manifest with these of the tags that point at it; None where it is not there."""
        content = self.manifest(repository_id, digest)
        if content is None:
            return None
        found = self._history.since_of((repository_id, tag, digest) for tag in tags)
        since = [(tag, found[repository_id, tag, digest]) for tag in tags]
        return StoredImage(
            content=content,
            tags=tuple(tag for tag, _ in _newest_first(since)),
            pushed_at=_newest_push(since),
            pulls=self._pulls.get_image(repository_id, digest),
            attachments=self._attachments.find(repository_id, [digest]).get(digest, ()),
        )


def _tagged_image(
    digest: Digest, tags: Sequence[tuple[TagName, Since]], pulls: Pulls
) -> TaggedImage:
    newest_first = _newest_first(tags)
    return TaggedImage(
        digest=digest,
        tags=tuple(tag for tag, _ in newest_first),
        pushed_at=_newest_push(tags),
        pulls=pulls,
        moved_at=tuple(since.moved_at for _, since in newest_first),
    )


def _is_shown(tag: TagName) -> bool:
    return not is_system_tag(tag)


def _newest_first(tags: Sequence[tuple[TagName, Since]]) -> list[tuple[TagName, Since]]:
    return sorted(tags, key=lambda one: one[1].moved_at, reverse=True)


def _newest_push(tags: Sequence[tuple[TagName, Since]]) -> str | None:
    return max((since.pushed_at for _, since in tags if since.pushed_at), default=None)
