"""How images are related by their layers: bases, derived images, images that hold a layer.

Every answer names only what is visible: the repositories and tags that lead to a manifest now,
through an index or not. Two images are compared by their DiffIDs, so that a base whose layers were
compressed once more is still one; by compressed layers where the config of one is missing. One
is the base of another when its layers are the first ones of the other, fewer than those, and not
all empty. Same layers with other settings make no base.

The tables are explained in :mod:`indexer.store.lineage.chains`. Questions read them no further
than the limit asks, however much there is; what is hidden and not forgotten yet is passed over.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge

from sqlite_utils import Database

from indexer.documents import find_inherited
from indexer.extract import ChainKind, DeclaredBase, declared_bases
from indexer.model import Content, Digest, RepositoryRow, TagName, is_system_tag
from indexer.store.history import TagHistory
from indexer.store.index_tree import indexes_above, manifests_below, parts_below
from indexer.store.lineage.chains import (
    COLUMNS,
    Link,
    ManifestRow,
    Trie,
    layer_range,
    manifest_row,
    read_row,
)
from indexer.store.lineage.named import named
from indexer.store.repositories import RepositoryTables
from indexer.store.visible import VISIBLE

LIMIT = 25
SCRATCH = "scratch"
"""The name of what has no layers."""
COUNTED_MAX = 5_000
"""Manifests with a layer, in one place each, of which the images are counted."""
TAGS_MAX = 1_000
"""Tags of one image that are looked at, the first by name."""

_LINKED = "SELECT repository_id, digest FROM repository_manifests WHERE digest = ?"
_LOCATIONS = f"{indexes_above(_LINKED)}SELECT repository_id, digest FROM above"  # noqa: S608
_CHAINS = f"SELECT digest, {COLUMNS} FROM below CROSS JOIN manifest_chains USING (digest)"  # noqa: S608
_PARTS = f"{parts_below('VALUES (?)')}{_CHAINS}"
_PARTS_HERE = f"{manifests_below('VALUES (?, ?)')}{_CHAINS}"


_ENDS = """
SELECT id AS chain FROM {kind}_chains WHERE layer BETWEEN ?1 AND ?2
UNION ALL SELECT chain FROM {kind}_chains CROSS JOIN {kind}_prefixes ON prefix = id
WHERE layer BETWEEN ?1 AND ?2"""
_HOLDERS = f"""
SELECT repository_id, digest FROM ({_ENDS})
CROSS JOIN manifest_chains ON {{kind}}_chain = chain
CROSS JOIN repository_manifests USING (digest)"""  # noqa: S608 - texts of this module
_WITH_LAYER = " UNION ALL ".join(_HOLDERS.format(kind=kind) for kind in ChainKind)
_SOME_WITH_LAYER = f"SELECT repository_id, digest FROM ({_WITH_LAYER}) LIMIT ?3"  # noqa: S608
_COUNT_SOME = f"SELECT count(*) FROM ({_SOME_WITH_LAYER})"  # noqa: S608
_COUNT_IMAGES = f"""
{indexes_above(f"SELECT * FROM ({_SOME_WITH_LAYER})")}
SELECT count(*) FROM above WHERE EXISTS (
    SELECT 1 FROM tags INDEXED BY tags_digest
    WHERE tags.repository_id = above.repository_id AND tags.digest = above.digest AND {VISIBLE})
"""  # noqa: S608 - texts of this package


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where a layer is in a manifest: its position, counted from 1, of so many layers."""

    position: int
    layer_count: int


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


@dataclass(frozen=True, slots=True)
class Base:
    """A base: how many layers it gives, and the visible images that have just these."""

    layers: int
    images: RelatedImages


