"""Receiving: the speed of acknowledging notifications, alone and during a backfill.

``python -m bench.receive`` runs the real ``regsearch serve`` over a registry in memory. Another
process sends four loads (:mod:`bench.load` explains why it never limits the result):

- *burst*: 1,000 events within one second;
- *flood*: 1,000 events as fast as the connections get their answers;
- *steady*: 200 events a second for ten seconds;
- *pulls*: 1,000 downloads a second for five seconds, which are only counted.

Each load runs alone, and while ``regsearch backfill`` reads the registry for the first time. In the
same conditions it runs against :mod:`bench.bare`, a handler that commits one row a request. The
service, the generator and the registry share the processors of one machine. Afterwards the service
is killed, and the events in ``journal.db`` and all pulls are counted. Their number must be that of
the acknowledged ones.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import targets
from bench.load import Outcome, Plan
from tests.end_to_end.measures import percentile
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram
from tests.end_to_end.service import WEBHOOK_SECRET, Service
from tests.end_to_end.waiting import wait_until

SERVICE = "regsearch"
BARE = "bare"
START_SECONDS = 60
_PERCENTILES = (50, 99, 100)


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of load; ``per_second`` 0 means as fast as possible."""

    name: str
    events: int
    per_second: int
    are_pulls: bool = False


LOADS = (
    Load("burst", events=1_000, per_second=1_000),
    Load("flood", events=1_000, per_second=0),
    Load("steady", events=2_000, per_second=200),
    Load("pulls", events=5_000, per_second=1_000, are_pulls=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one receiver under one load; latencies in milliseconds.

    ``backfill`` tells whether a backfill ran at the first event, and ``to_the_end`` whether it ran
    at the last. ``processor`` is the share of one processor that the generator used.
    """

    load: str
    receiver: str
    backfill: bool
    to_the_end: bool
    events_per_second: float
    p50: float
    p99: float
    longest: float
    acknowledged: int
    refused: int
    durable: int
    processor: float


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line; ``shrink`` divides the events, down to those of a second."""

    connections: int
    repositories: int
    shrink: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.receive", description=__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--repositories", type=int, default=1_500)
    parser.add_argument(
        "--shrink", type=int, default=1, help="send so many times fewer events, 1,000 at least"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    rows = measure(Options(given.connections, given.repositories, given.shrink))
    print_rows(rows)
    found = targets.verdicts(figures(rows))
    Console().print(targets.targets_table(found, title="receiving"))
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    lost = [row for row in rows if row.durable != row.acknowledged]
    if lost:
        sys.exit(f"{lost[0].load}: {lost[0].acknowledged} acknowledged, {lost[0].durable} kept")


def measure(options: Options) -> list[Row]:
    """Run every load alone and during a backfill, on both receivers."""
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="regsearch-bench-") as name,
        _registry(Path(name), options.repositories) as registry,
    ):
        for backfill in (False, True):
            for number, load in enumerate(LOADS):
                folder = Path(name) / f"{number}-{backfill}"
                folder.mkdir()
                rows += _measure_load(folder, load, registry, options, backfill=backfill)
    return rows


def _measure_load(
    folder: Path, load: Load, registry: str, options: Options, *, backfill: bool
) -> Iterator[Row]:
    """Give a row for each receiver, both under the same conditions.

    Each load gets a service of its own, so every backfill is a first one. A later backfill reads
    less and indexes nothing.
    """
    with _bare(folder) as bare, _service(folder, registry) as service:
        if not backfill:
            service.wait_until_idle(START_SECONDS)
        else:
            service.wait_until(lambda: _is_crawling(service), START_SECONDS, "a crawl has begun")
        with _backfill(service, folder, wanted=backfill):
            ours, ours_backfill = _send(service.receiver.url, load, options), _is_crawling(service)
            others, others_backfill = _send(f"{bare}/", load, options), _is_crawling(service)
        service.close()
    durable = _count_pulls(service.data) if load.are_pulls else _count_pushes(service.data)
    yield _row(load, SERVICE, ours, durable, backfill=backfill, to_the_end=ours_backfill)
    durable = _number(folder / "bare.db", "SELECT count(*) FROM entries")
    yield _row(load, BARE, others, durable, backfill=backfill, to_the_end=others_backfill)


def _is_crawling(service: Service) -> bool:
    freshness = service.freshness()
    return freshness.first_backfill_running and freshness.refreshes_waiting > 0


