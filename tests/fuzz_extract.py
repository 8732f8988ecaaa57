"""A fuzzer of the extraction: ``python -m tests.fuzz_extract 1000000``.

Takes the samples of every kind apart and puts them together wrongly, and lets everything that is
pure loose on them. Ends with 1 at the first input that raises, and prints the seed that makes it
again: ``--seed`` is that of the first input, the others follow.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.extract import (
    BUILT_IN,
    Facts,
    config_descriptor,
    extract,
    read_attachment,
    read_listed_attachment,
)
from indexer.model import Content
from indexer.model.manifest import parse_manifest
from tests.content_samples import all_samples
from tests.mutations import Mutator

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BASE_LABELS = {"maintainer": "Ann", "org.opencontainers.image.title": "homebrew/core/wget"}
TAGS: Sequence[tuple[str, ...]] = (
    (),
    ("latest", "1.2.3"),
    ("sha256-" + "a" * 64 + ".sig",),
    ("sha256-" + "b" * 64,),
    ("artifacthub.io",),
)
REPORT_EVERY = 50_000


@dataclass(frozen=True, slots=True)
class Slowest:
    """The input that took longest, and how long."""

    seed: int
    seconds: float
    bytes: int


def exercise(content: Content, seed: int) -> Facts:
    """Process ``content`` as the indexer does; every exception is a defect."""
    manifest = parse_manifest(content.body, content_type=content.content_type)
    tags = TAGS[seed % len(TAGS)]
    config_descriptor(manifest, kinds=BUILT_IN)
    read_attachment(manifest, tags[0] if tags else None, kinds=BUILT_IN)
    for child in manifest.children[:10]:
        read_listed_attachment(child, kinds=BUILT_IN)
    return extract(
        content,
        now=NOW,
        tags=tags,
        base_labels=BASE_LABELS if seed % 3 == 0 else None,
        kinds=BUILT_IN,
    )


def total_bytes(content: Content) -> int:
    """Return the size of all that an input is made of."""
    below = sum(map(total_bytes, content.children))
    return len(content.body) + len(content.config or b"") + below


def run(inputs: int, *, seed: int) -> Iterator[tuple[int, float, Slowest]]:
    """Exercise inputs; yield how many are done, the seconds spent in them, and the slowest."""
    mutator = Mutator([sample.content for sample in all_samples()])
    slowest, spent = Slowest(seed, 0.0, 0), 0.0
    for number in range(inputs):
        content = mutator.content(seed + number)
        started = time.process_time()
        try:
            exercise(content, seed + number)
        except BaseException:
            print(f"seed {seed + number} raises", file=sys.stderr)
            raise
        took = time.process_time() - started
        spent += took
        if took > slowest.seconds:
            slowest = Slowest(seed + number, took, total_bytes(content))
        if (number + 1) % REPORT_EVERY == 0 or number + 1 == inputs:
            yield number + 1, spent, slowest


def main() -> int:
    """Run the command line; print figures on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        for done, spent, slowest in run(arguments.inputs, seed=arguments.seed):
            print(
                f"{done:,} inputs, 0 exceptions, {done / spent:,.0f} inputs/s of processor time; "
                f"slowest: seed {slowest.seed}, {slowest.bytes:,} bytes, "
                f"{slowest.seconds * 1_000:.1f} ms",
                flush=True,
            )
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
