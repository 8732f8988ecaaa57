"""Reading what users see, page by page: registries, repositories, tags, and where a digest is.

Only registries that the settings name, repositories that have a tag, and tags that are not hidden.
A page begins behind the last thing of the one before, so that nothing is missed or told twice
when something comes or goes meanwhile.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlite_utils import Database

from indexer.clock import rfc3339
from indexer.errors import InvalidValueError
from indexer.model import (
    LIMIT_MAX,
    Digest,
    Pulls,
    RepositoryRow,
    StoredImage,
    TagName,
    UntaggedImage,
)
from indexer.store.content import ContentTables
from indexer.store.history import Since, TagHistory, TagMove
from indexer.store.index_tree import indexes_above
from indexer.store.page import Page, make_page
from indexer.store.summaries import RepositorySummary, read_shown
from indexer.store.visible import VISIBLE

TAGS_MAX = 100
"""Tags of one place that are told, the first by name."""
_ROWS_MORE = 20
"""So many more rows than tags are read at once, because some are of the same tag."""

_REGISTRIES = """
SELECT registries.id, registries.name, registry_host,
    count(repositories.id), coalesce(sum(tag_count), 0)
FROM registries LEFT JOIN repositories ON registry_id = registries.id AND tag_count > 0
WHERE NOT removed AND (?1 IS NULL OR registries.name = ?1)
GROUP BY registries.id ORDER BY registries.name"""

_REPOSITORIES = f"""
SELECT repositories.id, registries.name, registry_host, repositories.name, first_seen_at,
    tag_count, size_bytes, title, description, summary, coalesce(pulls, 0), last_pulled_at,
    (SELECT tagged_at FROM tag_moves INDEXED BY tag_moves_newest CROSS JOIN tags
        ON tags.repository_id = tag_moves.repository_id
        AND tags.name = tag_moves.tag AND tags.digest = tag_moves.digest
        WHERE tag_moves.repository_id = repositories.id AND from_event AND {VISIBLE}
        ORDER BY tagged_at DESC LIMIT 1)
FROM registries CROSS JOIN repositories ON registry_id = registries.id
LEFT JOIN pulls ON pulls.repository_id = repositories.id AND pulls.digest = ''
WHERE NOT removed AND registries.name = ? AND tag_count > 0
AND repositories.name """  # noqa: S608 - texts of this package

_EMPTY_REPOSITORY = """
SELECT repositories.id, registries.name, registry_host, repositories.name
FROM registries CROSS JOIN repositories ON registry_id = registries.id
WHERE NOT removed AND NOT left_out AND tag_count = 0
AND registries.name = ? AND repositories.name = ?"""

_TAGS = f"""
SELECT tags.name, tags.digest, first_seen_at FROM tags
WHERE tags.repository_id = ? AND {VISIBLE} AND tags.name """  # noqa: S608

_MOVED = f"""
SELECT tags.name, tags.digest, tags.first_seen_at, tagged_at
FROM tag_moves INDEXED BY tag_moves_newest CROSS JOIN tags
    ON tags.repository_id = tag_moves.repository_id
    AND tags.name = tag_moves.tag AND tags.digest = tag_moves.digest
WHERE tag_moves.repository_id = ? AND {VISIBLE} ORDER BY tagged_at DESC, tag"""  # noqa: S608

_BESIDE = f"""
SELECT tags.name FROM tags WHERE tags.repository_id = ? AND {VISIBLE}
AND tags.name {{sign}} ? ORDER BY tags.name {{order}} LIMIT ?"""  # noqa: S608
_BEFORE = _BESIDE.format(sign="<", order="DESC")
_BEHIND = _BESIDE.format(sign=">", order="ASC")

_TARGETS = f"""
WITH asked (registry, repository, tag) AS (VALUES {{asked}})
SELECT asked.registry, asked.repository, asked.tag, tags.digest
FROM asked CROSS JOIN registries ON registries.name = asked.registry AND NOT removed
CROSS JOIN repositories ON registry_id = registries.id AND repositories.name = asked.repository
    AND tag_count > 0
LEFT JOIN tags ON tags.repository_id = repositories.id AND tags.name = asked.tag
    AND {VISIBLE}"""  # noqa: S608 - texts of this package

_ONE_TAG = f"""
WITH asked (registry, repository) AS (VALUES {{asked}})
SELECT asked.registry, asked.repository,
    (SELECT MIN(name) FROM tags WHERE repository_id = repositories.id AND {VISIBLE}) AS tag
FROM asked CROSS JOIN registries ON registries.name = asked.registry AND NOT removed
CROSS JOIN repositories ON registry_id = registries.id AND repositories.name = asked.repository
    AND tag_count > 0
