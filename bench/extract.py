"""Extraction: manifests and configs a second on one core, over the samples of every kind.

``python -m bench.extract`` extracts all the samples again and again, for a few seconds each of:

- *parse*: ``json.loads`` of every manifest and config, which is the reference: no extraction can be
  faster;
- *extract*: all facts of every sample;
- *images*, *artifacts*: the same for one half of them.

Seconds are of processor time, so other programs on the machine disturb little.

With ``--corpus primary`` a store is filled with that corpus. Then ``regsearch rebuild --extract``
extracts all of it again, as after an upgrade. The time ends when every stored body is read again
and a new search index is live. There is no registry to read.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.corpus.corpus import Corpus
from bench.corpus.fill import fill
from bench.corpus.sizes import SIZES
from bench.search_service import copy
from indexer.extract import BUILT_IN, extract
from indexer.model import Content
from indexer.store import Store
from tests.content_samples import Sample, all_samples

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = 5.0
_NOWHERE = "127.0.0.1:9"
SETTINGS = f"""
[[registry]]
url = "http://{_NOWHERE}"
crawl_interval = "0s"
"""
"""A registry at a port without a server; it is never crawled."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The work done and its seconds; ``bodies`` are manifests, indexes and configs."""

    contents: int
    bodies: int
    bytes: int
    seconds: float


def read_bodies(content: Content) -> Iterator[bytes]:
    """Yield every manifest and config of a content."""
    yield content.body
    if content.config is not None:
        yield content.config
    for child in content.children:
        yield from read_bodies(child)


def parse_only(sample: Sample) -> None:
    """Parse all JSON of a sample and nothing else."""
    for body in read_bodies(sample.content):
        json.loads(body)


def extract_all(sample: Sample) -> None:
    """Extract the facts of a sample."""
    extract(sample.content, now=NOW, tags=sample.tags, kinds=BUILT_IN)


def measure(
    samples: Sequence[Sample], work: Callable[[Sample], None], *, seconds: float
) -> Figures:
    """Do ``work`` on all samples, whole rounds of them, until the time is spent."""
    rounds = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds or not rounds:
        for sample in samples:
            work(sample)
        rounds += 1
    spent = time.process_time() - started
    bodies = [body for sample in samples for body in read_bodies(sample.content)]
    return Figures(
        contents=rounds * len(samples),
        bodies=rounds * len(bodies),
        bytes=rounds * sum(map(len, bodies)),
        seconds=spent,
    )


@dataclass(frozen=True, slots=True)
class Again:
    """A store that was extracted again: its size, and the time of the extraction."""

    manifests: int
    documents: int
    seconds: float


def extract_again(corpus: Corpus, directory: Path, *, store: Path | None = None) -> Again:
    """Fill a store in ``directory``, or copy one, and have it all extracted and indexed again.

    RuntimeError with what the command printed when it fails.
    """
    if store is None:
        fill(
            corpus,
            directory,
            registry="default",
            url=f"http://{_NOWHERE}",
            registry_host=_NOWHERE,
        )
    else:
        copy(store, directory)
    (directory / "regsearch.toml").write_text(SETTINGS)
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "search_api", "rebuild", "--extract"],
        env={
            **os.environ,
            "REGSEARCH_CONFIG": str(directory / "regsearch.toml"),
            "REGSEARCH_DATA_DIR": str(directory),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"rebuild --extract ended with {ended.returncode}: {ended.stderr}")
    with closing(Store(directory, read_only=True)) as extracted:
        repositories, images = extracted.content.count_visible()
    with closing(sqlite3.connect(directory / "store.db")) as database:
        (manifests,) = database.execute("SELECT count(*) FROM manifests").fetchone()
    return Again(manifests, repositories + images, seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.extract", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--corpus", choices=sorted(SIZES), help="also extract all of it again")
    parser.add_argument("--store", type=Path, metavar="DIR", help="a data directory to copy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    rows = _measure_samples(given.seconds)
    Console().print(_table(rows))
    written: dict[str, object] = {"samples": {name: asdict(row) for name, row in rows.items()}}
    if given.corpus:
        with tempfile.TemporaryDirectory(prefix="extract-") as directory:
            corpus = Corpus(SIZES[given.corpus])
            again = extract_again(corpus, Path(directory), store=given.store)
        Console().print(
            f"{given.corpus} extracted and indexed again: {again.manifests:,} manifests,"
            f" {again.documents:,} documents in {again.seconds:.0f} s"
        )
        written["corpus"] = {"size": given.corpus, **asdict(again)}
    if given.json:
        given.json.write_text(json.dumps(written, indent=2) + "\n")


def _measure_samples(seconds: float) -> dict[str, Figures]:
    samples = all_samples()
    images = [one for one in samples if "image" in one.kind or one.kind.startswith("build")]
    artifacts = [one for one in samples if one not in images]
    return {
        "parse": measure(samples, parse_only, seconds=seconds),
        "extract": measure(samples, extract_all, seconds=seconds),
        "images": measure(images, extract_all, seconds=seconds),
        "artifacts": measure(artifacts, extract_all, seconds=seconds),
    }


def _table(rows: Mapping[str, Figures]) -> Table:
    table = Table("", "contents/s", "manifests and configs/s", "MB/s", "µs a content")
    for name, found in rows.items():
        table.add_row(
            name,
            f"{found.contents / found.seconds:,.0f}",
            f"{found.bodies / found.seconds:,.0f}",
            f"{found.bytes / found.seconds / 1e6:.1f}",
            f"{found.seconds / found.contents * 1e6:.0f}",
        )
    return table


if __name__ == "__main__":
    main()
