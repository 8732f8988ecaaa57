"""The engines over a corpus: building, updating, starting and searching, beside references.

``python -m bench.engines`` makes the documents of a corpus once and measures each engine in
processes of its own, without HTTP; then what people use now, SQL and lists on the client, over
the same rows and with the same queries (:mod:`bench.references`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.corpus.sizes import SIZES, Size
from bench.engine_material import Material, prepare
from bench.engine_measures import ENGINES, REFERENCES, Build, Use
from bench.engine_tables import compared, figures_table, searches_table
from bench.timings import Timing

_CELLS = "p50, p95, p99 in milliseconds (processor's p95); ratios of the processor's p50"


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything of a run: figures of each engine, timings of the references by their names."""

    engines: dict[str, tuple[Build, Use]]
    references: dict[str, list[Timing]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(SIZES), default="small")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="one only, or some")
    parser.add_argument("--number", type=int, default=200, help="searches of each class")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    engines = tuple(dict.fromkeys(given.engine or ENGINES))
    measured = measure(given.corpus, engines, number=given.number)
    print_tables(measured, title=f"{given.corpus}, in process")
    if given.json:
        given.json.write_text(json.dumps(as_json(measured), indent=2) + "\n")


def measure(size: Size | str, engines: Sequence[str], *, number: int) -> Measured:
    """Measure engines and references over the documents of a corpus."""
    with tempfile.TemporaryDirectory(prefix="bench-engines-") as folder:
        material = prepare(Path(folder), size, number=number)
        figures = {}
        for engine in engines:
            built = Build(**_step(material, engine, "build"))
            used = _step(material, engine, "use")
            timings = [Timing(**one) for one in used.pop("timings")]
            figures[engine] = built, Use(timings=timings, **used)
        references = _step(material, REFERENCES, "use")
    timed = {name: [Timing(**one) for one in rows] for name, rows in references.items()}
    return Measured(figures, timed)


def _step(material: Material, name: str, step: str) -> dict[str, Any]:
    """Measure in a process of its own, for its memory and its caches."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.engine_measures"],
        input=json.dumps(
            {
                "folder": str(material.folder),
                "number": material.number,
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


def print_tables(measured: Measured, *, title: str) -> None:
    """Print what each engine took, and all searches."""
    rows = compared(_engine_timings(measured), measured.references)
    console = Console(width=180)
    console.print(figures_table(measured.engines, title=title))
    console.print(searches_table(rows, title=f"searching {title}: {_CELLS}"))


def as_json(measured: Measured) -> dict[str, Any]:
    """Return the figures as they are written to a file."""
    rows = compared(_engine_timings(measured), measured.references)
    engines = {}
    for name, (build, use) in measured.engines.items():
        used = asdict(use)
        del used["timings"]
        engines[name] = {"build": asdict(build), "use": used}
    return {"engines": engines, "searches": [asdict(row) for row in rows]}


def _engine_timings(measured: Measured) -> dict[str, Sequence[Timing]]:
    return {name: use.timings for name, (_, use) in measured.engines.items()}


if __name__ == "__main__":
    main()
