"""The targets of the benchmarks, and the table of reached and missed ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

SMALL, PRIMARY, STRESS = "small", "primary", "stress"
WHOOSH, TANTIVY, OPENSEARCH = "whoosh", "tantivy", "opensearch"
ANY = ""

# The figures, as tables and JSON name them.
SEARCH_P95 = "search, the worst class: p95, ms"
ENGINE_SHARE = "the engine's part of an answer's median, the most of all classes"
EIGHT_CLIENTS = "searches/s of eight clients, times those of one, the least of all classes"
REBUILDING = "search while a rebuild runs: p95, times the quiet one"
INDEXING = "rebuild from the store, documents/s"
VISIBLE = "update to visible: p95, s"
PUSH_VISIBLE = "push to found: p95, s"
LARGEST_VISIBLE = "push to the largest repository to found: p95, s"
WEB_MEMORY = "all processes of the web together, shared memory counted once, MB"
INDEXER_MEMORY = "indexer, memory at its peak in a rebuild, MB"
START = "start to first answer, s"
AGAINST_LIKE = "images: times as fast as LIKE, the least of all classes"
AGAINST_CLIENT = "images: times as fast as lists on the client, the least of all classes"
AGAINST_REQUEST = "p95 in the cluster, times that of the bare request, the most of all classes"
ACKNOWLEDGED = "acknowledged: p99 of the burst, ms"
FRESHER = "wrong tags at equal requests, uniform crawls by learned ones"
YOUNGER = "age of tags at equal requests, uniform crawls by learned ones"
RECRAWL_REQUESTS = "requests, learned crawls by uniform ones"
AGAINST_BARE = "events/s of the flood, times the bare handler's"


@dataclass(frozen=True, slots=True)
class Target:
    """The limit of a figure, upper or lower; for any size or engine if none is named."""

    figure: str
    limit: float
    size: str = ANY
    engine: str = ANY
    is_least: bool = False

    def is_reached(self, measured: float) -> bool:
        """Tell whether a figure reaches the target."""
        return measured >= self.limit if self.is_least else measured <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:g}"


TARGETS = (
    Target(SEARCH_P95, 8, SMALL),
    Target(SEARCH_P95, 15, PRIMARY),
    Target(SEARCH_P95, 25, STRESS),
    Target(EIGHT_CLIENTS, 2, is_least=True),
    Target(ENGINE_SHARE, 0.5, engine=TANTIVY),
    Target(REBUILDING, 2),
    Target(INDEXING, 500, engine=WHOOSH, is_least=True),
    Target(INDEXING, 2_500, engine=TANTIVY, is_least=True),
    Target(VISIBLE, 0.5),
    Target(PUSH_VISIBLE, 1.5, PRIMARY, WHOOSH),
    Target(PUSH_VISIBLE, 0.5, PRIMARY),
    Target(PUSH_VISIBLE, 0.5, SMALL),
    Target(LARGEST_VISIBLE, 1),
    Target(WEB_MEMORY, 300, PRIMARY),
    Target(INDEXER_MEMORY, 300, PRIMARY),
    Target(START, 1.5),
    Target(AGAINST_LIKE, 3, PRIMARY, WHOOSH, is_least=True),
    Target(AGAINST_LIKE, 10, PRIMARY, TANTIVY, is_least=True),
    Target(AGAINST_LIKE, 50, STRESS, TANTIVY, is_least=True),
    Target(AGAINST_REQUEST, 3),
    Target(ACKNOWLEDGED, 20),
    Target(AGAINST_BARE, 2, is_least=True),
    Target(FRESHER, 2, is_least=True),
    Target(YOUNGER, 2, is_least=True),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its target, if this size and engine have one."""

    figure: str
    measured: float
    target: str = ""
    reached: bool | None = None


def verdicts(figures: Mapping[str, float], *, size: str = ANY, engine: str = ANY) -> list[Verdict]:
    """Return each figure beside its target, in their order."""
    return [_verdict(figure, measured, size, engine) for figure, measured in figures.items()]


def _verdict(figure: str, measured: float, size: str, engine: str) -> Verdict:
    for target in TARGETS:
        fits = target.size in {ANY, size} and target.engine in {ANY, engine}
        if target.figure == figure and fits:
            return Verdict(figure, measured, str(target), target.is_reached(measured))
    return Verdict(figure, measured)


def targets_table(found: Sequence[Verdict], *, title: str) -> Table:
    """Return figures and their targets as a table."""
    table = Table(title=title)
    table.add_column("figure")
    for heading in ("measured", "target", "reached"):
        table.add_column(heading, justify="right")
    words = {True: "yes", False: "no", None: ""}
    for one in found:
        shown = f"{one.measured:.3g}" if one.measured < 100 else f"{one.measured:,.0f}"
        table.add_row(one.figure, shown, one.target, words[one.reached])
    return table
