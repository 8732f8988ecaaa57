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

from bench.relevance.asking import (
    BASELINES,
    HELD_OUT,
    OVERALL,
    Answered,
    ask_baseline,
    ask_engine,
    by_class,
)
from bench.relevance.debian import PackagesError, read_catalogue
from bench.relevance.judged import JudgedSet, company_set, debian_set
from bench.relevance.measures import Figures, ndcg, rank
from search_api.processes.logs import configure_logging
from tests.indexer.engines.conformance.engines import ENGINES

_MEASURES = {"ndcg": "nDCG", "mrr": "MRR", "success_1": "S@1", "success_3": "S@3"}
_MEANING = "nDCG@10, mean reciprocal rank, success at 1 and at 3; 1 is the best"
_WIDTH = 180
"""The width of the table without a terminal."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask every engine and baseline the judged queries of both sets and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.relevance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, with every answer")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="and the N worst queries")
    parser.add_argument(
        "--no-pulls",
        action="store_true",
        help="as after a crawl, before any event",
    )
    parser.add_argument(
        "--set-aside",
        action="store_true",
        help="of the queries about Debian's packages ask those that are set aside, not the others",
    )
    given = parser.parse_args(arguments)
    configure_logging("warning", process="relevance")
    company = company_set()
    if given.no_pulls:
        entries = {name: replace(entry, pulls=0) for name, entry in company.entries.items()}
        company = replace(company, entries=entries)
    sets = {"The company's registry": company} | _debian(is_set_aside=given.set_aside)
    answered = {title: answers(judged) for title, judged in sets.items()}
    if given.json:
        figures = {
            title: {name: _json(one) for name, one in of_set.items()}
            for title, of_set in answered.items()
        }
        print(json.dumps(figures, indent=1))  # noqa: T201
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for title, of_set in answered.items():
        console.print(_table(title, {name: by_class(one) for name, one in of_set.items()}))
        for engine in ENGINES if given.worst else ():
            console.print(_worst(engine, of_set[engine], count=given.worst))


def _debian(*, is_set_aside: bool) -> dict[str, JudgedSet]:
    """Return the set about Debian's packages by its title; none if the machine cannot tell it."""
    console = Console(stderr=True)
    try:
        packages = read_catalogue()
    except PackagesError as error:
        console.print(f"Without the queries about Debian's packages, because {error}.")
        return {}
    if packages.missing:
        console.print(f"Without these packages, which apt lacks: {', '.join(packages.missing)}.")
    half = "the half that is set aside" if is_set_aside else "the open half"
    return {f"Debian's packages, {half}": debian_set(packages, is_set_aside=is_set_aside)}


def answers(judged: JudgedSet) -> dict[str, list[Answered]]:
    """Return the answers of each engine and each baseline about a set."""
    found = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory(prefix="relevance-") as directory:
            found[engine] = asyncio.run(ask_engine(Path(directory), engine, judged))
    return found | {name: ask_baseline(name, judged) for name in BASELINES}


def _table(title: str, measured: Mapping[str, Mapping[str, Figures]]) -> Table:
    table = Table(
        title=f"{title}: {_MEANING}", box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True
    )
    table.add_column("class")
    table.add_column("queries", justify="right")
    for system in measured:
        for number, measure in enumerate(_MEASURES.values()):
            header = f"{'' if number else system}\n{measure}"
            table.add_column(header, justify="right", no_wrap=True)
    first = next(iter(measured.values()))
    last_class = [name for name in first if name not in (HELD_OUT, OVERALL)][-1]
    for name, row in first.items():
        of_systems = [figures[name] for figures in measured.values()]
        cells = [f"{getattr(one, key):.2f}" for one in of_systems for key in _MEASURES]
        table.add_row(name, str(row.queries), *cells, end_section=name == last_class)
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
