"""The time of each question about lineage: p50 and p95 of many, each with other arguments.

``--store`` names an existing store. Otherwise one with ``--manifests`` manifests is made.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.lineage_store import Filled, fill, sizes
from indexer.model.names import Digest
from indexer.store import Store

ROUNDS = 300
TARGET_MS = 10.0
_TABLES = (
    *("manifest_chains", "diff_chains", "diff_prefixes", "blob_chains", "blob_prefixes"),
    *("tags", "repository_manifests", "index_children"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a store, or take one, and print the time of each question."""
    parser = argparse.ArgumentParser(prog="python -m bench.lineage", description=__doc__)
    parser.add_argument("--manifests", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--store", type=Path, help="the directory of a store")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    if given.store:
        _write(measure(given.store, sampled(given.store), rounds=given.rounds), given.json)
        return
    with tempfile.TemporaryDirectory(prefix="lineage-") as directory:
        started = time.perf_counter()
        filled = fill(Path(directory), given.manifests)
        print(f"{given.manifests} manifests written in {time.perf_counter() - started:.0f} s")  # noqa: T201
        for table, size in sizes(Path(directory) / "store.db", _TABLES).items():
            print(f"{table:>22} {size / 1e6:8.0f} MB")  # noqa: T201
        _write(measure(Path(directory), filled, rounds=given.rounds), given.json)


@dataclass(frozen=True, slots=True)
class Asked:
    """The times of a question, in milliseconds; processor times exclude waiting."""

    question: str
    p50: float
    p95: float
    longest: float
    processor_p50: float
    processor_p95: float


def _write(asked: Sequence[Asked], file: Path | None) -> None:
    if file:
        file.write_text(json.dumps([asdict(one) for one in asked], indent=2) + "\n")


def measure(directory: Path, filled: Filled, *, rounds: int) -> list[Asked]:
    """Ask every question, and print and return its times."""
    asked = []
    store = Store(directory, read_only=True)
    print(f"{'question':>40}   p50   p95   max ms, processor time of it: p50   p95")  # noqa: T201
    for name, ask in questions(store, filled, random.Random(3)):  # noqa: S311 - as each time
        some = rounds
        times = [_timed(ask) for _ in range(some)]
        wall, cpu = sorted(one[0] for one in times), sorted(one[1] for one in times)
        p50, p95 = some // 2, some * 95 // 100
        note = "" if wall[p95] < TARGET_MS else f"   more than {TARGET_MS:.0f} ms"
        print(  # noqa: T201
            f"{name:>40} {wall[p50]:5.1f} {wall[p95]:5.1f} {wall[-1]:5.1f}"
            f" {cpu[p50]:25.1f} {cpu[p95]:5.1f}{note}"
        )
        asked.append(Asked(name, wall[p50], wall[p95], wall[-1], cpu[p50], cpu[p95]))
    store.close()
    return asked


def questions(
    store: Store, filled: Filled, some: random.Random
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each question's name, and a function that asks it with new arguments each time."""
    lineage, keys = store.lineage, store.lineage_keys
    yield "bases of an image", lambda: lineage.bases(Digest(some.choice(filled.images)))
    yield "derived from a base", lambda: lineage.derived(Digest(some.choice(filled.bases)))
    yield "derived from the most popular base", lambda: lineage.derived(Digest(filled.hot_base))
    yield (
        "containing a layer of its own",
        lambda: lineage.find_containing(some.choice(filled.own_layers).hex()),
    )
    yield (
        "containing a layer of a base",
        lambda: lineage.find_containing(some.choice(filled.base_layers).hex()),
    )
    yield (
        "containing the beginning of a layer",
        lambda: lineage.find_containing(some.choice(filled.own_layers).hex()[:12]),
    )
    yield (
        "containing the most popular layer",
        lambda: lineage.find_containing(filled.base_layers[0].hex()),
    )
    yield "declared beside computed", lambda: _declared(store, some.choice(filled.leaves))
    yield (
        "labels of the base, for a document",
        lambda: store.chains.base_labels([Digest(some.choice(filled.images))]),
    )
    yield "base:DIGEST in a search", lambda: keys.find_bases(some.choice(filled.bases))
    yield "base:NAME in a search", lambda: keys.find_bases(some.choice(filled.repositories))
    yield "base:NAME:TAG, 100,000 tags", lambda: keys.find_bases(f"{filled.hot_repository}:v6")
    yield "base:NAME, 100,000 tags", lambda: keys.find_bases(filled.hot_repository)
    yield "baseof:DIGEST in a search", lambda: keys.find_derived(some.choice(filled.images))
    yield "layer:DIGEST in a search", lambda: keys.find_layer(some.choice(filled.own_layers).hex())


def sampled(directory: Path) -> Filled:
    """Return samples for questions from a store that another program filled."""
    store = Store(directory, read_only=True)
    rows = store._database.execute  # noqa: SLF001 - nobody but a benchmark needs samples
    images = [
        row[0]
        for row in rows(
            "SELECT digest FROM tags WHERE hidden_at IS NULL ORDER BY substr(digest, 20) LIMIT 1000"
        )
    ]
    popular = rows(
        "SELECT prefix, count(*) FROM diff_prefixes GROUP BY prefix HAVING prefix IN"
        " (SELECT diff_chain FROM manifest_chains) ORDER BY 2 DESC LIMIT 500"
    ).fetchall()
    bases = [
        rows("SELECT digest FROM manifest_chains WHERE diff_chain = ?", [chain]).fetchone()[0]
        for chain, _ in popular
    ]
    chains = rows("SELECT layer FROM diff_chains ORDER BY chain_id LIMIT 500").fetchall()
    base_layers = [
        rows("SELECT layer FROM diff_chains WHERE id = ?", [chain]).fetchone()[0]
        for chain, _ in popular
    ]
    names = [row[0] for row in rows("SELECT name FROM repositories")]
    (large,) = rows(
        "SELECT repositories.name FROM repositories JOIN tags ON repository_id = id GROUP BY id"
        " ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    places = rows("SELECT repository_id, digest FROM tags WHERE hidden_at IS NULL LIMIT 500")
    filled = Filled(
        images=images,
        leaves=[(row[0], row[1]) for row in places],
        bases=bases,
        hot_base=bases[0],
        own_layers=[row[0] for row in chains],
        base_layers=base_layers,
        repositories=names,
        hot_repository=large,
    )
    store.close()
    return filled


def _declared(store: Store, leaf: tuple[int, str]) -> None:
    """Read an image and its declared base, as an answer about the image does."""
    if stored := store.content.manifest(leaf[0], Digest(leaf[1])):
        store.lineage.declared(stored)


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the clock time and the processor time of a question, in milliseconds."""
    started, busy = time.perf_counter(), time.thread_time()
    ask()
    return (time.perf_counter() - started) * 1_000, (time.thread_time() - busy) * 1_000


if __name__ == "__main__":
    main()