@dataclass(frozen=True, slots=True)
class Bases:
    """The bases of one manifest, the immediate one first."""

    manifest: Digest
    bases: tuple[Base, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """The base that an image declares, beside the computed one.

    ``differs`` is True where the layers tell of another immediate base than the declared one, or
    that it is none; None where neither that nor the opposite can be told.
    """

    base: DeclaredBase
    differs: bool | None


class LineageTables:
    """The questions about lineage; they only read."""

    def __init__(
        self,
        database: Database,
        *,
        history: TagHistory,
        repositories: RepositoryTables,
        tries: Mapping[ChainKind, Trie],
    ) -> None:
        self._database = database
        self._history = history
        self._repositories = repositories
        self._tries = tries

    def bases(self, digest: Digest, *, limit: int = LIMIT) -> tuple[Bases, ...]:
        """Return the bases of an image, or of each image in an index.

        Of each base at most ``limit`` images are named.
        """
        return tuple(
            Bases(part, self._bases(row, limit=limit))
            for part, row in self.parts(digest)
            if row.is_image
        )

    def derived(self, digest: Digest, *, limit: int = LIMIT) -> RelatedImages:
        """Return the images that are built on an image, or on one in an index."""
        links = {
            link
            for _, row in self.parts(digest)
            for link in row.links
            if not self._tries[link.kind].is_only_empty(link.chain)
        }
        above = self._above(links)
        return self._related(above, partial(self._is_above, links), limit=limit)

    def find_containing(self, layer: str, *, limit: int = LIMIT) -> RelatedImages:
        """Return the images that hold a layer, given by its compressed digest or its DiffID.

        The beginning of one will do, of twelve hexadecimal digits or more;
        :class:`InvalidValueError` for anything else.
        """
        low, high = layer_range(layer)
        manifests = (
            manifest
            for kind, trie in self._tries.items()
            for chain in trie.with_layer(low, high)
            for end in itertools.chain([chain], trie.ends_above(chain))
            for manifest in trie.manifests(end)
        )

        def holds(row: ManifestRow) -> bool:
            return any(self._tries[kind].has_layer(end, low, high) for kind, end in row.ends)

        return self._related(manifests, holds, limit=limit)

    def count_containing(self, layer: str, *, limit: int = COUNTED_MAX) -> tuple[int, bool]:
        """Return how many visible images hold a layer, and whether that is all of them.

        Those of ``limit`` manifests with it are counted, for a popular layer may be in a million.
        """
        low, high = layer_range(layer)
        [some] = self._database.execute(_COUNT_SOME, [low, high, limit + 1]).fetchone()
        [images] = self._database.execute(_COUNT_IMAGES, [low, high, limit]).fetchone()
        return images, some <= limit

    def layer_place(self, layer: str, manifest: Digest) -> LayerPlace | None:
        """Return where a layer is in a manifest, the lowest place if it is there twice."""
        low, high = layer_range(layer)
        row = manifest_row(self._database, manifest)
        for kind, end in row.ends if row else ():
            position = self._tries[kind].layer_position(end, low, high)
            if position is not None:
                return LayerPlace(position, self._tries[kind].length(end))
        return None

    def declared(self, stored: Content) -> dict[Digest, Declared]:
        """Return what an image, or each in an index, declares as its base, and if that is so."""
        found = declared_bases(stored, find_inherited(stored))
        return {part: Declared(base, self._differs(part, base)) for part, base in found.items()}

    def parts(self, digest: Digest) -> list[tuple[Digest, ManifestRow]]:
        """Return the manifests with layers that an image or index is made of."""
        return self._parts(_PARTS, digest)

    def _differs(self, part: Digest, declared: DeclaredBase) -> bool | None:
        row = manifest_row(self._database, part)
        if row is None:
            return None
        immediate = max((base.layers for base in self._bases(row, limit=1)), default=0)
        if declared.name == SCRATCH and not declared.digest:
            return immediate > 0
        known = self._named(declared.digest or declared.name)
        if not known and declared.digest and declared.name:
            known = self._named(declared.name)
        if not known:
            return True if immediate else None
        return not any(self._base_layers(base, row) >= max(1, immediate) for base in known)

    def _named(self, name: str) -> list[ManifestRow]:
        """Return the images that a name or digest means."""
        found = named(self._database, name)
        if found is None:
            return []
        query = (
            f"{found.table} SELECT digest, {COLUMNS}"  # noqa: S608 - no text of others
            " FROM named CROSS JOIN manifest_chains USING (digest)"
        )
        return [row for _, row in self._parts(query, *found.values)]

    def _base_layers(self, base: ManifestRow, image: ManifestRow) -> int:
        """Return how many layers an image has from another; 0 where that is not its base."""
        for link in base.links:
            trie, chain = self._tries[link.kind], _compared(image, link)
            is_base = chain is not None and trie.is_prefix(link.chain, chain)
            if is_base and not trie.is_only_empty(link.chain):
                return trie.length(link.chain)
        return 0

    # Reading

    def _bases(self, row: ManifestRow, *, limit: int) -> tuple[Base, ...]:
        by_length: dict[int, list[Link]] = {}
        for link in row.links:
            trie = self._tries[link.kind]
            for chain, length in trie.bases(link.chain, bare_only=link.bare_only):
                below = Link(link.kind, chain, bare_only=link.bare_only)
                by_length.setdefault(length, []).append(below)
        found = []
        for length in sorted(by_length, reverse=True):
            ends = by_length[length]
            manifests = (m for end in ends for m in self._tries[end.kind].images(end))
            images = self._related(manifests, partial(_ends_at, ends), limit=limit)
            if images.images:
                found.append(Base(length, images))
        return tuple(found)

    def _above(self, links: Iterable[Link]) -> Iterator[Digest]:
        """Yield the images above some chains, newest first; first those compared by DiffIDs."""
        # One index is built on as many chains at a time as it has platforms.
        for kind, bare_only in itertools.product(ChainKind, (False, True)):
            trie = self._tries[kind]
            some = [link for link in links if (link.kind, link.bare_only) == (kind, bare_only)]
            for end in merge(*(trie.ends_above(link.chain) for link in some), reverse=True):
                yield from trie.images(Link(kind, end, bare_only=bare_only))

    def _is_above(self, links: Iterable[Link], row: ManifestRow) -> bool:
        chains = [(link, _compared(row, link)) for link in links]
        return any(
            chain is not None and self._tries[link.kind].is_prefix(link.chain, chain)
            for link, chain in chains
        )

    def _related(
        self,
        manifests: Iterable[Digest],
        is_related: Callable[[ManifestRow], bool],
        *,
        limit: int,
    ) -> RelatedImages:
        """Return the visible images that show these manifests."""
        found: list[RelatedImage] = []
        seen: set[tuple[int, Digest]] = set()
        repositories: dict[int, RepositoryRow] = {}
        for manifest, location in self._locations(manifests):
            if location in seen:
                continue
            seen.add(location)
            repository_id, digest = location
            tags = self._tags(repository_id, digest)
            if tags and len(found) == limit:
                return RelatedImages(tuple(found), has_more=True)
            if tags:
                if repository_id not in repositories:
                    repositories[repository_id] = self._repositories.get(repository_id)
                related = [manifest]
                if manifest != digest:
                    parts = self._parts(_PARTS_HERE, repository_id, digest)
                    related = [part for part, row in parts if is_related(row)]
                newest = self._newest(repository_id, digest, tags)
                found.append(
                    RelatedImage(repositories[repository_id], digest, tuple(related), newest)
                )
        return RelatedImages(tuple(found), has_more=False)

    def _locations(
        self, manifests: Iterable[Digest]
    ) -> Iterator[tuple[Digest, tuple[int, Digest]]]:
        """Yield where manifests are, themselves and the indexes above them."""
        for manifest in manifests:
            for location in self._database.execute(_LOCATIONS, [manifest]).fetchall():
                yield manifest, location

    def _parts(self, query: str, *values: object) -> list[tuple[Digest, ManifestRow]]:
        rows = self._database.execute(query, values)
        return [(Digest(row[0]), read_row(row[1:])) for row in rows]

    def _tags(self, repository_id: int, digest: Digest) -> list[TagName]:
        """Return the visible tags of an image, those that only tools look at aside."""
        rows = self._database.execute(
            "SELECT name FROM tags INDEXED BY tags_digest"
            " WHERE repository_id = ? AND digest = ? AND hidden_at IS NULL ORDER BY name LIMIT ?",
            [repository_id, digest, TAGS_MAX],
        )
        return [TagName(row[0]) for row in rows if not is_system_tag(row[0])]

    def _newest(
        self, repository_id: int, digest: Digest, tags: Sequence[TagName]
    ) -> tuple[TagName, ...]:
        """Return tags of an image in the order that its document has them."""
        if len(tags) < 2:
            return tuple(tags)
        moved_at = self._history.moved_at(repository_id, tags, digest)
        return tuple(sorted(tags, key=moved_at.__getitem__, reverse=True))


def _compared(row: ManifestRow, link: Link) -> int | None:
    """Return the chain of an image that is compared with another's; None where none is."""
    if not row.is_image or (link.bare_only and row.diff_chain is not None):
        return None
    return row.diff_chain if link.kind is ChainKind.DIFF else row.blob_chain


def _ends_at(links: Sequence[Link], row: ManifestRow) -> bool:
    return any(_compared(row, link) == link.chain for link in links)
