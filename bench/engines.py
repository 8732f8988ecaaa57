"""The engines over a corpus: building, updating, starting and searching, beside references.

``python -m bench.engines`` makes the documents of a corpus once. It measures each engine in
processes of its own, without HTTP of ours; ``opensearch`` with a cluster of one node that is
started for it. Then it measures today's alternatives, SQL and lists on the client, with the same
rows and queries (:mod:`bench.references`). Ratios are of the processor's time, without that of a
cluster: they say nothing of ``opensearch``.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import targets
from bench.corpus.sizes import SIZES
from bench.engine_material import Material, material
from bench.engine_measures import ENGINES, REFERENCES, Build, Use
from bench.engine_tables import Row, compared, figures_table, searches_table
from bench.references import ClientFilter, Like
from bench.timings import Timing
from indexer.model import DocumentType
from tests.opensearch.cluster import SHIPPED, cluster_for

_CELLS = "p50, p95, p99 in milliseconds (processor's p95); ratios of the processor's p50"


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of a run: figures of each engine, timings of the references by their names."""

    engines: dict[str, tuple[Build, Use]]
    references: dict[str, list[Timing]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(SIZES), default="small")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="one only, or some")
    parser.add_argument("--number", type=int, default=200, help="searches of each class")
    parser.add_argument("--material", type=Path, metavar="DIR", help="documents, kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    engines = tuple(dict.fromkeys(given.engine or ENGINES))
    with material(given.corpus, number=given.number, folder=given.material) as made:
        measured = measure(made, engines)
    print_tables(measured, size=given.corpus)
    if given.json:
        given.json.write_text(json.dumps(as_json(measured, size=given.corpus), indent=2) + "\n")


def measure(made: Material, engines: Sequence[str]) -> Measured:
    """Measure engines and references over the documents of a corpus."""
    found = {}
    for engine in engines:
        with cluster_for(engine, java=SHIPPED):
            built = Build(**_step(made, engine, "build"))
            used = _step(made, engine, "use")
        timings = [Timing(**one) for one in used.pop("timings")]
        found[engine] = built, Use(timings=timings, **used)
    references = _step(made, REFERENCES, "use")
    timed = {name: [Timing(**one) for one in rows] for name, rows in references.items()}
    return Measured(found, timed)


def _step(made: Material, name: str, step: str) -> dict[str, Any]:
    """Measure in a process of its own, for its memory and its caches."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.engine_measures"],
        input=json.dumps(
            {
                "folder": str(made.folder),
                "number": made.number,
                "name": name,
                "step": step,
            }
        ),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def print_tables(measured: Measured, *, size: str) -> None:
    """Print the figures of each engine, all searches, and the figures beside their targets."""
    title = f"{size}, in process"
    rows = compared(_engine_timings(measured), measured.references)
    console = Console(width=180)
    console.print(figures_table(measured.engines, title=title))
    console.print(searches_table(rows, title=f"searching {title}: {_CELLS}"))
    for engine in measured.engines:
        found = targets.verdicts(figures(measured, engine), size=size, engine=engine)
        console.print(targets.targets_table(found, title=f"{title}, {engine}"))


def as_json(measured: Measured, *, size: str) -> dict[str, Any]:
    """Return the figures for a file."""
    rows = compared(_engine_timings(measured), measured.references)
    engines = {}
    for name, (build, use) in measured.engines.items():
        used = asdict(use)
        del used["timings"]
        found = targets.verdicts(figures(measured, name), size=size, engine=name)
        engines[name] = {
            "build": asdict(build),
            "use": used,
            "figures": [asdict(one) for one in found],
        }
    return {"engines": engines, "searches": [asdict(row) for row in rows]}


def figures(measured: Measured, engine: str) -> dict[str, float]:
    """Return the figures with targets of an engine."""
    _, use = measured.engines[engine]
    if engine == targets.OPENSEARCH:
        return {targets.VISIBLE: use.update_p95 / 1_000}
    rows = compared(_engine_timings(measured), measured.references)
    # Anything is fast among some thousand repositories.
    images = [row for row in rows if row.type == DocumentType.IMAGE]
    return {
        targets.AGAINST_LIKE: least_ratio(images, engine, Like.name),
        targets.AGAINST_CLIENT: least_ratio(images, engine, ClientFilter.name),
        targets.VISIBLE: use.update_p95 / 1_000,
    }


def least_ratio(rows: Sequence[Row], engine: str, reference: str) -> float:
    """Return the least ratio of a reference's time to the engine's, over all classes."""
    return min(row.ratios[engine][reference] for row in rows if reference in row.ratios[engine])


def _engine_timings(measured: Measured) -> dict[str, Sequence[Timing]]:
    return {name: use.timings for name, (_, use) in measured.engines.items()}


if __name__ == "__main__":
    main()
