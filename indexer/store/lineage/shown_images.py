"""Which visible images show some manifests: asked for many questions at once.

Each step is one query for all questions together, so that an index of twenty platforms takes no
more of them than an image. Manifests are read no further than the limit asks; where what they
lead to is hidden and not forgotten yet, more of them are read the next time.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlite_utils import Database

from indexer.model import Digest, RepositoryRow, TagName
from indexer.store.history import TagHistory
from indexer.store.index_tree import indexes_above, manifests_below
from indexer.store.lineage.chains import COLUMNS, ManifestRow, read_row
from indexer.store.repositories import RepositoryTables
from indexer.store.visible import VISIBLE

TAGS_MAX = 1_000
"""Tags of one image that are looked at, the first by name."""
_MORE = 4
"""How many times as many manifests are read the next time."""

_LINKED = "SELECT repository_id, digest FROM repository_manifests WHERE digest = asked.value"
_LOCATIONS = f"""
SELECT (
    {indexes_above(_LINKED)}
    SELECT json_group_array(json_array(repository_id, digest)) FROM (
        SELECT repository_id, digest FROM above WHERE EXISTS (
            SELECT 1 FROM tags INDEXED BY tags_digest
            WHERE tags.repository_id = above.repository_id AND tags.digest = above.digest
            AND {VISIBLE}) LIMIT ?2))
FROM json_each(?1) AS asked"""  # noqa: S608 - texts of this package

_PLACE = "json_extract(asked.value, '$[0]'), json_extract(asked.value, '$[1]')"
_TAGS = f"""
SELECT (
    SELECT json_group_array(name) FROM (
        SELECT tags.name FROM tags INDEXED BY tags_digest
        WHERE (tags.repository_id, tags.digest) = ({_PLACE}) AND {VISIBLE}
        ORDER BY tags.name LIMIT {TAGS_MAX}))
FROM json_each(?) AS asked"""  # noqa: S608 - texts of this package
_PARTS = f"""
SELECT (
    {manifests_below(f"SELECT {_PLACE}")}
    SELECT json_group_array(json_array(digest, {COLUMNS}))
    FROM below CROSS JOIN manifest_chains USING (digest))