WHERE tag IS NOT NULL"""  # noqa: S608 - texts of this package

# Where no tag leads to it, the repository alone says that it is there.
_PLACES = f"""
{indexes_above("SELECT repository_id, digest FROM repository_manifests WHERE digest = ?1")},
tagged AS (SELECT * FROM above WHERE EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = above.repository_id AND tags.digest = above.digest AND {VISIBLE})),
places AS (SELECT * FROM tagged UNION ALL
    SELECT repository_id, digest FROM repository_manifests WHERE digest = ?1
    AND absent_at IS NULL AND repository_id NOT IN (SELECT repository_id FROM tagged))
SELECT repositories.id, registries.name, registry_host, repositories.name, places.digest, (
    SELECT json_group_array(name) FROM (
        SELECT tags.name FROM tags INDEXED BY tags_digest
        WHERE tags.repository_id = repositories.id AND tags.digest = places.digest AND {VISIBLE}
        ORDER BY tags.name LIMIT ?6))
FROM places CROSS JOIN repositories ON repositories.id = repository_id
CROSS JOIN registries ON registries.id = registry_id
WHERE NOT removed AND NOT left_out
AND (registries.name, repositories.name, places.digest) > (?2, ?3, ?4)
ORDER BY registries.name, repositories.name, places.digest LIMIT ?5"""  # noqa: S608

_TAGS_OF_IMAGE = f"""
SELECT tags.name FROM tags INDEXED BY tags_digest
WHERE tags.repository_id = ? AND tags.digest = ? AND {VISIBLE} ORDER BY tags.name"""  # noqa: S608

_TAGS_OF_DIGESTS = f"""
SELECT tags.digest, tags.name FROM json_each(?) CROSS JOIN tags INDEXED BY tags_digest
    ON tags.repository_id = ? AND tags.digest = value
WHERE {VISIBLE} ORDER BY tags.name"""  # noqa: S608

# Of a manifest without a tag only the repository says that it is there. One with a tag goes first.
_HOLDERS = f"""
SELECT repositories.id FROM repository_manifests AS own
CROSS JOIN repositories ON repositories.id = own.repository_id
CROSS JOIN registries ON registries.id = registry_id
WHERE own.digest = ?1 AND absent_at IS NULL AND NOT left_out AND NOT removed
AND (?2 IS NULL OR registries.name = ?2) AND (?3 IS NULL OR repositories.name = ?3)
ORDER BY EXISTS (SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = own.repository_id AND tags.digest = ?1 AND {VISIBLE}) DESC,
    registries.name, repositories.name LIMIT 1"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ShownRegistry:
    """A registry, and how many repositories and tags of it are visible."""

    id: int
    name: str
    registry_host: str
    repositories: int
    tags: int


@dataclass(frozen=True, slots=True)
class ShownRepository:
    """A repository; ``pushed_at`` is the newest push that an event told of.

    ``summary`` is what its document said last.
    """

    row: RepositoryRow
    first_seen_at: str
    tag_count: int
    summary: RepositorySummary
    pulls: Pulls
    pushed_at: str | None


