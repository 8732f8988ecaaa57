"""Searches over HTTP by class of query: the requests, and the times of the answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from rich.table import Table

from bench.load import Outcome
from bench.queries import CLASSES, SEED, TYPES, Ask
from bench.search_load import Asker, Asking
from indexer.model.document import DocumentType
from tests.end_to_end.measures import percentile

CLIENTS = (1, 8)
BARE = "bare handler"
MIXED_OF_NUMBER = 8
"""Mixed searches, as a multiple of those of each class."""


@dataclass(frozen=True, slots=True)
class Row:
    """The times of one class of query; latencies in milliseconds."""

    query: str
    type: str
    clients: int
    p50: float
    p95: float
    p99: float
    per_second: float
    failed: int
    generator: float
    searches: int


def measure_classes(
    asks: Mapping[str, Sequence[Ask]], *, asker: Asker, url: str, bare: str
) -> Iterator[Row]:
    """Ask each class after the other; give a row for each class, type and number of clients."""
    for clients in CLIENTS:
        everything = [_path(ask, DocumentType.IMAGE) for ask in asks["everything"]]
        yield row(BARE, "", clients, asker.ask(Asking(bare, everything, clients)))
        for kind in TYPES:
            for query in CLASSES:
                paths = [_path(ask, kind) for ask in asks[query]]
                yield row(query, kind.value, clients, asker.ask(Asking(url, paths, clients)))
        typed = [_suggest_path(ask) for ask in asks["prefix"]]
        yield row("suggest", "", clients, asker.ask(Asking(url, typed, clients)))


def mixed_paths(asks: Mapping[str, Sequence[Ask]]) -> list[str]:
    """Return searches of all classes and types in any order, the same each time."""
    number = max(map(len, asks.values()))
    paths = [_path(ask, kind) for kind in TYPES for query in CLASSES for ask in asks[query]]
    Random(SEED).shuffle(paths)  # noqa: S311 - the same each time
    return paths[: MIXED_OF_NUMBER * number]


def _suggest_path(ask: Ask) -> str:
    """Return the address of the completions of a word's beginning."""
    return f"/api/v1/suggest?{urlencode({'q': ask.q.rstrip('*')})}"


def _path(ask: Ask, kind: DocumentType) -> str:
    parameters = {"q": ask.q, "type": kind.value, "limit": "25", **ask.parameters}
    return f"/api/v1/search?{urlencode(parameters)}"


def row(query: str, kind: str, clients: int, outcome: Outcome) -> Row:
    """Return an outcome as a row."""
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
        searches=len(outcome.latencies),
    )


def rows_table(rows: Sequence[Row], *, title: str) -> Table:
    """Return rows as a table, each with its ratio to the reference."""
    table = Table(title=title)
    for heading in ("query", "type"):
        table.add_column(heading, no_wrap=True)
    for heading in ("clients", "p50", "p95", "p99", "requests/s", "ratio", "generator"):
        table.add_column(heading, justify="right")
    for one in rows:
        table.add_row(
            one.query,
            one.type,
            f"{one.clients}",
            f"{one.p50:.1f}",
            f"{one.p95:.1f}",
            f"{one.p99:.1f}",
            f"{one.per_second:.0f}",
            ratio(one, rows),
            f"{one.generator:.0%}",
        )
    return table


def ratio(row: Row, rows: Sequence[Row]) -> str:
    """Return the requests a second as a share of the reference's; "" for its own."""
    bare = [one for one in rows if (one.query, one.clients) == (BARE, row.clients)]
    if row.query == BARE or not bare:
        return ""
    return f"{row.per_second / bare[0].per_second:.2f} x"