def _send(url: str, load: Load, options: Options) -> Outcome:
    """Send a load from a process of its own."""
    plan = Plan(
        url=url,
        authorization=f"Bearer {WEBHOOK_SECRET}",
        label=load.name,
        events=max(load.per_second or load.events, load.events // options.shrink),
        per_second=load.per_second,
        connections=options.connections,
        repositories=options.repositories,
        are_pulls=load.are_pulls,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(plan)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


def _row(
    load: Load,
    receiver: str,
    outcome: Outcome,
    durable: int,
    *,
    backfill: bool,
    to_the_end: bool,
) -> Row:
    p50, p99, longest = (1_000 * percentile(outcome.latencies, each) for each in _PERCENTILES)
    return Row(
        load=load.name,
        receiver=receiver,
        backfill=backfill,
        to_the_end=to_the_end,
        events_per_second=len(outcome.latencies) / outcome.seconds,
        p50=p50,
        p99=p99,
        longest=longest,
        acknowledged=len(outcome.latencies),
        refused=outcome.refused,
        durable=durable,
        processor=outcome.processor,
    )


def _count_pushes(data: Path) -> int:
    """Count the rows of the load; the request for the backfill is an entry too."""
    return _number(data / "journal.db", "SELECT count(*) FROM entries WHERE action = 'push'")


def _count_pulls(data: Path) -> int:
    """Add up the pulls in the store and in the batches that are not in it yet."""
    moved = "SELECT coalesce(sum(pulls), 0) FROM pulls WHERE digest <> ''"
    position = _number(data / "store.db", "SELECT max(position * (name = 'pulls')) FROM positions")
    waiting = f"SELECT coalesce(sum(pulls), 0) FROM pulls WHERE batch > {position}"  # noqa: S608
    return _number(data / "store.db", moved) + _number(data / "journal.db", waiting)


def _number(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        (found,) = connection.execute(query).fetchone()
    return int(found or 0)


@contextmanager
def _registry(folder: Path, repositories: int) -> Iterator[str]:
    port = free_port()
    words = [f"--port={port}", f"--repositories={repositories}"]
    with _program("bench.registry", words, port=port, log=folder / "registry.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _bare(folder: Path) -> Iterator[str]:
    port = free_port()
    words = [f"--port={port}", f"--database={folder / 'bare.db'}"]
    with _program("bench.bare", words, port=port, log=folder / "bare.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _program(module: str, words: Sequence[str], *, port: int, log: Path) -> Iterator[None]:
    program = RunningProgram([sys.executable, "-m", module, *words], log=log)
    try:
        wait_until(lambda: listening(port), START_SECONDS, f"{module} listens")
        yield
    finally:
        program.kill()


@contextmanager
def _service(folder: Path, registry: str) -> Iterator[Service]:
    service = Service(folder)
    settings = folder / "regsearch.toml"
    settings.write_text(
        # A second process would begin when the first answers, and needs half a second to import.
        f'search_processes = 1\n[[registry]]\nurl = "{registry}"\ncount_pulls = true\n',
        "utf-8",
    )
    service.configure(REGSEARCH_CONFIG=str(settings))
    try:
        service.start()
        yield service
    except AssertionError:
        sys.stderr.write(service.log_text())
        raise
    finally:
        service.close()


@contextmanager
def _backfill(service: Service, folder: Path, *, wanted: bool) -> Iterator[None]:
    """Run ``regsearch backfill`` from before the load to after it."""
    if not wanted:
        yield
        return
    backfill = service.command_in_background("backfill", log=folder / "backfill.log")
    try:
        yield
    finally:
        backfill.kill()


def print_rows(rows: Sequence[Row]) -> None:
    """Print the figures as a table, each of ours with its ratio to the reference."""
    table = Table(title="receiving notifications (milliseconds until the acknowledgement)")
    for heading in ("load", "backfill", "receiver"):
        table.add_column(heading)
    for heading in (
        "events/s",
        "p50",
        "p99",
        "max",
        "acknowledged",
        "durable",
        "ratio",
        "generator",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.load,
            _backfill_words(row),
            row.receiver,
            f"{row.events_per_second:.0f}",
            f"{row.p50:.1f}",
            f"{row.p99:.1f}",
            f"{row.longest:.1f}",
            f"{row.acknowledged}" + (f" (+{row.refused} refused)" if row.refused else ""),
            f"{row.durable}",
            ratio(row, rows),
            f"{row.processor:.0%}",
        )
    Console(width=120).print(table)


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures with targets: the worse of alone and during a backfill."""
    bursts = [one.p99 for one in rows if (one.load, one.receiver) == ("burst", SERVICE)]
    floods = [(one, find_bare(one, rows)) for one in rows if one.load == "flood"]
    return {
        targets.ACKNOWLEDGED: max(bursts),
        targets.AGAINST_BARE: min(
            one.events_per_second / bare.events_per_second
            for one, bare in floods
            if one.receiver == SERVICE
        ),
    }


def _backfill_words(row: Row) -> str:
    if not row.backfill:
        return "no"
    return "running" if row.to_the_end else "ended"


def ratio(row: Row, rows: Sequence[Row]) -> str:
    """Return the events a second relative to the reference; "" for the reference itself."""
    if row.receiver == BARE:
        return ""
    bare = find_bare(row, rows)
    return f"{row.events_per_second / bare.events_per_second:.2f} x"


def find_bare(row: Row, rows: Sequence[Row]) -> Row:
    """Return the row of the reference under the same load and conditions."""
    return next(
        other
        for other in rows
        if other.receiver == BARE and (other.load, other.backfill) == (row.load, row.backfill)
    )


if __name__ == "__main__":
    main()
