"""Which chain each manifest has, kept with the content, and whose documents change with it.

What an image inherits from its base is in its document. So when a base comes to be known, or is
forgotten, the documents of the images derived from it are to be made again. There may be a hundred
thousand: the change itself writes one row, and :meth:`ChainTables.mark_some` marks the documents
later, those of a few chains in a transaction. What a search finds does not wait for that:
documents carry chains, and which chains a base stands for is asked when the search comes.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping

from sqlite_utils import Database

from indexer.extract import ChainKind, Layers, config_labels
from indexer.model import Digest, parse_config
from indexer.store.lineage.chains import ManifestRow, Trie, manifest_row
from indexer.store.stale import StaleDocuments

MARKED_AT_ONCE = 200
"""Chains whose documents one transaction marks; nearly all have one manifest or two."""
BASES_READ_MAX = 20
"""Images of the same layers whose labels are looked at: the newest that have any."""
_LABELS_KEPT = 256
_LABELS_KEPT_BYTES = 64 * 1_024

# Whoever has these layers was extracted with the labels of another base, shown now or not.
_FORGET_EXTRACTED = """
DELETE FROM extracted WHERE form = 'image' AND digest IN (
    WITH RECURSIVE around (digest) AS (
        SELECT digest FROM manifest_chains WHERE diff_chain = ?
        UNION SELECT index_children.digest FROM around
        CROSS JOIN index_children ON child_digest = around.digest)
    SELECT digest FROM around)"""

# The nearest base of each is its last row.
_BASES = """
WITH RECURSIVE down (digest, whole, id, parent_id, length, is_empty) AS (
    SELECT digest, below.id, below.id, below.parent_id, below.length, below.is_empty
    FROM json_each(?) AS asked CROSS JOIN manifest_chains ON digest = asked.value
    CROSS JOIN diff_chains AS below ON below.id = diff_chain
    UNION ALL SELECT digest, whole, below.id, below.parent_id, below.length, below.is_empty
    FROM down CROSS JOIN diff_chains AS below ON below.id = down.parent_id)
SELECT digest, id FROM down WHERE id <> whole AND NOT is_empty AND EXISTS (
    SELECT 1 FROM main.manifest_chains WHERE diff_chain = down.id AND is_image)
ORDER BY length"""
_LABELLED = """
SELECT DISTINCT asked.value, config_digest FROM json_each(?1) AS asked
CROSS JOIN manifests ON manifests.digest IN (
    SELECT digest FROM main.manifest_chains
    WHERE diff_chain = asked.value AND is_image AND has_labels
    ORDER BY id DESC LIMIT ?2)
