"""The figures of engines as tables: a row for each class of query, a column for each engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.engine_measures import Build, Use
from bench.references import ClientFilter, Like
from bench.timings import Timing

NOTHING = "-"
"""The cell of an engine or reference that cannot answer a class of query."""
COMPARED_WITH = (Like.name, ClientFilter.name)


@dataclass(frozen=True, slots=True)
class Row:
    """One class of query: its times, and the ratios of references to engines.

    ``timings`` are by engine or reference, ``ratios`` by engine, then by reference; those that
    cannot answer the class are missing. Ratios are of the medians of processor time. On a busy
    machine slow calls wait more often, so clock times flatter quick engines.
    """

    query: str
    type: str
    timings: Mapping[str, Timing]
    ratios: Mapping[str, Mapping[str, float]]


def compared(
    engines: Mapping[str, Sequence[Timing]], references: Mapping[str, Sequence[Timing]]
) -> list[Row]:
    """Return a row for each class and type, in the order of the first engine."""
    by_class: dict[tuple[str, str], dict[str, Timing]] = {}
    for name, timings in {**engines, **references}.items():
        for one in timings:
            by_class.setdefault((one.query, one.type), {})[name] = one
    return [
        Row(query, kind, timings, {engine: _ratios(timings, engine) for engine in engines})
        for (query, kind), timings in by_class.items()
    ]


def _ratios(timings: Mapping[str, Timing], engine: str) -> dict[str, float]:
    return {
        name: timings[name].processor_p50 / timings[engine].processor_p50
        for name in COMPARED_WITH
        if name in timings and engine in timings
    }


def figures_table(engines: Mapping[str, tuple[Build, Use]], *, title: str) -> Table:
    """Return the figures of each engine besides searching."""
    table = Table(title=title)
    table.add_column("what")
    for name in engines:
        table.add_column(name, justify="right")
    rows = [_figures(build, use) for build, use in engines.values()]
    for label in rows[0]:
        table.add_row(label, *(row[label] for row in rows))
    return table


def _figures(build: Build, use: Use) -> dict[str, str]:
    return {
        "documents": f"{build.documents}",
        "build: seconds": f"{build.seconds:.1f}",
        "build: seconds of the processor": f"{build.processor_seconds:.1f}",
        "build: documents/s": f"{build.documents / build.seconds:.0f}",
        "build: memory at the peak, MB": f"{build.memory_mb:.0f}",
        "disk, MB": f"{build.disk_bytes / 1e6:.1f}",
        "start to first answer, s": f"{use.start_seconds:.3f}",
        "memory after all searches, MB": f"{use.memory_mb:.0f}",
        "update to visible, ms: p50": f"{use.update_p50:.1f}",
        "update to visible, ms: p95": f"{use.update_p95:.1f}",
        "update to visible, ms: longest": f"{use.update_max:.1f}",
    }


def searches_table(rows: Sequence[Row], *, title: str) -> Table:
    """Return all classes with all timings and the ratios of references to engines."""
    engines = list(rows[0].ratios)
    names = list(dict.fromkeys([*engines, *(name for row in rows for name in row.timings)]))
    table = Table(title=title)
    for heading in ("query", "type"):
        table.add_column(heading, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for engine in engines:
        for reference in COMPARED_WITH:
            table.add_column(f"{reference}: {engine}", justify="right")
    for row in rows:
        cells = [_cell(row.timings.get(name), is_short=name not in engines) for name in names]
        factors = [
            _factor(row.ratios[engine].get(reference))
            for engine in engines
            for reference in COMPARED_WITH
        ]
        table.add_row(row.query, row.type, *cells, *factors)
    return table


def _cell(one: Timing | None, *, is_short: bool) -> str:
    if one is None:
        return NOTHING
    if is_short:
        return f"{one.p50:.2f} {one.p95:.2f}"
    return f"{one.p50:.2f} {one.p95:.2f} {one.p99:.2f} ({one.processor_p95:.2f})"


def _factor(ratio: float | None) -> str:
    return f"{ratio:.1f} x" if ratio is not None else NOTHING