class ListedTag(NamedTuple):
    """A tag among all of its repository; a tuple, because there may be many thousands."""

    name: TagName
    digest: Digest
    first_seen_at: str


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A tag, since when it points where it does, and when an event last said so."""

    name: TagName
    digest: Digest
    first_seen_at: str
    tagged_at: str
    pushed_at: str | None


@dataclass(frozen=True, slots=True)
class ShownPlace:
    """Where a manifest is: ``digest`` is its own, or that of an index with it, and has the tags.

    There are no tags where a repository holds it without one.
    """

    repository: RepositoryRow
    digest: Digest
    tags: tuple[TagName, ...]


class ShownTables:
    """Reads what is visible inside the store."""

    def __init__(self, database: Database, *, content: ContentTables, history: TagHistory) -> None:
        self._database = database
        self._content = content
        self._history = history

    def registries(self) -> list[ShownRegistry]:
        """Return the registries that the settings name, by name."""
        return [ShownRegistry(*row) for row in self._database.execute(_REGISTRIES, [None])]

    def hosts(self) -> dict[str, str]:
        """Return the host of each of them by its name, in the same order; nothing is counted."""
        rows = self._database.execute(
            "SELECT name, registry_host FROM registries WHERE NOT removed ORDER BY name"
        )
        return {row[0]: row[1] for row in rows}

    def registry(self, name: str) -> ShownRegistry | None:
        """Return one of them."""
        row = self._database.execute(_REGISTRIES, [name]).fetchone()
        return ShownRegistry(*row) if row else None

    def repositories(self, registry: str, *, after: str = "", limit: int) -> Page[ShownRepository]:
        """Return repositories of a registry, by name, from behind one."""
        query = f"{_REPOSITORIES} > ? ORDER BY repositories.name LIMIT ?"
        rows = self._database.execute(query, [registry, after, limit + 1]).fetchall()
        found = [_repository(row) for row in rows]
        return make_page(found, limit=limit, place=lambda one: one.row.name)

    def repository(self, registry: str, name: str) -> ShownRepository | None:
        """Return one of them."""
        row = self._database.execute(f"{_REPOSITORIES} = ?", [registry, name]).fetchone()
        return _repository(row) if row else None

    def targets(
        self, places: Collection[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], Digest | None]:
        """Return where tags point, each named by registry, repository and tag.

        The digest is None where the repository is there without that tag. Other places are missing.
        """
        asked = ", ".join(["(?, ?, ?)"] * len(places))
        names = [name for place in places for name in place]
        rows = self._database.execute(_TARGETS.format(asked=asked), names) if places else ()
        return {(row[0], row[1], row[2]): Digest(row[3]) if row[3] else None for row in rows}

    def first_tags(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return a visible tag of each repository, named by registry and repository.

        Repositories without one are missing.
        """
        asked = ", ".join(["(?, ?)"] * len(places))
        names = [name for place in places for name in place]
        rows = self._database.execute(_ONE_TAG.format(asked=asked), names) if places else ()
        return {(row[0], row[1]): row[2] for row in rows}

    def empty_repository(self, registry: str, name: str) -> RepositoryRow | None:
        """Return a repository that has no visible tag; None if it has one or was never seen."""
        row = self._database.execute(_EMPTY_REPOSITORY, [registry, name]).fetchone()
        return RepositoryRow(*row) if row else None

    def tags(self, repository_id: int, *, after: str = "", limit: int) -> Page[ShownTag]:
        """Return tags of a repository, by name, from behind one."""
        query = f"{_TAGS} > ? ORDER BY tags.name LIMIT ?"
        rows = self._database.execute(query, [repository_id, after, limit + 1]).fetchall()
        found = self.tell_tags(repository_id, [ListedTag(*row) for row in rows])
        return make_page(found, limit=limit, place=lambda tag: tag.name)

    def list_tags(self, repository_id: int) -> list[ListedTag]:
        """Return every tag of a repository, by name, for who chooses some of them."""
        query = f"{_TAGS} > '' ORDER BY tags.name"
        return [ListedTag(*row) for row in self._database.execute(query, [repository_id])]

    def newest_tags(self, repository_id: int, *, limit: int) -> list[ShownTag] | None:
        """Return so many tags that moved last, newest first, and by name where that is equal.

        None if not so many were seen to move. No others are read, but some that moved again to
        where they pointed: that only a crawl saw it is no move, see :class:`TagHistory`.
        """
        rows = self._database.execute(_MOVED, [repository_id])
        found: dict[str, ShownTag] = {}
        while some := rows.fetchmany(min(limit + _ROWS_MORE, LIMIT_MAX)):
            new = {row[0]: ListedTag(*row[:3]) for row in some if row[0] not in found}
            found |= {tag.name: tag for tag in self.tell_tags(repository_id, [*new.values()])}
            # Later rows are behind this one, and their tags are where they are or behind them.
            name, moved_at = some[-1][0], some[-1][3]
            sure = (
                tag
                for tag in found.values()
                if tag.tagged_at > moved_at or (tag.tagged_at == moved_at and tag.name <= name)
            )
            first = sorted(sure, key=lambda tag: tag.name)
            if len(first) >= limit:
                first.sort(key=lambda tag: tag.tagged_at, reverse=True)
                return first[:limit]
        return None

    def tell_tags(self, repository_id: int, listed: Sequence[ListedTag]) -> list[ShownTag]:
        """Return tags of a repository with their times."""
        history = self._history
        since = (
            history.since_all(repository_id)
            if len(listed) > LIMIT_MAX
            else history.since_some(repository_id, [one.name for one in listed])
        )
        return [_tag(one, since) for one in listed]

    def tags_of(self, repository_id: int, digests: Iterable[Digest]) -> dict[Digest, list[TagName]]:
        """Return the tags of each of these manifests, by name."""
        wanted = sorted(set(digests))
        found: dict[Digest, list[TagName]] = {digest: [] for digest in wanted}
        rows = self._database.execute(_TAGS_OF_DIGESTS, [json.dumps(wanted), repository_id])
        for digest, name in rows:
            found[digest].append(TagName(name))
        return found

    def tag(self, repository_id: int, name: str) -> ShownTag | None:
        """Return one of them."""
        row = self._database.execute(f"{_TAGS} = ?", [repository_id, name]).fetchone()
        return self.tell_tags(repository_id, [ListedTag(*row)])[0] if row else None

    def tags_beside(self, repository_id: int, name: str, *, limit: int) -> list[TagName]:
        """Return tags whose names are next to one, as many before it as behind it if there are."""
        asked = [repository_id, name, limit]
        before, behind = (
            [TagName(row[0]) for row in self._database.execute(query, asked)]
            for query in (_BEFORE, _BEHIND)
        )
        half = limit // 2
        from_before = max(half, limit - len(behind))
        from_behind = max(limit - half, limit - len(before))
        return [*before[:from_before][::-1], *behind[:from_behind]]

    def moves(self, repository_id: int, tag: str, *, limit: int) -> Page[TagMove]:
        """Return where a tag pointed, newest first."""
        found = self._history.moves(repository_id, tag, limit=limit + 1)
        return _move_page(found, limit=limit)

    def moves_of(
        self, repository_id: int, tags: Sequence[str], *, limit: int
    ) -> dict[str, Page[TagMove]]:
        """Return where each of these tags pointed, newest first, at most so many of each."""
        found = self._history.moves_of(repository_id, tags, limit=limit + 1)
        return {tag: _move_page(moves, limit=limit) for tag, moves in found.items()}

    def places(self, digest: Digest, *, after: str = "", limit: int) -> Page[ShownPlace]:
        """Return where a manifest is, by name, with a tag, through an index or without a tag.

        :class:`InvalidValueError` where ``after`` is not from a page of these.
        """
        behind = _parse_place(after)
        rows = self._database.execute(_PLACES, [digest, *behind, limit + 1, TAGS_MAX])
        return make_page(list(map(_place, rows)), limit=limit, place=_write_place)

    def holder(
        self, digest: Digest, *, registry: str | None = None, repository: str | None = None
    ) -> int | None:
        """Return a repository that has a manifest, as far as we know; one with a tag for it first.

        ``registry`` and ``repository`` say where to look.
        """
        row = self._database.execute(_HOLDERS, [digest, registry, repository]).fetchone()
        return row[0] if row else None

    def sizes(self, repository_id: int, digests: Iterable[Digest]) -> dict[Digest, int | None]:
        """Return those of these manifests that a repository has, each with its size if known."""
        rows = self._database.execute(
            "SELECT digest, size_bytes FROM json_each(?) CROSS JOIN repository_manifests"
            " ON repository_id = ? AND digest = value WHERE absent_at IS NULL",
            [json.dumps(sorted(set(digests))), repository_id],
        )
        return {Digest(row[0]): row[1] for row in rows}

    def image(self, repository_id: int, digest: Digest) -> StoredImage | None:
        """Return a manifest with the tags that point at it, of which there may be none."""
        rows = self._database.execute(_TAGS_OF_IMAGE, [repository_id, digest])
        tags = [TagName(row[0]) for row in rows]
        return self._content.image_with(repository_id, digest, tags)

    def untagged(self, repository_id: int, digest: Digest) -> UntaggedImage | None:
        """Return what is known of a manifest that no tag leads to any more."""
        return self._content.untagged_image(repository_id, digest)


