"""Print measures of the order of results, for each engine and baseline."""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.relevance.asking import BASELINES, Answered, ask_baseline, ask_engine, by_class
from bench.relevance.catalogue import Entry, catalogue
from bench.relevance.measures import Figures, ndcg, rank
from search_api.processes.logs import configure_logging
from tests.indexer.engines.conformance.engines import ENGINES

_MEASURES = {"ndcg": "nDCG", "mrr": "MRR", "success_1": "S@1", "success_3": "S@3"}
_WIDTH = 180
"""The width of the table without a terminal."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask every engine and baseline all judged queries and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.relevance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, with every answer")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="and the N worst queries")
    parser.add_argument(
        "--no-pulls",
        action="store_true",
        help="as after a crawl, before any event",
    )
    given = parser.parse_args(arguments)
    configure_logging("warning", process="relevance")
    entries = catalogue()
    if given.no_pulls:
        entries = {name: replace(entry, pulls=0) for name, entry in entries.items()}
    answered = answers(entries)
    if given.json:
        print(json.dumps({name: _json(one) for name, one in answered.items()}, indent=1))  # noqa: T201
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(_table({name: by_class(one) for name, one in answered.items()}))
    for engine in ENGINES if given.worst else ():
        console.print(_worst(engine, answered[engine], count=given.worst))


def answers(entries: Mapping[str, Entry]) -> dict[str, list[Answered]]:
    """Return the answers of each engine and each baseline about a catalogue."""
    found = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory(prefix="relevance-") as directory:
            found[engine] = asyncio.run(ask_engine(Path(directory), engine, entries=entries))
    return found | {name: ask_baseline(name, entries=entries) for name in BASELINES}


def _table(measured: Mapping[str, Mapping[str, Figures]]) -> Table:
    title = "nDCG@10, mean reciprocal rank, success at 1 and at 3; 1 is the best"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True)
    table.add_column("class")
    table.add_column("queries", justify="right")
    for system in measured:
        for number, measure in enumerate(_MEASURES.values()):
            header = f"{'' if number else system}\n{measure}"
            table.add_column(header, justify="right", no_wrap=True)
    first = next(iter(measured.values()))
    for name, row in first.items():
        of_systems = [figures[name] for figures in measured.values()]
        cells = [f"{getattr(one, key):.2f}" for one in of_systems for key in _MEASURES]
        table.add_row(name, str(row.queries), *cells, end_section=name == list(first)[-3])
    return table


def _worst(engine: str, answered: Sequence[Answered], *, count: int) -> Table:
    table = Table(title=f"The worst queries of {engine}")
    for title in ("query", "class", "nDCG@10", "best at", "first results, with their grades"):
        table.add_column(title)
    ordered = sorted(answered, key=lambda one: ndcg(one.names, one.query.grades))
    for one in ordered[:count]:
        grades = one.query.grades
        shown = [f"{name} {grades.get(name, 0)}" for name in one.names[:4]]
        value, place = ndcg(one.names, grades), rank(one.names, grades)
        cells = (one.query.text, one.query.query_class, f"{value:.2f}", str(place or "-"))
        table.add_row(*cells, "\n".join(shown) or "nothing")
    return table


def _json(answered: Sequence[Answered]) -> dict[str, object]:
    return {
        "figures": {name: asdict(one) for name, one in by_class(answered).items()},
        "answers": [
            {"query": one.query.text, "class": one.query.query_class, "names": one.names}
            for one in answered
        ],
    }


if __name__ == "__main__":
    main()
