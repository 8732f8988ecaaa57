"""Searching over HTTP: the real service over a corpus, quiet and while a rebuild runs.

``python -m bench.search`` fills a data directory with a corpus, or copies one that ``python -m
bench.corpus store`` made. It measures in this order:

- ``regsearch rebuild`` from the store;
- the start of ``regsearch serve`` with that search index, until it answers a search;
- searches by class of query, from a process of its own over one kept connection and over eight;
  beside it :mod:`bench.bare_search`, a handler with one ready page;
- the memory of all processes of the web, and of the indexer;
- searches of all classes mixed, with one client, quiet and while ``regsearch rebuild`` runs (not
  at *stress*, because it takes too long);
- pushes, until they are found (:mod:`bench.search_updates`).

With ``--rights`` it measures what rights cost instead (:mod:`bench.search_rights`).

The engine ``opensearch`` has a cluster of one node, started for it; the memory of the node is not
measured. All programs share the processors of one machine. The registry is silent.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import targets
from bench.corpus.sizes import SIZES
from bench.engine_material import Material, material
from bench.engine_measures import ENGINES, LOCAL_ENGINES
from bench.memory import ProcessMemory, peak, read_memory, resident, share
from bench.queries import CLASSES
from bench.search_load import Asker, Asking
from bench.search_rights import MANY, measure_rights, print_rights
from bench.search_rows import (
    BARE,
    CLIENTS,
    Row,
    measure_classes,
    mixed_paths,
    row,
    rows_table,
)
from bench.search_service import (
    Built,
    count_documents,
    engine_alone,
    rebuild,
    service_over,
    start,
)
from bench.search_updates import Pushes, measure_pushes, serve_pushes
from bench.timings import Timing
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until
from tests.opensearch.cluster import SHIPPED, cluster_for

START_SECONDS = 60
REBUILD_SECONDS = 7_200
QUIET, REBUILDING = "mixed", "mixed, while rebuilding"


@dataclass(frozen=True, slots=True)
class Run:
    """All measurements of one engine.

    ``extracted_seconds`` are those of the first rebuild, which also extracts what images say.
    ``in_process`` are searches of the same search index without HTTP. ``rebuild_seconds`` is the
    rebuild beside searches. Memory is that of the web after all quiet searches and at the end, and
    that of the indexer before its rebuild and at the end.
    """

    size: str
    engine: str
    extracted_seconds: float
    built: Built
    start_seconds: float
    rows: Sequence[Row]
    in_process: Sequence[Timing]
    mixed: Row
    mixed_rebuilding: Row | None
    rebuild_seconds: float
    web: Sequence[ProcessMemory]
    web_at_end: Sequence[ProcessMemory]
    indexer: Sequence[ProcessMemory]
    indexer_at_end: Sequence[ProcessMemory]
    pushes: Sequence[Pushes]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(SIZES), default="small")
    parser.add_argument("--engine", choices=ENGINES, default=next(iter(ENGINES)))
    parser.add_argument("--number", type=int, default=200, help="searches of each class")
    parser.add_argument("--store", type=Path, metavar="DIR", help="a data directory to copy")
    parser.add_argument("--material", type=Path, metavar="DIR", help="made queries, kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    parser.add_argument(
        "--rights",
        action="store_true",
        help="searches with rights beside those without, and no other",
    )
    given = parser.parse_args(arguments)
    if given.rights:
        _measure_rights(given.material, number=given.number, figures=given.json)
        return
    with (
        cluster_for(given.engine, java=SHIPPED),
        material(given.corpus, number=given.number, folder=given.material) as made,
    ):
        run = measure(given.corpus, made, engine=given.engine, store=given.store)
    print_run(run)
    if given.json:
        given.json.write_text(json.dumps(as_json(run), indent=2) + "\n")
    failed = [one for one in (*run.rows, *_mixed(run)) if one.failed]
    if failed:
        sys.exit(f"{failed[0].query}: {failed[0].failed} answers were not 200")


def _measure_rights(kept: Path | None, *, number: int, figures: Path | None) -> None:
    """Search files with rights and without; the search indexes are kept too."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-rights-") as name,
        material(MANY, number=number, folder=kept) as made,
    ):
        folder = kept or Path(name)
        rows = [
            row
            for each in LOCAL_ENGINES
            for row in measure_rights(made, folder / each, engine=each)
        ]
    print_rights(rows)
    if figures:
        figures.write_text(json.dumps([asdict(one) for one in rows], indent=2) + "\n")