FROM json_each(?) AS asked"""  # noqa: S608 - texts of this package

Location = tuple[int, Digest]
"""The number of a repository, and the digest that its tags point at."""
Key = TypeVar("Key")
Manifests = tuple[Sequence[Digest], bool]
"""The first manifests that a key asks for, newest first, and whether these are all."""
ReadManifests = Callable[[Collection[Key], int], Mapping[Key, Manifests]]
"""Reads so many manifests for each key. With a larger number the same ones come first."""
ChooseRelated = Callable[[Collection[ManifestRow]], Collection[ManifestRow]]
"""Returns which of the manifests of indexes are what a key asks for."""


@dataclass(frozen=True, slots=True)
class RelatedImage:
    """A visible image that a question found.

    ``digest`` is what its tags, newest first, point at; ``manifests`` are what is related of it:
    itself, or those of an index's platforms for which it is so.
    """

    repository: RepositoryRow
    digest: Digest
    manifests: tuple[Digest, ...]
    tags: tuple[TagName, ...]


@dataclass(frozen=True, slots=True)
class RelatedImages:
    """Images, those first that we came to know last; ``has_more`` says whether there are others."""

    images: tuple[RelatedImage, ...]
    has_more: bool


@dataclass(slots=True)
class _Found:
    """The locations that one key found, each with the manifest that led to it."""

    manifests: dict[Location, Digest] = field(default_factory=dict)
    has_more: bool = False
    is_complete: bool = False

    def add(self, manifest: Digest, locations: Iterable[Location], *, limit: int) -> None:
        for location in locations:
            if location in self.manifests:
                continue
            if len(self.manifests) == limit:
                self.has_more = self.is_complete = True
                return
            self.manifests[location] = manifest


class ShownImages:
    """Reads the visible images that show manifests."""

    def __init__(
        self, database: Database, *, history: TagHistory, repositories: RepositoryTables
    ) -> None:
        self._database = database
        self._history = history
        self._repositories = repositories

    def find(
        self, asked: Mapping[Key, ChooseRelated], read: ReadManifests[Key], *, limit: int
    ) -> dict[Key, RelatedImages]:
        """Return the images of the manifests that each key asks for, at most ``limit`` of each."""
        found = self._locate(asked, read, limit=limit)
        locations = {place for one in found.values() for place in one.manifests}
        tags = self._tags(locations)
        repositories = self._repositories.list_by_id({number for number, _ in tags})
        parts = self._parts(
            {
                place
                for one in found.values()
                for place, manifest in one.manifests.items()
                if manifest != place[1]
            }
        )
        return {
            key: RelatedImages(
                tuple(
                    RelatedImage(repositories[place[0]], place[1], manifests, tags[place])
                    for place, manifests in _choose(one, parts, asked[key]).items()
                    # Who reads beside the writer may see a tag move between the two.
                    if place in tags
                ),
                one.has_more,
            )
            for key, one in found.items()
        }

    def _locate(
        self, asked: Iterable[Key], read: ReadManifests[Key], *, limit: int
    ) -> dict[Key, _Found]:
        """Return the visible images of each key, the first ones and whether there are more."""
        found = {key: _Found() for key in asked}
        looked_at = dict.fromkeys(found, 0)
        wanted = limit + 1
        while waiting := [key for key, one in found.items() if not one.is_complete]:
            manifests = read(waiting, wanted)
            some = [(key, one) for key in waiting for one in manifests[key][0][looked_at[key] :]]
            rows = self._rows(_LOCATIONS, [each for _, each in some], limit + 1)
            for (key, manifest), locations in zip(some, rows, strict=False):
                found[key].add(manifest, locations, limit=limit)
                if all(found[one].is_complete for one in waiting):
                    break
            for key in waiting:
                looked_at[key] = len(manifests[key][0])
                found[key].is_complete |= manifests[key][1]
            wanted *= _MORE
        return found

    def _rows(self, query: str, asked: Sequence[object], *more: object) -> Iterable[Any]:
        """Yield what a query finds for each of what is asked, as it is read."""
        rows = self._database.execute(query, [json.dumps(asked), *more]) if asked else ()
        return (
            [tuple(each) if isinstance(each, list) else each for each in json.loads(row[0])]
            for row in rows
        )

    def _tags(self, locations: Collection[Location]) -> dict[Location, tuple[TagName, ...]]:
        """Return the visible tags of images, in the order that their documents have them."""
        asked = sorted(locations)
        listed = {
            place: [TagName(tag) for tag in tags]
            for place, tags in zip(asked, self._rows(_TAGS, asked), strict=True)
            if tags
        }
        since = self._history.since_of(
            (repository_id, tag, digest)
            for (repository_id, digest), tags in listed.items()
            for tag in (tags if len(tags) > 1 else ())
        )
        return {
            (number, digest): tuple(
                sorted(tags, key=lambda tag: since[number, tag, digest].moved_at, reverse=True)
            )
            if len(tags) > 1
            else tuple(tags)
            for (number, digest), tags in listed.items()
        }

    def _parts(
        self, locations: Collection[Location]
    ) -> dict[Location, list[tuple[Digest, ManifestRow]]]:
        """Return the manifests with layers that some indexes are made of."""
        asked = sorted(locations)
        return {
            place: [(Digest(each[0]), read_row(each[1:])) for each in rows]
            for place, rows in zip(asked, self._rows(_PARTS, asked), strict=True)
        }


def _choose(
    found: _Found,
    parts: Mapping[Location, Sequence[tuple[Digest, ManifestRow]]],
    choose: ChooseRelated,
) -> dict[Location, tuple[Digest, ...]]:
    """Return which manifests of each image are what was asked for."""
    places = found.manifests
    rows = {row for place in places for _, row in parts.get(place, ())}
    related = choose(rows) if rows else ()
    return {
        place: (manifest,)
        if manifest == place[1]
        else tuple(part for part, row in parts[place] if row in related)
        for place, manifest in places.items()
    }
