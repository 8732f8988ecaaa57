"""Searching over HTTP: how long answers take, by class of query.

``python -m bench.search`` fills a data directory with a corpus, has the real ``regsearch serve``
index it, and asks it from a process of its own, over one kept connection and over eight; beside it
:mod:`bench.bare_search`, a handler that answers one ready page, in the same run. The registry is
away: nothing but searching happens.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from bench.corpus.corpus import Corpus
from bench.corpus.documents import documents
from bench.corpus.fill import fill
from bench.corpus.sizes import SIZES
from bench.load import Outcome
from bench.queries import CLASSES, TYPES, Ask, asks, vocabulary_of
from bench.search_load import Asking
from indexer.model.document import DocumentType
from tests.end_to_end.measures import percentile
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until

START_SECONDS = 60
INDEX_SECONDS = 1_200
CLIENTS = (1, 8)
BARE = "bare handler"
_NOWHERE = "127.0.0.1:9"
_SETTINGS = f"""
[[registry]]
url = "http://{_NOWHERE}"
crawl_interval = "0s"
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one class of query took; latencies in milliseconds."""

    query: str
    type: str
    clients: int
    p50: float
    p95: float
    p99: float
    per_second: float
    failed: int
    generator: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(SIZES), default="small")
    parser.add_argument("--number", type=int, default=200, help="searches of each class")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    rows = measure(given.corpus, number=given.number)
    print_rows(rows, title=f"searching {given.corpus} over HTTP (milliseconds)")
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    failed = [row for row in rows if row.failed]
    if failed:
        sys.exit(f"{failed[0].query}: {failed[0].failed} answers were not 200")


def measure(size: str, *, number: int) -> list[Row]:
    """Fill, index and ask; give a row for each class, type and number of clients."""
    with tempfile.TemporaryDirectory(prefix="bench-search-") as name:
        folder = Path(name)
        with _service(folder, size) as service:
            return list(_rows(folder, service, size, number=number))


def _rows(folder: Path, service: Service, size: str, *, number: int) -> Iterator[Row]:
    made = asks(vocabulary_of(documents(size)), number=number)
    page = folder / "page.json"
    page.write_text(service.get("/api/v1/search", type="image", limit=25).text)
    with _bare(folder, page) as bare:
        for clients in CLIENTS:
            everything = [_path(ask, DocumentType.IMAGE) for ask in made["everything"]]
            yield _row(BARE, "", clients, _ask(bare, everything, clients))
            for kind in TYPES:
                for query in CLASSES:
                    paths = [_path(ask, kind) for ask in made[query]]
                    yield _row(query, kind.value, clients, _ask(service.url, paths, clients))
            typed = [_suggest_path(ask) for ask in made["prefix"]]
            yield _row("suggest", "", clients, _ask(service.url, typed, clients))


def _suggest_path(ask: Ask) -> str:
    """Return the address of what completes the beginning of a word."""
    return f"/api/v1/suggest?{urlencode({'q': ask.q.rstrip('*')})}"


def _path(ask: Ask, kind: DocumentType) -> str:
    parameters = {"q": ask.q, "type": kind.value, "limit": "25", **ask.parameters}
    return f"/api/v1/search?{urlencode(parameters)}"


def _ask(url: str, paths: Sequence[str], clients: int) -> Outcome:
    """Ask from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.search_load"],
        input=json.dumps(asdict(Asking(url, paths, clients))),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


def _row(query: str, kind: str, clients: int, outcome: Outcome) -> Row:
    latencies = outcome.latencies or [0.0]
    p50, p95, p99 = (1_000 * percentile(latencies, each) for each in (50, 95, 99))
    return Row(
        query=query,
        type=kind,
        clients=clients,
        p50=p50,
        p95=p95,
        p99=p99,
        per_second=len(outcome.latencies) / outcome.seconds,
        failed=outcome.refused,
        generator=outcome.processor,
    )


@contextmanager
def _service(folder: Path, size: str) -> Iterator[Service]:
    """Run the service over a corpus, all of which is searchable."""
    service = Service(folder)
    settings = folder / "regsearch.toml"
    settings.write_text(_SETTINGS, "utf-8")
    service.configure(REGSEARCH_CONFIG=str(settings))
    service.data.mkdir()
    fill(
        Corpus(SIZES[size]),
        service.data,
        registry="default",
        url=f"http://{_NOWHERE}",
        registry_host=_NOWHERE,
    )
    try:
        built = service.command("rebuild", seconds=INDEX_SECONDS)
        if built.returncode:
            sys.exit(f"regsearch rebuild: {built.stderr}")
        service.start()
        yield service
    finally:
        service.close()


@contextmanager
def _bare(folder: Path, page: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_search", f"--port={port}", f"--page={page}"]
    program = RunningProgram(command, log=folder / "bare.log")
    try:
        wait_until(lambda: listening(port), START_SECONDS, "bench.bare_search listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.kill()


def print_rows(rows: Sequence[Row], *, title: str) -> None:
    """Print the figures as a table, each with its ratio to the reference."""
    table = Table(title=title)
    for heading in ("query", "type"):
        table.add_column(heading)
    for heading in ("clients", "p50", "p95", "p99", "requests/s", "ratio", "generator"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.query,
            row.type,
            f"{row.clients}",
            f"{row.p50:.1f}",
            f"{row.p95:.1f}",
            f"{row.p99:.1f}",
            f"{row.per_second:.0f}",
            ratio(row, rows),
            f"{row.generator:.0%}",
        )
    Console(width=100).print(table)


def ratio(row: Row, rows: Sequence[Row]) -> str:
    """Return the requests a second as a share of the reference's; "" for its own."""
    if row.query == BARE:
        return ""
    bare = next(one for one in rows if (one.query, one.clients) == (BARE, row.clients))
    return f"{row.per_second / bare.per_second:.2f} x"


if __name__ == "__main__":
    main()
