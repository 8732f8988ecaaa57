"""Which chains a search looks for in documents: what ``base:``, ``baseof:`` and ``layer:`` mean.

A document carries the chains of its image, which follow from the image alone. Which of them are
those of a base called so, and whether that is visible, is asked here when the search comes; so
nothing that happens to a base makes the documents of 100,000 derived images wrong.
"""

from collections.abc import Mapping
from itertools import islice

from sqlite_utils import Database

from indexer.extract import ChainFamily, ChainKind, chain_key
from indexer.store.index_tree import indexes_above
from indexer.store.lineage.chains import Trie, layer_range, unpacked
from indexer.store.lineage.named import Named, named

KEYS_MAX = 5_000
"""Chains that one condition may stand for; with more it is refused."""
_COUNTED_MAX = 20_000
_BLOB_FAMILIES = (ChainFamily.BLOB, ChainFamily.BARE, ChainFamily.ARTIFACT)

# Chains that nothing is built on are in no document.
_BASES = """{named} SELECT chain_id FROM {kind}_chains AS whole WHERE NOT is_empty
AND id IN (SELECT {kind}_chain FROM named CROSS JOIN manifest_chains USING (digest) WHERE {which})
AND EXISTS (SELECT 1 FROM {kind}_prefixes WHERE prefix = whole.id) LIMIT {limit}"""

# The same from the other end, for a repository of far more images than there are bases.
_ABOVE = indexes_above("VALUES (repository_manifests.repository_id, manifest_chains.digest)")
_BASES_IN_MANY = f"""SELECT chain_id FROM {{kind}}_chains AS whole INDEXED BY {{kind}}_chains_base
WHERE is_base AND NOT is_empty AND EXISTS (
    SELECT 1 FROM manifest_chains CROSS JOIN repository_manifests USING (digest)
    WHERE {{kind}}_chain = whole.id AND {{which}} AND repository_id IN ({{repositories}})
    AND EXISTS (
        {_ABOVE}
        SELECT 1 FROM above CROSS JOIN tags INDEXED BY tags_digest
        ON tags.repository_id = above.repository_id AND tags.digest = above.digest
        WHERE hidden_at IS NULL)) LIMIT {{limit}}"""  # noqa: S608 - texts of this package

_DERIVED = """{named}, down (id, parent_id, is_empty, chain_id) AS (
    SELECT below.id, below.parent_id, below.is_empty, below.chain_id
    FROM named CROSS JOIN manifest_chains USING (digest)
    CROSS JOIN {kind}_chains AS whole ON whole.id = {kind}_chain
    CROSS JOIN {kind}_chains AS below ON below.id = whole.parent_id WHERE {which}
    UNION SELECT below.id, below.parent_id, below.is_empty, below.chain_id
    FROM down CROSS JOIN {kind}_chains AS below ON below.id = down.parent_id)
SELECT chain_id FROM down WHERE NOT is_empty AND EXISTS (
    SELECT 1 FROM manifest_chains WHERE {kind}_chain = down.id AND {base}) LIMIT {limit}"""

_HERE = """SELECT count(*) FROM (
    SELECT 1 FROM repository_manifests WHERE repository_id IN ({repositories}) LIMIT ?)"""
_ALL_BASES = "SELECT count(*) FROM (SELECT 1 FROM diff_chains WHERE is_base LIMIT ?)"

_IMAGE = "is_image"
_BARE = "is_image AND diff_chain IS NULL"
_OTHER = "is_image AND diff_chain IS NOT NULL"


class LineageKeys:
    """Reads which chains a condition stands for; one too many when there are more than allowed."""

    def __init__(self, database: Database, tries: Mapping[ChainKind, Trie]) -> None:
        self._database = database
        self._tries = tries

    def find_bases(self, name: str, *, is_prefix: bool = False) -> list[str]:
        """Return the chains of which something is built on what a name means."""
        found = named(self._database, name, is_prefix=is_prefix)
        if found is None:
            return []
        return self.find_named_bases(found, _BASES if self._is_small(found) else _BASES_IN_MANY)

    def find_named_bases(self, found: Named, query: str) -> list[str]:
        """Return the same for manifests that are found already, asked for one way or the other."""
        diff, bare = [ChainFamily.DIFF], [ChainFamily.BARE]
        keys = self._keys(query, found, kind=ChainKind.DIFF, which=_IMAGE, families=diff)
        if self._has_bare():
            both = [ChainFamily.BLOB, ChainFamily.BARE]
            keys += self._keys(query, found, kind=ChainKind.BLOB, which=_BARE, families=both)
            keys += self._keys(query, found, kind=ChainKind.BLOB, which=_OTHER, families=bare)
        return sorted(set(keys))

    def find_derived(self, name: str) -> list[str]:
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

    def find_layer(self, layer: str) -> list[str]:
        """Return the chains whose last layer has a digest, or one that begins so.

        :class:`InvalidValueError` where it is no digest.
        """
        low, high = layer_range(layer)
        keys: list[str] = []
        for kind, trie in self._tries.items():
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
            query.format(
                named=found.table,
                repositories=_listed(found.repositories),
                kind=kind,
                which=which,
                base=base,
                limit=KEYS_MAX + 1,
            ),
            found.values,
        )
        return [chain_key(family, unpacked(row[0])) for row in rows for family in families]

    def _is_small(self, found: Named) -> bool:
        """Tell whether it is less work to look at what is named than at all bases."""
        if not found.repositories:
            return True
        # Counted no further than it takes to know.
        here = _HERE.format(repositories=_listed(found.repositories))
        (few,) = self._database.execute(here, [_COUNTED_MAX]).fetchone()
        (bases,) = self._database.execute(_ALL_BASES, [few]).fetchone()
        return bool(few <= bases)

    def _has_bare(self) -> bool:
        """Tell whether any image is compared by its compressed layers; hardly ever one is."""
        query = "SELECT 1 FROM main.manifest_chains WHERE is_image AND diff_chain IS NULL"
        return self._database.execute(query).fetchone() is not None


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
