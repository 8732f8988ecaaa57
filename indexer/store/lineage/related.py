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
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlite_utils import Database

from indexer.documents import find_inherited
from indexer.extract import ChainKind, DeclaredBase, declared_bases
from indexer.model import Content, Digest, digest_range
from indexer.store.history import TagHistory
from indexer.store.index_tree import indexes_above, parts_below
from indexer.store.lineage.chains import (
    COLUMNS,
    BaseChain,
    Link,
    ManifestRow,
    Trie,
    layer_range,
    read_row,
)
from indexer.store.lineage.named import named
from indexer.store.lineage.shown_images import Manifests, RelatedImages, ShownImages
from indexer.store.repositories import RepositoryTables
from indexer.store.visible import VISIBLE

LIMIT = 25
SCRATCH = "scratch"
"""The name of what has no layers."""
COUNTED_MAX = 5_000
"""Manifests with a layer, in one place each, of which the images are counted."""
NAMES_MAX = 5
"""Names of bases that are looked up for one image; an index may declare many."""

_CHAINS = f"SELECT digest, {COLUMNS} FROM below CROSS JOIN manifest_chains USING (digest)"  # noqa: S608
_PARTS = parts_below("SELECT value FROM json_each(?)") + _CHAINS
_ROWS = f"SELECT digest, {COLUMNS} FROM json_each(?) CROSS JOIN manifest_chains ON digest = value"  # noqa: S608
_PARTS_OF_EACH = f"""
SELECT asked.value, {COLUMNS} FROM json_each(?) AS asked CROSS JOIN manifest_chains
ON manifest_chains.digest IN ({parts_below("SELECT asked.value")}SELECT digest FROM below)
"""  # noqa: S608 - texts of this package

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


