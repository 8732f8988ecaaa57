"""The chains of layers of all manifests, as two tries: how images are built on each other.

Two kinds of chain, of DiffIDs and of compressed digests, each with tables of its own, so that one
is never taken for the other:

- ``diff_chains``, ``blob_chains``: a row for each distinct ChainID, of whole chains and of every
  prefix, with its length, the chain below (``parent_id``) and its own last layer. Images
  built on one base share its rows, so a million images of ten layers are about three million rows
  and not ten. A ChainID is found by its index, the bases of an image by at most as many steps to
  the parent as it has layers.
- ``diff_prefixes``, ``blob_prefixes``: two integers for each whole chain and each chain that it
  begins with. Walking a trie downwards would answer what is derived from a base too, but would
  look at all rows above a base with 100,000 children before the first whole chain comes. This is
  one range of an index instead, newest first and read no further than asked for. About a dozen
  bytes a row.
  Chains that are somebody's base are marked (``is_base``): there are few.
- ``manifest_chains``: a number for each manifest and its whole chain of each kind, apart from
  ``manifests`` because those rows are long.

SHA-256 digests are kept as their 32 bytes, any other as its text. Layers are found by the index on
their digest or on its beginning, and the images with them through the prefixes; so there is no
row for each layer of each manifest, which as text took three times as much.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from indexer.extract import ChainKind, chain_ids, is_empty_layer
from indexer.model import Digest, digest_range, parse_digest

NOTHING = 0
"""Stands for the chain below the first layer."""
_SHA256 = "sha256:"

_DOWN = """
WITH RECURSIVE down (id, parent_id, length, is_empty) AS (
    SELECT id, parent_id, length, is_empty FROM {kind}_chains WHERE id = ?1
    UNION ALL SELECT below.id, below.parent_id, below.length, below.is_empty
    FROM down CROSS JOIN {kind}_chains AS below ON below.id = down.parent_id)
SELECT id, length FROM down"""
_BELOW = _DOWN + " WHERE id <> ?1 ORDER BY length DESC"

_BASES = """
WITH RECURSIVE down (start, id, parent_id, length, is_empty) AS (
    SELECT below.id, below.id, below.parent_id, below.length, below.is_empty
    FROM json_each(?) AS asked CROSS JOIN {kind}_chains AS below ON below.id = asked.value
    UNION ALL SELECT start, below.id, below.parent_id, below.length, below.is_empty
    FROM down CROSS JOIN {kind}_chains AS below ON below.id = down.parent_id)
SELECT start, id, length, EXISTS (
    SELECT 1 FROM manifest_chains
    WHERE {kind}_chain = down.id AND is_image AND diff_chain IS NULL)
FROM down WHERE id <> start AND NOT is_empty AND EXISTS (
    SELECT 1 FROM manifest_chains WHERE {kind}_chain = down.id AND is_image)
ORDER BY start, length DESC"""
_ENDING_WITH = """
SELECT id FROM {kind}_chains AS own WHERE layer BETWEEN ? AND ? AND (
    EXISTS (SELECT 1 FROM manifest_chains WHERE {kind}_chain = own.id)
    OR EXISTS (SELECT 1 FROM {kind}_prefixes CROSS JOIN manifest_chains ON {kind}_chain = chain
        WHERE prefix = own.id))
ORDER BY layer DESC, id DESC"""
_HAS_LAYER = f"""{_DOWN} WHERE EXISTS (
    SELECT 1 FROM {{kind}}_chains AS one WHERE one.id = down.id AND layer BETWEEN ?2 AND ?3)
"""  # noqa: S608 - as above
_WITH_LAYER = f"""
SELECT asked.value FROM json_each(?1) AS asked
WHERE EXISTS ({_HAS_LAYER.replace("?1", "asked.value")})"""  # noqa: S608 - as above
_IMAGES = """
SELECT (SELECT json_group_array(digest) FROM (
    SELECT digest FROM manifest_chains
    WHERE {kind}_chain = json_extract(asked.value, '$[0]') AND is_image
    AND (NOT json_extract(asked.value, '$[1]') OR diff_chain IS NULL) ORDER BY id DESC LIMIT ?2))
FROM json_each(?1) AS asked"""
_IMAGES_ABOVE = """
SELECT (SELECT json_group_array(json_array(chain, id, digest)) FROM (
    SELECT chain, id, digest FROM {kind}_prefixes CROSS JOIN manifest_chains
    ON {kind}_chain = chain AND is_image AND (NOT ?2 OR diff_chain IS NULL)
    WHERE prefix = asked.value ORDER BY chain DESC, id DESC LIMIT ?3))