def _place(row: Sequence[Any]) -> ShownPlace:
    return ShownPlace(RepositoryRow(*row[:4]), Digest(row[4]), tuple(json.loads(row[5])))


def _repository(row: Sequence[Any]) -> ShownRepository:
    place, first_seen_at, tag_count = row[:4], row[4], row[5]
    size_bytes, title, description, summary = row[6:10]
    return ShownRepository(
        row=RepositoryRow(*place),
        first_seen_at=first_seen_at,
        tag_count=tag_count,
        summary=RepositorySummary(size_bytes, title, description, read_shown(summary)),
        pulls=Pulls(*row[10:12]),
        pushed_at=row[12],
    )


def _move_page(moves: Sequence[TagMove], *, limit: int) -> Page[TagMove]:
    return make_page(moves, limit=limit, place=lambda move: rfc3339(move.tagged_at))


def _tag(listed: ListedTag, since: Mapping[tuple[str, str], Since]) -> ShownTag:
    # Who reads beside the writer may see a tag move between the two.
    found = since.get((listed.name, listed.digest)) or Since(listed.first_seen_at)
    return ShownTag(
        listed.name, listed.digest, listed.first_seen_at, found.moved_at, found.pushed_at
    )


def _write_place(place: ShownPlace) -> str:
    return f"{place.repository.registry} {place.repository.name} {place.digest}"


def _parse_place(after: str) -> tuple[str, str, str]:
    """Return the registry, the repository and the digest of the last place of a page."""
    match after.split(" "):
        case [""]:
            return "", "", ""
        case [registry, repository, digest]:
            return registry, repository, digest
    raise InvalidValueError(f"not a place of an image: {after[:100]!r}")
