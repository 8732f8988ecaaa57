"""All benchmarks at one size: ``python -m bench small|primary|stress``.

*small* is the short form, with fewer searches of each class and shorter loads, without a real
registry. *primary* is the full form. *stress* measures only figures that depend on the size, and
not with whoosh, which is for smaller registries. The engine ``opensearch`` is measured at *small*
and *primary*, and with a million documents beside *primary*, if it is there: ``make programs``.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.corpus.sizes import SIZES
from bench.search_service import REGISTRY, REGISTRY_HOST
from bench.targets import OPENSEARCH, SMALL, STRESS, TANTIVY, WHOOSH
from tests.opensearch.cluster import find_java
from tests.programs import find_program

END_TO_END = (
    "tests/end_to_end/test_push_to_search.py",
    "tests/end_to_end/test_thousand_repositories.py",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One benchmark: the module, its arguments, and whether it can write its figures as JSON."""

    name: str
    words: Sequence[str]
    writes_json: bool = True

    def arguments(self, figures: Path | None) -> list[str]:
        """Return the arguments of ``python -m``, with the figures in a file of that folder."""
        json = [f"--json={figures / self.name}.json"] if figures and self.writes_json else []
        return [*self.words, *json]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all benchmarks of a size one after the other, and print the time of each."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("--json", type=Path, metavar="DIR", help="where to write the figures")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keeps store and documents for the next time"
    )
    given = parser.parse_args(arguments)
    if given.json:
        given.json.mkdir(parents=True, exist_ok=True)
    with _kept(given.keep) as kept:
        taken = _run(given.size, kept / given.size, figures=given.json)
    Console().print(_summary(taken))
    if any(one.status for one in taken):
        sys.exit(1)


@contextmanager
def _kept(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


@dataclass(frozen=True, slots=True)
class Taken:
    """The exit status of a step, and its seconds."""

    name: str
    status: int
    seconds: float


def _run(size: str, kept: Path, *, figures: Path | None) -> list[Taken]:
    """Run each step."""
    console = Console()
    taken: list[Taken] = []
    store, material = kept / "store", kept / "material"
    first = () if (store / "store.db").exists() else (_fill(size, store),)
    has_cluster = bool(find_program(OPENSEARCH) and find_java(OPENSEARCH))
    if not has_cluster:
        console.print("OpenSearch or Java is missing, so it is not measured: make programs")
    found = steps(size, store=store, material=material, has_cluster=has_cluster)
    for step in (*first, *found):
        console.rule(step.name)
        started = time.perf_counter()
        command = [sys.executable, "-m", *step.arguments(figures)]
        done = subprocess.run(command, check=False)  # noqa: S603 - of this module alone
        taken.append(Taken(step.name, done.returncode, time.perf_counter() - started))
    return taken


def _fill(size: str, store: Path) -> Step:
    words = [
        *("bench.corpus", "store", size, f"--out={store}", f"--registry={REGISTRY}"),
        *(f"--url=http://{REGISTRY_HOST}", f"--registry-host={REGISTRY_HOST}"),
    ]
    return Step("store", words, writes_json=False)


def steps(size: str, *, store: Path, material: Path, has_cluster: bool) -> list[Step]:
    """Return the benchmarks of a size, with the store and the documents of its corpus.

    ``has_cluster`` is whether a cluster of OpenSearch can be started.
    """
    is_short, is_huge = size == SMALL, size == STRESS
    engines = [TANTIVY] if is_huge else [WHOOSH, TANTIVY]
    if has_cluster and not is_huge:
        engines.append(OPENSEARCH)
    corpus = [f"--corpus={size}", f"--material={material}"]
    made = [
        Step(
            "engines",
            [
                "bench.engines",
                *corpus,
                f"--number={20 if is_short else 200}",
                *(f"--engine={engine}" for engine in engines),
            ],
        )
    ]
    for engine in engines:
        number = f"--number={20 if is_short else 200}"
        words = ["bench.search", *corpus, number, f"--engine={engine}", f"--store={store}"]
        made.append(Step(f"search-{engine}", words))
    if has_cluster and not is_huge:
        large = (
            ["--corpus=small", "--documents=5000", "--nodes=1", "--number=5"] if is_short else []
        )
        made.append(Step("cluster", ["bench.cluster", *large]))
    rounds = f"--rounds={100 if is_short else 300}"
    made.append(Step("lineage", ["bench.lineage", f"--store={store}", rounds]))
    if is_huge:
        return made
    if is_short:
        return [
            *made,
            Step("extract", ["bench.extract", "--seconds=1"]),
            Step("receive", ["bench.receive", "--shrink=10", "--repositories=600"]),
            Step("recrawl", ["bench.recrawl", "--tags=100"]),
        ]
    return [
        *made,
        Step("extract", ["bench.extract", f"--corpus={size}", f"--store={store}"]),
        Step("receive", ["bench.receive"]),
        Step("large", ["bench.large"]),
        Step("recrawl", ["bench.recrawl"]),
        Step("registry", ["pytest", *END_TO_END], writes_json=False),
    ]


def _summary(taken: Sequence[Taken]) -> Table:
    table = Table("benchmark", "seconds", "", title="all benchmarks")
    for one in taken:
        ended = f"ended with {one.status}" if one.status else ""
        table.add_row(one.name, f"{one.seconds:.0f}", ended)
    table.add_row("all", f"{sum(one.seconds for one in taken):.0f}")
    return table


if __name__ == "__main__":
    main()
