"""Extraction: manifests and configs a second on one core, over the samples of every kind.

``python -m bench.extract`` extracts all the samples again and again, for a few seconds each of:

- *parse*: ``json.loads`` of every manifest and config, which is the reference: no extraction can be
  faster;
- *extract*: all facts of every sample;
- *images*, *artifacts*: the same for one half of them.

Seconds are of processor time, so other programs on the machine disturb little.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from indexer.extract import Content, extract
from tests.content_samples import Sample, all_samples

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was done in how many seconds; ``bodies`` are manifests, indexes and configs."""

    contents: int
    bodies: int
    bytes: int
    seconds: float


def bodies_of(content: Content) -> Iterator[bytes]:
    """Yield every manifest and config of a content."""
    yield content.body
    if content.config is not None:
        yield content.config
    for child in content.children:
        yield from bodies_of(child)


def parse_only(sample: Sample) -> None:
    """Parse all JSON of a sample and nothing else."""
    for body in bodies_of(sample.content):
        json.loads(body)


def extract_all(sample: Sample) -> None:
    """Extract the facts of a sample."""
    extract(sample.content, now=NOW, tags=sample.tags)


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
    bodies = [body for sample in samples for body in bodies_of(sample.content)]
    return Figures(
        contents=rounds * len(samples),
        bodies=rounds * len(bodies),
        bytes=rounds * sum(map(len, bodies)),
        seconds=spent,
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    seconds = parser.parse_args().seconds
    samples = all_samples()
    images = [one for one in samples if "image" in one.kind or one.kind.startswith("build")]
    artifacts = [one for one in samples if one not in images]
    rows = {
        "parse": measure(samples, parse_only, seconds=seconds),
        "extract": measure(samples, extract_all, seconds=seconds),
        "images": measure(images, extract_all, seconds=seconds),
        "artifacts": measure(artifacts, extract_all, seconds=seconds),
    }
    table = Table("", "contents/s", "manifests and configs/s", "MB/s", "µs a content")
    for name, found in rows.items():
        table.add_row(
            name,
            f"{found.contents / found.seconds:,.0f}",
            f"{found.bodies / found.seconds:,.0f}",
            f"{found.bytes / found.seconds / 1e6:.1f}",
            f"{found.seconds / found.contents * 1e6:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
