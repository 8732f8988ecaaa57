"""A store of lineage alone, written as rows: a million manifests in minutes.

There are bases, middles and leaves, with images of one or four platforms. Most images are built on
few bases, and one repository has a seventh of all tags. Only images with a declared base have
bodies.
"""

import hashlib
import json
import random
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.store import Store

PLATFORMS = 4
BASES = 2_000
HOT_SHARE = 0.22
"""The share of images that are built on the most popular base."""
DECLARING = 500
_SEEN = "2026-01-01T00:00:00Z"
_EMPTY = zlib.compress(b"{}")


@dataclass
class Chains:
    """The rows of one kind of chain as they are made."""

    rows: list[tuple[int, int, int, int, bytes, bytes]] = field(default_factory=list)
    parents: "array[int]" = field(default_factory=lambda: array("q", [0]))
    prefixes: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, parent: int, length: int, layer: bytes) -> int:
        """Add the chain of one more layer and return its number."""
        number = len(self.parents)
        self.parents.append(parent)
        chain_id = layer if length == 1 else hashlib.sha256(layer + b"%d" % parent).digest()
        self.rows.append((number, parent, length, 0, chain_id, layer))
        return number

    def end(self, chain: int) -> None:
        """Mark a chain as a whole one."""
        below = self.parents[chain]
        while below:
            self.prefixes.append(below << 32 | chain)
            below = self.parents[below]


@dataclass
class Filled:
    """The samples for questions: digests and names from the store."""

    images: list[str]
    """Digests under a tag, of all sizes of index."""
    leaves: list[tuple[int, str]]
    """Repository and digest of images that declare a base."""
    bases: list[str]
    hot_base: str
    own_layers: list[bytes]
    base_layers: list[bytes]
    repositories: list[str]
    hot_repository: str


