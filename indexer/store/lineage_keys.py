"""Which chains a search looks for in documents: what ``base:``, ``baseof:`` and ``layer:`` mean.

A document carries the chains of its image, which follow from the image alone. Which of them are
those of a base called so, and whether that is visible, is asked here when the search comes; so
nothing that happens to a base makes the documents of 100,000 derived images wrong.
"""

from itertools import islice

from sqlite_utils import Database

from indexer.extract import ChainFamily, ChainKind, chain_key
from indexer.store.chains import Trie, layer_range, unpacked
from indexer.store.references import Named, named

KEYS_MAX = 5_000
"""Chains that one condition may stand for; with more it is refused."""
_BLOB_FAMILIES = (ChainFamily.BLOB, ChainFamily.BARE, ChainFamily.ARTIFACT)

# Chains that nothing is built on are in no document.
_BASES = """{named} SELECT chain_id FROM {kind}_chains AS whole WHERE NOT is_empty
AND id IN (SELECT {kind}_chain FROM named CROSS JOIN manifest_chains USING (digest) WHERE {which})
AND EXISTS (SELECT 1 FROM {kind}_prefixes WHERE prefix = whole.id) LIMIT {limit}"""

_DERIVED = """{named}, down (id, parent_id, is_empty, chain_id) AS (
    SELECT below.id, below.parent_id, below.is_empty, below.chain_id
    FROM named CROSS JOIN manifest_chains USING (digest)
    CROSS JOIN {kind}_chains AS whole ON whole.id = {kind}_chain
    CROSS JOIN {kind}_chains AS below ON below.id = whole.parent_id WHERE {which}
    UNION SELECT below.id, below.parent_id, below.is_empty, below.chain_id
    FROM down CROSS JOIN {kind}_chains AS below ON below.id = down.parent_id)
SELECT chain_id FROM down WHERE NOT is_empty AND EXISTS (
    SELECT 1 FROM manifest_chains WHERE {kind}_chain = down.id AND {base}) LIMIT {limit}"""

_IMAGE = "is_image"
_BARE = "is_image AND diff_chain IS NULL"
_OTHER = "is_image AND diff_chain IS NOT NULL"


class LineageKeys:
    """Reads which chains a condition stands for; one too many when there are more than allowed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_bases(self, name: str, *, is_prefix: bool = False) -> list[str]:
        """Return the chains of which something is built on what a name means."""
        found = named(self._database, name, is_prefix=is_prefix)
        if found is None:
            return []
        keys = self._keys(
            _BASES, found, kind=ChainKind.DIFF, which=_IMAGE, families=[ChainFamily.DIFF]
        )
        if self._has_bare():
            both = [ChainFamily.BLOB, ChainFamily.BARE]
            keys += self._keys(_BASES, found, kind=ChainKind.BLOB, which=_BARE, families=both)
            keys += self._keys(
                _BASES, found, kind=ChainKind.BLOB, which=_OTHER, families=[ChainFamily.BARE]
            )
        return sorted(set(keys))

    def of_derived(self, name: str) -> list[str]:
        """Return the chains of the bases of what a name means."""
        found = named(self._database, name)
        if found is None:
            return []
        keys = self._keys(
            _DERIVED, found, kind=ChainKind.DIFF, which=_IMAGE, families=[ChainFamily.DIFF]
        )
        if self._has_bare():
            both = [ChainFamily.BLOB, ChainFamily.BARE]
            keys += self._keys(_DERIVED, found, kind=ChainKind.BLOB, which=_BARE, families=both)
            keys += self._keys(
                _DERIVED,
                found,
                kind=ChainKind.BLOB,
                which=_OTHER,
                families=[ChainFamily.BARE],
                base=_BARE,
            )
        return sorted(set(keys))

    def of_layer(self, layer: str) -> list[str]:
        """Return the chains whose last layer has a digest, or one that begins so.

        :class:`InvalidValueError` where it is no digest.
        """
        low, high = layer_range(layer)
        keys: list[str] = []
        for kind in ChainKind:
            trie = Trie(self._database, kind)
            families = (ChainFamily.DIFF,) if kind is ChainKind.DIFF else _BLOB_FAMILIES
            for chain in islice(trie.with_layer(low, high), KEYS_MAX + 1):
                keys += [chain_key(family, trie.chain_id(chain)) for family in families]
        return keys

    def _keys(
        self,
        query: str,
        found: Named,
        *,
        kind: ChainKind,
        which: str,
        families: list[ChainFamily],
        base: str = _IMAGE,
    ) -> list[str]:
        rows = self._database.execute(
            query.format(named=found.table, kind=kind, which=which, base=base, limit=KEYS_MAX + 1),
            found.values,
        )
        return [chain_key(family, unpacked(row[0])) for row in rows for family in families]

    def _has_bare(self) -> bool:
        """Tell whether any image is compared by its compressed layers; hardly ever one is."""
        query = "SELECT 1 FROM manifest_chains WHERE is_image AND diff_chain IS NULL"
        return self._database.execute(query).fetchone() is not None