def measure(size: str, made: Material, *, engine: str, store: Path | None) -> Run:
    """Index a corpus, search it, search it while it is indexed again, and push to it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-search-") as name,
        serve_pushes() as pushes,
        Asker() as asker,
        service_over(size, Path(name), engine=engine, registry=pushes.url, store=store) as service,
    ):
        extracted_seconds = rebuild(service).seconds
        # What the first one extracted is not extracted again.
        built = rebuild(service)
        started = start(service)
        built = replace(built, documents=count_documents(service))
        asks, paths = made.asks(), mixed_paths(made.asks())
        with _bare(Path(name), service) as bare:
            rows = list(measure_classes(asks, asker=asker, url=service.url, bare=bare))
        in_process = engine_alone(service.data, asks)
        quiet = row(QUIET, "", 1, asker.ask(Asking(service.url, paths, 1)))
        web, indexer = (read_memory(service.child_pid(each)) for each in ("web", "indexer"))
        busy, seconds = None, 0.0
        if size != targets.STRESS:
            busy, seconds = _while_rebuilding(Path(name), service, paths, asker=asker)
        at_end = [read_memory(service.child_pid(each)) for each in ("web", "indexer")]
        pushed = measure_pushes(size, partial(pushes.push, service), number=made.number // 4)
    return Run(
        size=size,
        engine=engine,
        extracted_seconds=extracted_seconds,
        built=built,
        start_seconds=started,
        rows=rows,
        in_process=in_process,
        mixed=quiet,
        mixed_rebuilding=busy,
        rebuild_seconds=seconds,
        web=web,
        web_at_end=at_end[0],
        indexer=indexer,
        indexer_at_end=at_end[1],
        pushes=pushed,
    )


def _while_rebuilding(
    folder: Path, service: Service, paths: Sequence[str], *, asker: Asker
) -> tuple[Row, float]:
    """Search while ``regsearch rebuild`` runs; return the outcome and the rebuild's seconds."""
    started = time.perf_counter()
    program = service.command_in_background("rebuild", log=folder / "rebuild.log")
    try:
        service.wait_until(partial(_is_rebuilding, service), START_SECONDS, "a rebuild runs")
        outcome = asker.ask(Asking(service.url, paths, 1, while_runs=program.pid))
        status = program.wait(REBUILD_SECONDS)
        if status != 0:
            sys.exit(f"regsearch rebuild ended with {status}")
    finally:
        program.kill()
    return row(REBUILDING, "", 1, outcome), time.perf_counter() - started


def _is_rebuilding(service: Service) -> bool:
    return service.get("/api/v1/status").json()["search_index"]["rebuild"] is not None