class _Filler:
    """Makes the rows, always the same for the same number of manifests."""

    def __init__(self, manifests: int) -> None:
        self._random = random.Random(7)  # noqa: S311 - the same each time
        self.manifests = manifests
        self.images = int(manifests / 2.2)
        self.repositories = max(20, manifests // 100)
        self.tags_wanted = int(manifests * 0.7)
        self.diff, self.blob = Chains(), Chains()
        self.stacks: list[tuple[int, int, int]] = []
        self.owned: list[bytes] = []

    def layer(self) -> bytes:
        """Return a new digest."""
        return self._random.randbytes(32)

    def stack(self, below: tuple[int, int, int], layers: int) -> tuple[int, int, int]:
        """Put layers on a chain of both kinds; return both and their length."""
        diff, blob, length = below
        for _ in range(layers):
            length += 1
            diff = self.diff.add(diff, length, self.layer())
            blob = self.blob.add(blob, length, self.layer())
        return diff, blob, length

    def bases(self) -> None:
        """Make the bases; every second one is built on another."""
        for number in range(min(BASES, self.manifests // 20)):
            below = self.stacks[number // 2 - 1] if number % 2 and number > 1 else (0, 0, 0)
            self.stacks.append(self.stack(below, self._random.randint(1, 4)))

    def pick_base(self) -> tuple[int, int, int]:
        """Return a base: often the most popular one, else one by the usual popularity."""
        if self._random.random() < HOT_SHARE:
            return self.stacks[0]
        place = int(len(self.stacks) ** self._random.random()) - 1
        return self.stacks[place]

    def chains(self) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """Yield an image's number and the chains of one of its manifests."""
        for number in range(self.images):
            if number < len(self.stacks):
                yield number, self.stacks[number]
                continue
            for _ in range(1 if number % 5 < 3 else PLATFORMS):
                yield (
                    number,
                    self.stack(self.pick_base(), 2 + min(8, int(self._random.expovariate(0.3)))),
                )


def fill(directory: Path, manifests: int) -> Filled:
    """Write the rows of a new store in ``directory`` and return samples for questions."""
    Store(directory).close()
    connection = sqlite3.connect(directory / "store.db", isolation_level=None)
    for pragma in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -1000000"):
        connection.execute(f"PRAGMA {pragma}")
    indexes = _drop_indexes(connection)
    connection.execute("BEGIN")
    filler = _Filler(manifests)
    filler.bases()
    images = _put_manifests(connection, filler)
    for kind, chains in (("diff", filler.diff), ("blob", filler.blob)):
        connection.executemany(
            f"INSERT INTO {kind}_chains (id, parent_id, length, is_empty, chain_id, layer)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, ?)",
            chains.rows,
        )
        connection.executemany(
            f"INSERT INTO {kind}_prefixes VALUES (?, ?)",  # noqa: S608
            ((pair >> 32, pair & 0xFFFFFFFF) for pair in sorted(chains.prefixes)),
        )
        ends = {stack[0 if kind == "diff" else 1] for stack in filler.stacks}
        connection.executemany(
            f"UPDATE {kind}_chains SET is_base = 1 WHERE id = ?",  # noqa: S608
            [(chain,) for chain in ends],
        )
    filled = _put_places(connection, filler, images)
    for statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()
    return filled


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop the indexes, which are faster to make at the end; return the SQL for that."""
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in rows:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in rows]


def _digest(number: int, kind: str) -> str:
    return f"sha256:{hashlib.sha256(f'{kind}{number}'.encode()).hexdigest()}"


def _put_manifests(connection: sqlite3.Connection, filler: _Filler) -> list[list[str]]:
    """Write manifests with their chains; return the digests of each image."""
    images: list[list[str]] = [[] for _ in range(filler.images)]
    rows = []
    ended: set[int] = set()
    for number, (image, (diff, blob, _)) in enumerate(filler.chains(), 1):
        digest = _digest(number, "m")
        images[image].append(digest)
        if diff not in ended:
            ended.add(diff)
            filler.diff.end(diff)
            filler.blob.end(blob)
        rows.append((number, digest, 1, 1, diff, blob))
    connection.executemany("INSERT INTO manifest_chains VALUES (?, ?, ?, ?, ?, ?)", rows)
    return images


def _put_places(connection: sqlite3.Connection, filler: _Filler, images: list[list[str]]) -> Filled:
    """Put images into repositories under tags, and samples for questions into lists."""
    some = random.Random(11)  # noqa: S311 - as above
    registry = ("hub", "https://r.example.org", "r.example.org")
    connection.execute(
        "INSERT INTO registries (name, url, registry_host) VALUES (?, ?, ?)", registry
    )
    names = [f"team{n % 40}/app{n}" for n in range(filler.repositories)]
    connection.executemany(
        "INSERT INTO repositories (id, registry_id, name, first_seen_at) VALUES (?, 1, ?, ?)",
        [(n + 1, name, _SEEN) for n, name in enumerate(names)],
    )
    roots = [
        parts[0] if len(parts) == 1 else _digest(number, "i") for number, parts in enumerate(images)
    ]
    # The first repository is the large one.
    homes = [
        1 if number % 7 == 6 else 2 + int((filler.repositories - 1) * some.random() ** 3)
        for number in range(len(images))
    ]
    connection.executemany(
        "INSERT INTO index_children VALUES (?, ?, ?)",
        (
            (root, place, part)
            for root, parts in zip(roots, images, strict=True)
            for place, part in enumerate(parts if len(parts) > 1 else ())
        ),
    )
    connection.executemany(
        "INSERT INTO repository_manifests (repository_id, digest, first_seen_at) VALUES (?, ?, ?)",
        sorted(
            {
                (home, digest, _SEEN)
                for home, root, parts in zip(homes, roots, images, strict=True)
                for digest in (root, *parts)
            }
        ),
    )
    _put_tags(connection, filler, list(zip(homes, roots, strict=True)))
    single = [number for number, parts in enumerate(images) if len(parts) == 1]
    declaring = some.sample(single, min(DECLARING, len(single)))
    for number in declaring:
        _declare(connection, roots[number], f"{names[number % len(names)]}:v{number}")
    bases = roots[: len(filler.stacks)]
    owned = [filler.diff.rows[-1 - 7 * n][5] for n in range(500)]
    owned += [filler.blob.rows[-1 - 7 * n][5] for n in range(500)]
    return Filled(
        images=[roots[some.randrange(len(roots))] for _ in range(1_000)],
        leaves=[(homes[number], roots[number]) for number in declaring],
        bases=bases,
        hot_base=bases[0],
        own_layers=owned,
        base_layers=[row[5] for row in filler.diff.rows[: len(bases)]],
        repositories=names,
        hot_repository=names[0],
    )


def _put_tags(
    connection: sqlite3.Connection, filler: _Filler, places: list[tuple[int, str]]
) -> None:
    rows = []
    for number in range(filler.tags_wanted):
        home, digest = places[number % len(places)]
        rows.append((home, f"v{number}", digest, _SEEN, _SEEN))
    rows.sort()
    connection.executemany(
        "INSERT INTO tags (repository_id, name, digest, first_seen_at, confirmed_at)"
        " VALUES (?, ?, ?, ?, ?)",
        rows,
    )
    connection.executemany(
        "INSERT INTO tag_moves (repository_id, tag, tagged_at, digest, from_event)"
        " VALUES (?, ?, ?, ?, 1)",
        ((row[0], row[1], _SEEN, row[2]) for row in rows),
    )


def _declare(connection: sqlite3.Connection, root: str, base: str) -> None:
    """Give an image a body that names a base."""
    body = {
        "schemaVersion": 2,
        "layers": [],
        "annotations": {"org.opencontainers.image.base.name": base},
    }
    connection.execute(
        "INSERT OR IGNORE INTO manifests (digest, content_type, body, first_seen_at)"
        " VALUES (?, 'application/vnd.oci.image.manifest.v1+json', ?, ?)",
        [root, zlib.compress(json.dumps(body).encode()), _SEEN],
    )


def sizes(path: Path, tables: Iterable[str]) -> dict[str, int]:
    """Return the bytes of each table with its indexes; {} if SQLite cannot tell."""
    with sqlite3.connect(path) as connection:
        try:
            rows = connection.execute(
                "SELECT coalesce(tbl_name, dbstat.name), sum(pgsize) FROM dbstat"
                " LEFT JOIN sqlite_master USING (name) GROUP BY 1"
            ).fetchall()
        except sqlite3.OperationalError:
            return {}
    return {name: size for name, size in rows if name in tables}
