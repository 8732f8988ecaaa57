"""A manifest with its config and those below it, read level by level.

There is one query for each level, however many platforms an index has.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from indexer.model import Content, Digest
from indexer.store.database import unpack
from indexer.store.lineage import ChainTables

_LEVEL = """
SELECT manifests.digest, content_type, manifests.body, configs.body, (
    SELECT json_group_array(child_digest) FROM (
        SELECT child_digest FROM index_children
        WHERE index_children.digest = manifests.digest ORDER BY position))
FROM json_each(?) CROSS JOIN repository_manifests AS linked
    ON linked.repository_id = ? AND linked.digest = value
CROSS JOIN manifests ON manifests.digest = linked.digest
LEFT JOIN configs ON configs.digest = config_digest"""

_ALONE = """
SELECT manifests.digest, content_type, manifests.body, configs.body
FROM json_each(?) CROSS JOIN manifests ON manifests.digest = value
LEFT JOIN configs ON configs.digest = config_digest"""


@dataclass(frozen=True, slots=True)
class _Row:
    """A manifest as the store keeps it, packed, and what it lists, each once."""

    content_type: str
    body: bytes
    config: bytes | None
    children: tuple[Digest, ...]


def read_tree(
    database: Database, chains: ChainTables, repository_id: int, digest: Digest, *, depth: int
) -> Content | None:
    """Return a manifest that a repository has, with its config and children to ``depth``.

    :class:`indexer.errors.DamagedRowError` names a row that cannot be read.
    """
    rows = _read_rows(database, repository_id, digest, depth=depth)
    described = [one for one, row in rows.items() if row.config is not None]
    labels = chains.base_labels(described) if described else {}
    return _Tree(rows, labels, {}).make(digest, depth) if digest in rows else None


def read_alone(database: Database, digests: Iterable[Digest]) -> dict[Digest, Content]:
    """Return manifests with their configs, and nothing of those below or beside them."""
    rows = database.execute(_ALONE, [json.dumps(list(digests))])
    found = {Digest(row[0]): _Row(row[1], row[2], row[3], ()) for row in rows}
    return {one: _Tree(found, {}, {}).make(one, 0) for one in found}


@dataclass(frozen=True, slots=True)
class _Tree:
    """Makes each manifest once a level: indexes of indexes can have more paths than bytes."""

    rows: Mapping[Digest, _Row]
    base_labels: Mapping[Digest, tuple[Mapping[str, str], ...]]
    made: dict[tuple[Digest, int], Content]

    def make(self, digest: Digest, depth: int) -> Content:
        """Return a manifest with what is below it to ``depth``."""
        if (digest, depth) not in self.made:
            row = self.rows[digest]
            children = row.children if depth > 0 else ()
            self.made[digest, depth] = Content(
                digest=digest,
                content_type=row.content_type,
                body=unpack(row.body, table="manifests", row=digest),
                config=None
                if row.config is None
                else unpack(row.config, table="configs", row=digest),
                children=tuple(self.make(one, depth - 1) for one in children if one in self.rows),
                base_labels=self.base_labels.get(digest, ()),
            )
        return self.made[digest, depth]


def _read_rows(
    database: Database, repository_id: int, digest: Digest, *, depth: int
) -> Mapping[Digest, _Row]:
    """Read each manifest once, on the first level that it is on: most can be below it there."""
    found: dict[Digest, _Row] = {}
    level = [digest]
    for _ in range(depth + 1):
        rows = database.execute(_LEVEL, [json.dumps(level), repository_id])
        read = {Digest(row[0]): _Row(row[1], row[2], row[3], _distinct(row[4])) for row in rows}
        found.update(read)
        listed = dict.fromkeys(child for row in read.values() for child in row.children)
        level = [child for child in listed if child not in found]
        if not level:
            break
    return found


def _distinct(listed: str) -> tuple[Digest, ...]:
    return tuple(dict.fromkeys(map(Digest, json.loads(listed)))) if listed != "[]" else ()