@contextmanager
def _bare(folder: Path, service: Service) -> Iterator[str]:
    """Serve one page of the service with the bare handler."""
    page = folder / "page.json"
    page.write_text(service.get("/api/v1/search", type="image", limit=25).text)
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_search", f"--port={port}", f"--page={page}"]
    program = RunningProgram(command, log=folder / "bare.log")
    try:
        wait_until(lambda: listening(port), START_SECONDS, "bench.bare_search listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.kill()


def _mixed(run: Run) -> Sequence[Row]:
    return [run.mixed, *([run.mixed_rebuilding] if run.mixed_rebuilding else [])]


def figures(run: Run) -> dict[str, float]:
    """Return the figures besides those of the classes; one with a target has the target's name."""
    some, largest = run.pushes
    built, busy = run.built, run.mixed_rebuilding
    rebuilding = (
        {
            "the same while a rebuild runs: p50, ms": busy.p50,
            "the same while a rebuild runs: p95, ms": busy.p95,
            "the same while a rebuild runs: p99, ms": busy.p99,
            targets.REBUILDING: busy.p95 / run.mixed.p95,
            "rebuild beside searches, seconds": run.rebuild_seconds,
        }
        if busy
        else {}
    )
    return {
        "documents": built.documents,
        targets.INDEXING: built.documents / built.seconds,
        "the same, seconds": built.seconds,
        "the same, seconds of the processor": built.processor_seconds,
        "the first one, which also extracts, seconds": run.extracted_seconds,
        "disk of the search index, MB": built.index_bytes / 1e6,
        "disk of the store, MB": built.store_bytes / 1e6,
        targets.START: run.start_seconds,
        targets.SEARCH_P95: worst(run.rows).p95,
        targets.EIGHT_CLIENTS: least_gain(run.rows),
        targets.ENGINE_SHARE: engine_share(run.rows, run.in_process),
        "mixed searches: p50, ms": run.mixed.p50,
        "mixed searches: p95, ms": run.mixed.p95,
        "mixed searches: p99, ms": run.mixed.p99,
        **rebuilding,
        "push to found: p50, s": some.p50,
        targets.PUSH_VISIBLE: some.p95,
        "push to found: longest, s": some.longest,
        "push to the largest repository to found: p50, s": largest.p50,
        targets.LARGEST_VISIBLE: largest.p95,
        "the largest process of the web, memory after all searches, MB": max(
            one.resident for one in run.web
        ),
        targets.WEB_MEMORY: share(run.web),
        "web, memory at its peak, MB": peak(run.web_at_end),
        "indexer, memory at rest, MB": resident(run.indexer),
        targets.INDEXER_MEMORY: peak(run.indexer_at_end),
    }


def worst(rows: Sequence[Row]) -> Row:
    """Return the slowest class of one client."""
    return max(_searches(rows, clients=1), key=lambda one: one.p95)


def least_gain(rows: Sequence[Row]) -> float:
    """Return how many times the searches of one client all clients do a second, at least."""
    alone = {(one.query, one.type): one.per_second for one in _searches(rows, clients=CLIENTS[0])}
    together = _searches(rows, clients=CLIENTS[-1])
    return min(one.per_second / alone[one.query, one.type] for one in together)


def engine_share(rows: Sequence[Row], in_process: Sequence[Timing]) -> float:
    """Return the engine's largest share of a median over HTTP, over all classes."""
    alone = {(one.query, one.type): one.p50 for one in in_process}
    counted = _searches(rows, clients=1)
    return max(alone[one.query, one.type] / one.p50 for one in counted)


def _searches(rows: Sequence[Row], *, clients: int) -> list[Row]:
    return [one for one in rows if one.clients == clients and one.query in CLASSES]


def as_json(run: Run) -> dict[str, Any]:
    """Return a run for a file."""
    found = targets.verdicts(figures(run), size=run.size, engine=run.engine)
    return {**asdict(run), "figures": [asdict(one) for one in found]}


def print_run(run: Run) -> None:
    """Print the searches by class, the processes, and the figures beside their targets."""
    title = f"{run.size}, {run.engine}"
    console = Console(width=110)
    searches = f"searching {title}, over HTTP (milliseconds)"
    bare = [one for one in run.rows if one.query == BARE and one.clients == 1]
    console.print(rows_table(run.rows, title=searches))
    console.print(rows_table([*bare, *_mixed(run)], title=searches))
    console.print(_processes(run, title=f"processes, {title} (MB)"))
    found = targets.verdicts(figures(run), size=run.size, engine=run.engine)
    slowest = worst(run.rows)
    console.print(targets.targets_table(found, title=f"{title}: what must be reached"))
    console.print(f"the worst class is {slowest.query} of type {slowest.type}")


def _processes(run: Run, *, title: str) -> Table:
    table = Table(title=title)
    for heading in ("when", "process"):
        table.add_column(heading, no_wrap=True)
    for heading in ("resident", "its share", "peak"):
        table.add_column(heading, justify="right")
    moments: Mapping[str, Sequence[ProcessMemory]] = {
        "after quiet searches": (*run.web, *run.indexer),
        "after the rebuild": (*run.web_at_end, *run.indexer_at_end),
    }
    for when, processes in moments.items():
        for one in processes:
            cells = (f"{value:.0f}" for value in (one.resident, one.share, one.peak))
            table.add_row(when, one.name, *cells)
    return table


if __name__ == "__main__":
    main()