FROM json_each(?1) AS asked"""
_LAYER_PLACES = f"""
SELECT digest, length,
    (SELECT min(length) FROM ({_HAS_LAYER.replace("?1", "whole.id")}))
FROM json_each(?1) AS asked CROSS JOIN manifest_chains ON digest = asked.value
CROSS JOIN {{kind}}_chains AS whole ON whole.id = {{kind}}_chain"""  # noqa: S608 - as above
# Passed over without leaving SQLite where all their manifests are somebody else's.
_ENDS_WITH_LAYER = """
SELECT one.id, (SELECT json_group_array(chain) FROM (
    SELECT chain FROM {kind}_prefixes WHERE prefix = one.id
    AND EXISTS (SELECT 1 FROM manifest_chains WHERE {kind}_chain = chain)
    ORDER BY chain DESC LIMIT ?3))
FROM {kind}_chains AS one WHERE layer BETWEEN ?1 AND ?2 ORDER BY layer DESC, one.id DESC"""
_MANIFESTS = """
SELECT (SELECT json_group_array(digest) FROM (
    SELECT digest FROM manifest_chains WHERE {kind}_chain = asked.value ORDER BY id DESC LIMIT ?2))
FROM json_each(?1) AS asked"""
# A base is a chain that is a whole one, and that others begin with.
_NOW_BASE = """
UPDATE {kind}_chains SET is_base = 1 WHERE id = ?1 AND NOT is_base
AND EXISTS (SELECT 1 FROM manifest_chains WHERE {kind}_chain = ?1)
AND EXISTS (SELECT 1 FROM {kind}_prefixes WHERE prefix = ?1)"""
_NO_BASE = """
UPDATE {kind}_chains SET is_base = 0 WHERE id = ?1 AND is_base
AND NOT (EXISTS (SELECT 1 FROM manifest_chains WHERE {kind}_chain = ?1)
    AND EXISTS (SELECT 1 FROM {kind}_prefixes WHERE prefix = ?1))"""


@dataclass(frozen=True, slots=True)
class Link:
    """A whole chain of an image, by which it is compared with others.

    With ``bare_only`` only with those that have no DiffIDs, as with the others it is by theirs.
    """

    kind: ChainKind
    chain: int
    bare_only: bool


@dataclass(frozen=True, slots=True)
class BaseChain:
    """The whole chain of some image, with which another begins.

    ``has_bare`` says that an image without known DiffIDs has it.
    """

    chain: int
    length: int
    has_bare: bool


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """The chains of one manifest; a *bare* one has no DiffIDs that we know."""

    is_image: bool
    has_labels: bool
    diff_chain: int | None
    blob_chain: int

    @property
    def ends(self) -> list[tuple[ChainKind, int]]:
        """Return the chains that there are, each with its kind."""
        ends = [(ChainKind.DIFF, self.diff_chain), (ChainKind.BLOB, self.blob_chain)]
        return [(kind, chain) for kind, chain in ends if chain is not None]

    @property
    def links(self) -> tuple[Link, ...]:
        """Return what the manifest is compared by; nothing where it is no image."""
        if not self.is_image:
            return ()
        by_blobs = Link(ChainKind.BLOB, self.blob_chain, bare_only=self.diff_chain is not None)
        if self.diff_chain is None:
            return (by_blobs,)
        return (Link(ChainKind.DIFF, self.diff_chain, bare_only=False), by_blobs)


COLUMNS = "is_image, has_labels, diff_chain, blob_chain"
"""What :func:`read_row` takes, of ``manifest_chains``."""


def read_row(values: Sequence[int | None]) -> ManifestRow:
    """Return a row out of the values of its columns."""
    is_image, has_labels, diff_chain, blob_chain = values
    assert blob_chain is not None  # noqa: S101 - every manifest in the table has layers
    return ManifestRow(bool(is_image), bool(has_labels), diff_chain, blob_chain)


def manifest_row(database: Database, digest: str) -> ManifestRow | None:
    """Return the chains of a manifest; None where it is unknown or has no layers."""
    query = f"SELECT {COLUMNS} FROM manifest_chains WHERE digest = ?"  # noqa: S608 - as above
    row = database.execute(query, [digest]).fetchone()
    return read_row(row) if row else None


def packed(digest: Digest) -> bytes | str:
    """Return a digest as the tables keep it."""
    is_sha256 = digest.startswith(_SHA256)
    return bytes.fromhex(digest.removeprefix(_SHA256)) if is_sha256 else str(digest)


def unpacked(value: bytes | str) -> Digest:
    """Return the digest that is kept so."""
    return Digest(f"{_SHA256}{value.hex()}" if isinstance(value, bytes) else value)


def layer_range(text: str) -> tuple[bytes | str, bytes | str]:
    """Return the first and the last packed digest that begin with a text.

    :class:`InvalidValueError` where it is neither a digest nor its first twelve digits or more.
    """
    low, high = digest_range(text) or (text, text)
    return packed(parse_digest(low)), packed(parse_digest(high))


class Trie:
    """The chains of one kind; its methods join the caller's transaction."""

    def __init__(self, database: Database, kind: ChainKind) -> None:
        self.kind = kind
        self._database = database

    def find(self, chain_id: Digest) -> int | None:
        """Return the number of a ChainID, None where no manifest has it."""
        row = self._row("SELECT id FROM {kind}_chains WHERE chain_id = ?", packed(chain_id))
        return row[0] if row else None

    def chain_id(self, chain: int) -> Digest:
        """Return the ChainID of a chain."""
        (row,) = self._database.execute(
            f"SELECT chain_id FROM {self.kind}_chains WHERE id = ?",  # noqa: S608
            [chain],
        )
        return unpacked(row[0])

    def put(self, layers: Sequence[Digest]) -> int:
        """Return the number of the whole chain of ``layers``, making what rows are missing."""
        ids = chain_ids(layers)
        known, chain = self._longest(ids)
        is_empty = all(map(is_empty_layer, layers[:known]))
        for place in range(known, len(ids)):
            is_empty = is_empty and is_empty_layer(layers[place])
            row = [chain, place + 1, is_empty, packed(ids[place]), packed(layers[place])]
            cursor = self._database.execute(
                f"INSERT INTO {self.kind}_chains (parent_id, length, is_empty, chain_id, layer)"  # noqa: S608
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
            assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
            chain = cursor.lastrowid
        return chain

    def add_end(self, chain: int) -> None:
        """Note that a chain is now the whole one of a manifest, and was of none before."""
        below = self.below(chain)
        self._many("INSERT INTO {kind}_prefixes VALUES (?, ?)", [(one, chain) for one in below])
        self._many(_NOW_BASE, [(one,) for one in (chain, *below)])

    def drop_end(self, chain: int) -> None:
        """Forget a whole chain that no manifest has any more, and what only it needed."""
        below = self.below(chain)
        pairs = [(one, chain) for one in below]
        self._many("DELETE FROM {kind}_prefixes WHERE prefix = ? AND chain = ?", pairs)
        self._many(_NO_BASE, [(one,) for one in (chain, *below)])
        for unused in (chain, *below):
            if self.has_above(unused) or self.is_end(unused):
                return
            self._database.execute(f"DELETE FROM {self.kind}_chains WHERE id = ?", [unused])  # noqa: S608

    def below(self, chain: int) -> list[int]:
        """Return the chains that a chain begins with, the longest first."""
        return [row[0] for row in self._rows(_BELOW, chain)]

    def bases(self, chains: Iterable[int]) -> dict[int, list[BaseChain]]:
        """Return the chains of images that each of these chains begins with, longest first.

        One of nothing but empty layers is nobody's base. What has none is missing.
        """
        found: dict[int, list[BaseChain]] = {}
        for start, chain, length, has_bare in self._asked(_BASES, chains):
            found.setdefault(start, []).append(BaseChain(chain, length, bool(has_bare)))
        return found

    def is_only_empty(self, chain: int) -> bool:
        """Tell whether a chain is made of nothing but empty layers."""
        return chain in self.only_empty([chain])

    def only_empty(self, chains: Iterable[int]) -> set[int]:
        """Return those of some chains that are made of nothing but empty layers."""
        query = (
            "SELECT chain.id FROM json_each(?) AS asked"
            " CROSS JOIN {kind}_chains AS chain ON chain.id = asked.value WHERE is_empty"
        )
        return {row[0] for row in self._asked(query, chains)}

    def is_end(self, chain: int) -> bool:
        """Tell whether a chain is the whole one of some manifest."""
        query = "SELECT 1 FROM manifest_chains WHERE {kind}_chain = ?"
        return self._row(query, chain) is not None

    def is_of_image(self, chain: int) -> bool:
        """Tell whether a chain is the whole one of some image."""
        query = "SELECT 1 FROM manifest_chains WHERE {kind}_chain = ? AND is_image"
        return self._row(query, chain) is not None

    def has_above(self, chain: int) -> bool:
        """Tell whether another chain begins with this one."""
        return self._row("SELECT 1 FROM {kind}_prefixes WHERE prefix = ?", chain) is not None

    def some_above(self, prefixes: Iterable[int], chains: Iterable[int]) -> set[int]:
        """Return those of some whole chains that begin with one of these others."""
        query = (
            "SELECT asked.value FROM json_each(?) AS asked WHERE EXISTS ("
            "SELECT 1 FROM json_each(?) AS below CROSS JOIN {kind}_prefixes"
            " ON prefix = below.value AND chain = asked.value)"
        )
        return {row[0] for row in self._asked(query, chains, json.dumps(list(prefixes)))}

    def ends_after(self, chain: int, reached: int, *, limit: int) -> list[int]:
        """Return the next whole chains that begin with a chain, in the order of their numbers."""
        query = (
            "SELECT chain FROM {kind}_prefixes WHERE prefix = ? AND chain > ?"
            " ORDER BY chain LIMIT ?"
        )
        return [row[0] for row in self._rows(query, chain, reached, limit)]

    def manifests_with_layer(self, low: bytes | str, high: bytes | str, most: int) -> list[Digest]:
        """Return manifests that hold a layer between two packed digests, newest first."""
        ends: list[int] = []
        query = _ENDS_WITH_LAYER.format(kind=self.kind)
        rows = self._database.execute(query, [low, high, most])
        for count, (chain, above) in enumerate(rows, 1):
            ends += (chain, *json.loads(above))
            # Each is the whole chain of some manifest, but for those that only others begin with.
            if len(ends) - count >= most:
                break
        found: list[Digest] = []
        for (manifests,) in self._asked(_MANIFESTS, ends, most):
            found += json.loads(manifests)
            if len(found) >= most:
                break
        return found[:most]

    def images(self, links: Iterable[Link], most: int) -> dict[Link, list[Digest]]:
        """Return the images of which each of some chains is the whole one, newest first."""
        asked = list(links)
        pairs = [[link.chain, link.bare_only] for link in asked]
        rows = self._asked(_IMAGES, pairs, most)
        return {link: json.loads(row[0]) for link, row in zip(asked, rows, strict=True)}

    def images_above(
        self, chains: Iterable[int], most: int, *, bare_only: bool
    ) -> tuple[list[Digest], bool]:
        """Return the newest images whose whole chains begin with one of some others; and if all.

        At most so many of each other. With ``bare_only`` only those without DiffIDs that we know.
        """
        found: set[tuple[int, int, Digest]] = set()
        reached = (0, 0)
        for row in self._asked(_IMAGES_ABOVE, chains, bare_only, most):
            rows = json.loads(row[0])
            images = [(chain, number, Digest(digest)) for chain, number, digest in rows]
            found.update(images)
            if len(images) == most:
                # Older ones of the others would come before what is not read of this one.
                reached = max(reached, images[-1][:2])
        some = [image for image in found if image[:2] >= reached]
        return [digest for _, _, digest in sorted(some, reverse=True)], reached == (0, 0)

    def with_layer_below(
        self, chains: Iterable[int], low: bytes | str, high: bytes | str
    ) -> set[int]:
        """Return those of some chains that hold a layer between two packed digests."""
        return {row[0] for row in self._asked(_WITH_LAYER, chains, low, high)}

    def layer_places(
        self, manifests: Iterable[Digest], low: bytes | str, high: bytes | str
    ) -> dict[Digest, tuple[int, int]]:
        """Return where such a layer is first in manifests, counted from 1, and of how many layers.

        Those without it are missing.
        """
        rows = self._asked(_LAYER_PLACES, manifests, low, high)
        return {Digest(row[0]): (row[2], row[1]) for row in rows if row[2] is not None}

    def with_layer(self, low: bytes | str, high: bytes | str) -> Iterator[int]:
        """Yield the chains whose last layer is between two packed digests, newest first."""
        return (row[0] for row in self._rows(_ENDING_WITH, low, high))

    def _longest(self, ids: Sequence[Digest]) -> tuple[int, int]:
        """Return how many of these ChainIDs are known, and the number of the last of them."""
        for length in range(len(ids), 0, -1):
            if (chain := self.find(ids[length - 1])) is not None:
                return length, chain
        return 0, NOTHING

    def _asked(
        self, query: str, asked: Iterable[object], *more: object
    ) -> Iterable[tuple[Any, ...]]:
        """Return what a query finds for some values, which are its first parameter."""
        values = list(asked)
        if not values:
            return ()
        found: Iterable[tuple[Any, ...]] = self._database.execute(
            query.format(kind=self.kind), [json.dumps(values), *more]
        )
        return found

    def _many(self, query: str, values: Sequence[tuple[int, ...]]) -> None:
        self._database.conn.executemany(query.format(kind=self.kind), values)

    def _rows(self, query: str, *values: object) -> Iterator[tuple[int, ...]]:
        found: Iterator[tuple[int, ...]] = self._database.execute(
            query.format(kind=self.kind), values
        )
        return found

    def _row(self, query: str, *values: object) -> tuple[int, ...] | None:
        row: tuple[int, ...] | None = self._database.execute(
            query.format(kind=self.kind), values
        ).fetchone()
        return row