Below = Mapping[ChainKind, Mapping[int, list[BaseChain]]]
"""The bases of chains, by their kind."""


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where a layer is in a manifest: its position, counted from 1, of so many layers."""

    position: int
    layer_count: int


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
        self._images = ShownImages(database, history=history, repositories=repositories)
        self._tries = tries

    def bases(self, *digests: Digest, limit: int = LIMIT) -> tuple[Bases, ...]:
        """Return the bases of images, or of each image in an index.

        Of each base at most ``limit`` images are named.
        """
        parts = [(part, row) for part, row in self._parts(digests) if row.is_image]
        below = self._below(row for _, row in parts)
        found = self._bases({row for _, row in parts}, below, limit=limit)
        return tuple(Bases(part, found[row]) for part, row in parts)

    def derived(self, digest: Digest, *, limit: int = LIMIT) -> RelatedImages:
        """Return the images that are built on an image, or on one in an index."""
        links = {link for _, row in self._parts([digest]) for link in row.links}
        for kind, trie in self._tries.items():
            empty = trie.only_empty(link.chain for link in links if link.kind is kind)
            links = {link for link in links if link.kind is not kind or link.chain not in empty}
        found = self._images.find(
            {digest: partial(self._choose_above, links)},
            lambda _, most: {digest: self._above(links, most)},
            limit=limit,
        )
        return found[digest]

    def find_containing(self, layer: str, *, limit: int = LIMIT) -> RelatedImages:
        """Return the images that hold a layer, given by its compressed digest or its DiffID.

        The beginning of one will do, of twelve hexadecimal digits or more;
        :class:`InvalidValueError` for anything else.
        """
        low, high = layer_range(layer)

        def holding(rows: Collection[ManifestRow]) -> set[ManifestRow]:
            ends = {end for row in rows for end in row.ends}
            found = {
                (kind, chain)
                for kind, trie in self._tries.items()
                for chain in trie.with_layer_below(
                    {end for of, end in ends if of is kind}, low, high
                )
            }
            return {row for row in rows if not found.isdisjoint(row.ends)}

        def read(_: object, most: int) -> dict[str, Manifests]:
            each = (trie.manifests_with_layer(low, high, most) for trie in self._tries.values())
            return {layer: _joined((some, len(some) < most) for some in each)}

        return self._images.find({layer: holding}, read, limit=limit)[layer]

    def count_containing(self, layer: str, *, limit: int = COUNTED_MAX) -> tuple[int, bool]:
        """Return how many visible images hold a layer, and whether that is all of them.

        Those of ``limit`` manifests with it are counted, for a popular layer may be in a million.
        """
        low, high = layer_range(layer)
        [some] = self._database.execute(_COUNT_SOME, [low, high, limit + 1]).fetchone()
        [images] = self._database.execute(_COUNT_IMAGES, [low, high, limit]).fetchone()
        return images, some <= limit

    def layer_places(self, layer: str, manifests: Iterable[Digest]) -> dict[Digest, LayerPlace]:
        """Return where a layer is in manifests, the lowest place if it is there twice.

        Those without it are missing.
        """
        low, high = layer_range(layer)
        asked = list(manifests)
        return {
            manifest: LayerPlace(*place)
            # By DiffIDs if both know it.
            for kind in (ChainKind.BLOB, ChainKind.DIFF)
            for manifest, place in self._tries[kind].layer_places(asked, low, high).items()
        }

    def declared(self, stored: Content) -> dict[Digest, Declared]:
        """Return what an image, or each in an index, declares as its base, and if that is so."""
        found = declared_bases(stored, find_inherited(stored))
        rows = dict(self._read_rows(_ROWS, json.dumps(list(found))))
        below = self._below(rows.values())
        bases = self._bases(set(rows.values()), below, limit=1)
        known = self._known(found.values())

        def differs(part: Digest, base: DeclaredBase) -> bool | None:
            row = rows.get(part)
            if row is None:
                return None
            immediate = max((one.layers for one in bases[row]), default=0)
            if base.name == SCRATCH and not base.digest:
                return immediate > 0
            meant = known.get(base.digest) or known.get(base.name)
            if not meant:
                return True if immediate and (base.name or base.digest) in known else None
            return not any(_base_layers(one, row, below) >= max(1, immediate) for one in meant)

        return {part: Declared(base, differs(part, base)) for part, base in found.items()}

    def _known(self, declared: Iterable[DeclaredBase]) -> dict[str, list[ManifestRow]]:
        """Return the images that digests and names mean, by these; only the first names are asked.

        A name is not needed if the digest beside it means anything.
        """
        wanted = [one for one in dict.fromkeys(declared) if one.digest or one.name != SCRATCH]
        digests = {one.digest: _exact_digest(one.digest) for one in wanted}
        found: dict[str, list[ManifestRow]] = {}
        asked = json.dumps(sorted({digest for digest in digests.values() if digest}))
        for digest, row in self._read_rows(_PARTS_OF_EACH, asked):
            found.setdefault(digest, []).append(row)
        known = {text: found.get(digest, []) for text, digest in digests.items() if digest}
        unknown = [one for one in wanted if not known.get(one.digest)]
        names = dict.fromkeys(name for one in unknown for name in (one.digest, one.name) if name)
        unasked = [name for name in names if name not in known]
        return known | {name: self._named(name) for name in unasked[:NAMES_MAX]}

    def _named(self, name: str) -> list[ManifestRow]:
        """Return the images that a name or digest means."""
        found = named(self._database, name)
        if found is None:
            return []
        query = (
            f"{found.table} SELECT digest, {COLUMNS}"  # noqa: S608 - no text of others
            " FROM named CROSS JOIN manifest_chains USING (digest)"
        )
        return [row for _, row in self._read_rows(query, *found.values)]

    # Reading

    def _parts(self, digests: Iterable[Digest]) -> list[tuple[Digest, ManifestRow]]:
        """Return the manifests with layers that images or indexes are made of."""
        return self._read_rows(_PARTS, json.dumps(list(digests)))

    def _below(self, rows: Iterable[ManifestRow]) -> Below:
        """Return the bases of the chains by which some manifests are compared."""
        links = {link for row in rows for link in row.links}
        return {
            kind: trie.bases({link.chain for link in links if link.kind is kind})
            for kind, trie in self._tries.items()
        }

    def _bases(
        self, rows: Collection[ManifestRow], below: Below, *, limit: int
    ) -> dict[ManifestRow, tuple[Base, ...]]:
        """Return the visible bases of each of these manifests."""
        ends = {row: _ends_below(row, below) for row in rows}
        asked = {
            some: partial(_choose_ending, some) for one in ends.values() for some in one.values()
        }
        found = self._images.find(asked, self._read_images, limit=limit)
        return {
            row: tuple(
                Base(length, found[some]) for length, some in one.items() if found[some].images
            )
            for row, one in ends.items()
        }

    def _read_images(
        self, asked: Collection[tuple[Link, ...]], most: int
    ) -> dict[tuple[Link, ...], Manifests]:
        """Return images of which one of some chains is the whole one, newest first."""
        links = {link for some in asked for link in some}
        images = {
            link: (found, len(found) < most)
            for kind, trie in self._tries.items()
            for link, found in trie.images(
                [link for link in links if link.kind is kind], most
            ).items()
        }
        return {some: _joined(images[link] for link in some) for some in asked}

    def _above(self, links: Iterable[Link], most: int) -> Manifests:
        """Return the images above some chains, newest first; first those compared by DiffIDs."""
        groups = itertools.product(ChainKind, (False, True))
        return _joined(
            self._tries[kind].images_above(
                [one.chain for one in links if (one.kind, one.bare_only) == (kind, bare_only)],
                most,
                bare_only=bare_only,
            )
            for kind, bare_only in groups
        )

    def _choose_above(
        self, links: Collection[Link], rows: Collection[ManifestRow]
    ) -> set[ManifestRow]:
        """Return those of some manifests that are above one of some chains."""
        found: set[ManifestRow] = set()
        for kind, bare_only in itertools.product(ChainKind, (False, True)):
            some = [one for one in links if (one.kind, one.bare_only) == (kind, bare_only)]
            compared = {row: _compared(row, link) for link in some[:1] for row in rows}
            chains = {chain for chain in compared.values() if chain is not None}
            above = self._tries[kind].some_above([link.chain for link in some], chains)
            found.update(row for row, chain in compared.items() if chain in above)
        return found

    def _read_rows(self, query: str, *values: object) -> list[tuple[Digest, ManifestRow]]:
        rows = self._database.execute(query, values)
        return [(Digest(row[0]), read_row(row[1:])) for row in rows]


def _joined(groups: Iterable[Manifests]) -> Manifests:
    """Return one group after the other, up to the first that is not whole."""
    found: list[Digest] = []
    for some, is_all in groups:
        found += some
        if not is_all:
            return found, False
    return found, True


def _compared(row: ManifestRow, link: Link) -> int | None:
    """Return the chain of an image that is compared with another's; None where none is."""
    if not row.is_image or (link.bare_only and row.diff_chain is not None):
        return None
    return row.diff_chain if link.kind is ChainKind.DIFF else row.blob_chain


def _exact_digest(text: str) -> str | None:
    """Return a whole SHA-256 digest; None for any other text."""
    low, high = digest_range(text) or ("", None)
    return low if low == high else None


def _base_layers(base: ManifestRow, image: ManifestRow, below: Below) -> int:
    """Return how many layers an image has from another; 0 where that is not its base."""
    for link in base.links:
        chain = _compared(image, link)
        for one in below[link.kind].get(chain, ()) if chain is not None else ():
            if one.chain == link.chain:
                return one.length
    return 0


def _ends_below(row: ManifestRow, below: Below) -> dict[int, tuple[Link, ...]]:
    """Return the chains of the bases of a manifest by their lengths, the longest first."""
    by_length: dict[int, tuple[Link, ...]] = {}
    for link in row.links:
        for one in below[link.kind].get(link.chain, ()):
            if one.has_bare or not link.bare_only:
                end = Link(link.kind, one.chain, bare_only=link.bare_only)
                by_length[one.length] = (*by_length.get(one.length, ()), end)
    return dict(sorted(by_length.items(), reverse=True))


def _choose_ending(links: Iterable[Link], rows: Collection[ManifestRow]) -> set[ManifestRow]:
    return {row for row in rows if any(_compared(row, link) == link.chain for link in links)}