WHERE config_digest IS NOT NULL"""
_CONFIGS = "SELECT digest, body FROM json_each(?) CROSS JOIN configs ON digest = value"


class ChainTables:
    """The chains of manifests inside the store; its methods join the caller's transaction."""

    def __init__(
        self, database: Database, *, tries: Mapping[ChainKind, Trie], stale: StaleDocuments
    ) -> None:
        self._database = database
        self._tries = tries
        self._stale = stale
        self._labels: dict[str, Mapping[str, str]] = {}

    def put(self, digest: Digest, layers: Layers | None, *, has_labels: bool) -> None:
        """Write which layers a manifest has, as far as its body and its config tell.

        ``has_labels`` says that its config has any.
        """
        before = manifest_row(self._database, digest)
        if layers is None:
            self.forget(digest)
            return
        row = self._put_chains(layers, has_labels=has_labels)
        if before == row:
            return
        if before is not None:
            self.forget(digest)
            # That may have dropped what this was about to share.
            row = self._put_chains(layers, has_labels=has_labels)
        was_base = self._is_base(row)
        new_ends = [(kind, end) for kind, end in row.ends if not self._tries[kind].is_end(end)]
        self._database.execute(
            "INSERT INTO manifest_chains (digest, is_image, has_labels, diff_chain, blob_chain)"
            " VALUES (?, ?, ?, ?, ?)",
            [digest, row.is_image, row.has_labels, row.diff_chain, row.blob_chain],
        )
        for kind, chain in new_ends:
            self._tries[kind].add_end(chain)
        self._note_change(row, has_another=was_base)

    def forget(self, digest: str) -> None:
        """Forget the layers of a manifest; the chains that only it had go with it."""
        row = manifest_row(self._database, digest)
        if row is None:
            return
        self._database.execute("DELETE FROM manifest_chains WHERE digest = ?", [digest])
        self._note_change(row, has_another=self._is_base(row))
        for kind, chain in row.ends:
            if not self._tries[kind].is_end(chain):
                self._tries[kind].drop_end(chain)

    def base_labels(self, digests: Iterable[Digest]) -> dict[Digest, tuple[Mapping[str, str], ...]]:
        """Return, for each image, the labels of the images that it was built on directly.

        Several have the same layers and different labels; whether a tag leads to them does not
        matter. Only those whose config is known count, as without it nothing is known of labels.
        What has no base with labels is missing.
        """
        asked = json.dumps(list(digests))
        nearest: dict[Digest, int] = dict(self._database.execute(_BASES, [asked]).fetchall())
        configs = self._labelled(set(nearest.values()))
        labels = self._read_labels({config for some in configs.values() for config in some})
        return {
            digest: tuple(labels[config] for config in configs[base])
            for digest, base in nearest.items()
            if base in configs
        }

    def mark_some(self, *, limit: int = MARKED_AT_ONCE) -> int:
        """Mark the documents of the next images whose base changed; return how many chains."""
        row = self._database.execute("SELECT chain, reached FROM changed_bases").fetchone()
        if row is None:
            return 0
        base, reached = row
        chains = self._tries[ChainKind.DIFF].ends_after(base, reached, limit=limit)
        for chain in chains:
            self._database.execute(_FORGET_EXTRACTED, [chain])
            self._stale.mark_chain(chain)
        if len(chains) < limit:
            self._database.execute("DELETE FROM changed_bases WHERE chain = ?", [base])
        else:
            self._database.execute(
                "UPDATE changed_bases SET reached = ? WHERE chain = ?", [chains[-1], base]
            )
        return max(1, len(chains))

    def has_changed_bases(self) -> bool:
        """Tell whether :meth:`mark_some` has something to do."""
        return self._database.execute("SELECT 1 FROM changed_bases").fetchone() is not None

    def _put_chains(self, layers: Layers, *, has_labels: bool) -> ManifestRow:
        diff, blob = self._tries[ChainKind.DIFF], self._tries[ChainKind.BLOB]
        return ManifestRow(
            is_image=layers.is_image,
            has_labels=layers.is_image and has_labels,
            diff_chain=diff.put(layers.diff_ids) if layers.diff_ids else None,
            blob_chain=blob.put(layers.blobs),
        )

    def _is_base(self, row: ManifestRow) -> bool:
        """Tell whether there is an image now with the DiffIDs of a manifest."""
        chain = row.diff_chain
        return chain is not None and self._tries[ChainKind.DIFF].is_of_image(chain)

    def _note_change(self, row: ManifestRow, *, has_another: bool) -> None:
        """Note that the images built on one may inherit other labels from now on.

        They do not where it has none and hides none: another image is in its place, or none is
        below it.
        """
        chain, trie = row.diff_chain, self._tries[ChainKind.DIFF]
        if chain is None or not trie.has_above(chain) or trie.is_only_empty(chain):
            return
        if row.has_labels or (not has_another and trie.bases([chain])):
            self._database.execute(
                "INSERT OR REPLACE INTO changed_bases (chain) VALUES (?)", [chain]
            )

    def _labelled(self, bases: Collection[int]) -> dict[int, list[str]]:
        """Return the configs with labels of the images that have these chains."""
        found: dict[int, list[str]] = {}
        asked = [json.dumps(sorted(bases)), BASES_READ_MAX]
        for chain, config in self._database.execute(_LABELLED, asked) if bases else ():
            found.setdefault(chain, []).append(config)
        return found

    def _read_labels(self, configs: Collection[str]) -> dict[str, Mapping[str, str]]:
        """Return the labels in stored configs; those of popular bases are kept at hand."""
        found = {config: self._labels.get(config, {}) for config in configs}
        unread = sorted(found.keys() - self._labels.keys())
        for config, packed in (
            self._database.execute(_CONFIGS, [json.dumps(unread)]) if unread else ()
        ):
            body = zlib.decompress(packed)
            found[config] = config_labels(parse_config(body).object)
            if len(body) <= _LABELS_KEPT_BYTES:
                if len(self._labels) >= _LABELS_KEPT:
                    self._labels.pop(next(iter(self._labels)))
                self._labels[config] = found[config]
        return found
