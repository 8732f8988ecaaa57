"""A search index of a million documents in a cluster of OpenSearch, beside bare requests.

``python -m bench.cluster`` starts nodes on this machine, writes the documents as the indexer does,
and searches them by class of query. In the same run each query is also asked as the bare request:
what somebody would write by hand to find the same documents (:mod:`bench.cluster_bare`). Both must
find as many.

All nodes and this process share the processors of one machine.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import targets
from bench.cluster_bare import (
    Body,
    bare_correction,
    bare_request,
    large_request,
    met_request,
)
from bench.corpus.sizes import SIZES
from bench.engine_material import material
from bench.engine_measures import GENERATION, Build, build, some_images, updates
from bench.engine_searches import answer, corrected, parsed
from bench.queries import CLASSES, TYPES, Ask, asks, make_vocabulary
from bench.references import LIMIT
from bench.scaled import scaled
from bench.targets import OPENSEARCH
from indexer.engines import IndexReader
from indexer.engines.opensearch import ClusterAddress, IndexShape, OpenSearchEngine
from indexer.engines.opensearch.client import Cluster as Client
from indexer.engines.opensearch.engine import PREFIX
from indexer.engines.opensearch.generation import GenerationIndexes
from indexer.engines.ranking import Places, answer_by_images, asks_images
from indexer.model import Document, DocumentType, Query, Word
from tests.children import ChildError
from tests.end_to_end.measures import percentile
from tests.opensearch.cluster import SHIPPED, Cluster, find_java, running
from tests.programs import find_program

WARM_UP = 10
"""Queries of each class that are asked before all, and again before it, and not measured."""
_SAMPLE = 5_000
"""Documents from which queries are drawn."""
UPDATES = 100
"""Images that are changed, one after the other."""
_MADE = "made.json"
_TYPO = "typo"


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds until an answer."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Row:
    """A class of query: ours, and the bare request. ``found`` is the median of all totals."""

    query: str
    type: str
    found: float
    ours: Times
    bare: Times
    searches: int
    differ: Sequence[str]
    """The queries of which both did not find as many."""

    @property
    def ratio(self) -> float:
        """How many times the 95th percentile of the bare request ours is."""
        return self.ours.p95 / self.bare.p95


@dataclass(frozen=True, slots=True)
class Run:
    """A cluster that was filled and searched."""

    version: str
    nodes: int
    shape: IndexShape
    build: Build
    rows: Sequence[Row]
    updates: Times
    """Until an image that changed is found."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand; exit with 1 if a number found differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--number", type=int, default=100, help="searches of each class")
    parser.add_argument("--corpus", choices=sorted(SIZES), default="primary", help="what is copied")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keeps the filled cluster there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    with (
        _folder(given.keep) as folder,
        material(given.corpus, number=1, folder=folder / "material") as made,
        _cluster(folder, nodes=given.nodes) as cluster,
    ):
        run = measure(
            cluster,
            folder,
            base=list(made.documents()),
            number=given.documents,
            searches=given.number,
        )
    print_run(run)
    if given.json:
        figures = [asdict(one) for one in _verdicts(run)]
        given.json.write_text(json.dumps({**asdict(run), "figures": figures}, indent=2) + "\n")
    if different := [query for row in run.rows for query in row.differ]:
        sys.exit(f"not as many were found as by the bare request: {', '.join(different)}")


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="bench-cluster-") as name:
        yield Path(name)


@contextmanager
def _cluster(folder: Path, *, nodes: int) -> Iterator[Cluster]:
    path = find_program(OPENSEARCH)
    if path is None or not find_java(OPENSEARCH):
        sys.exit("OpenSearch or Java is missing: make programs")
    try:
        with running(path, folder / "nodes", nodes=nodes, java=SHIPPED) as cluster:
            yield cluster
    except ChildError as error:
        sys.exit(str(error))


def measure(
    cluster: Cluster,
    folder: Path,
    *,
    base: Sequence[Document],
    number: int,
    searches: int,
) -> Run:
    """Fill the cluster with copies of ``base``, or take what ``folder`` keeps, and search it.

    ValueError if that is another number of documents, or has fewer queries.
    """
    nodes = len(cluster.urls)
    shape = IndexShape(shards=nodes, replicas=min(1, nodes - 1))
    engine = OpenSearchEngine(folder, ClusterAddress(tuple(cluster.urls), timeout=60), shape=shape)
    made = folder / _MADE
    if not made.exists():
        made.write_text(json.dumps(_fill(engine, base, number, searches)))
    kept = json.loads(made.read_text())
    built = Build(**kept["build"])
    if built.documents != number or kept["searches"] < searches:
        raise ValueError(f"{folder} keeps {built.documents} documents, {kept['searches']} queries")
    asked = {query: [Ask(**ask) for ask in some[:searches]] for query, some in kept["asks"].items()}
    cluster.wait()
    with (
        closing(engine.open_reader(GENERATION)) as reader,
        closing(Client(ClusterAddress(tuple(cluster.urls), timeout=60))) as client,
    ):
        # A node that has just started compiles what it does often.
        list(_rows(reader, client, {query: some[:WARM_UP] for query, some in asked.items()}))
        rows = list(_rows(reader, client, asked))
        with closing(engine.open_writer(GENERATION)) as writer:
            taken = [1_000 * one for one in updates(writer, reader, _changed(base))]
    times = Times(percentile(taken, 50), percentile(taken, 95))
    return Run(cluster.version, nodes, shape, built, rows, times)


def _fill(
    engine: OpenSearchEngine, base: Sequence[Document], number: int, searches: int
) -> dict[str, Any]:
    """Write the documents; return the cost, and queries drawn from some of them."""
    sample: list[Document] = []
    step = max(1, number // _SAMPLE)

    def sampled() -> Iterator[Document]:
        for place, document in enumerate(scaled(base, number)):
            if place % step == 0:
                sample.append(document)
            yield document

    built = build(engine, sampled())
    made = asks(make_vocabulary(sample), number=searches)
    plain = {query: [asdict(ask) for ask in some] for query, some in made.items()}
    return {"build": asdict(built), "searches": searches, "asks": plain}


def _changed(base: Sequence[Document]) -> Iterator[tuple[Document, Document]]:
    """Yield some images, each with the document of its repository."""
    count = sum(one.key.type is DocumentType.IMAGE for one in base)
    return some_images(base, count, number=min(UPDATES, count))


def _rows(reader: IndexReader, client: Client, asked: Mapping[str, Sequence[Ask]]) -> Iterator[Row]:
    bare = _Bare(client, GenerationIndexes(PREFIX, GENERATION))
    for kind in TYPES:
        for query in CLASSES:
            ours = partial(_ours, reader, kind, query)
            search = bare.corrected if query == _TYPO else bare.search
            yield _row(query, kind, asked[query], ours, partial(search, kind))


def _row(
    query: str,
    kind: DocumentType,
    some: Sequence[Ask],
    ours: Callable[[Ask], int],
    bare: Callable[[Query, Ask], int],
) -> Row:
    """Ask each query both ways, each way first every other time."""
    taken: tuple[list[float], list[float]] = [], []
    totals, differ = list[int](), list[str]()
    # The bare request is not made out of a typed text.
    asked = [(ask, parsed(ask)) for ask in some]
    warm_up = asked[:WARM_UP]
    for number, (ask, tree) in enumerate([*warm_up, *asked]):
        calls = [partial(ours, ask), partial(bare, tree, ask)]
        found = {}
        for which in (0, 1) if number % 2 else (1, 0):
            started = time.perf_counter()
            found[which] = calls[which]()
            if number >= len(warm_up):
                taken[which].append(1_000 * (time.perf_counter() - started))
        totals.append(found[0])
        # A correction may be another one.
        if query != _TYPO and found[0] != found[1]:
            differ.append(f"{ask.q!r} of type {kind}: {found[0]}, not {found[1]}")
    of_ours, of_bare = (Times(percentile(one, 50), percentile(one, 95)) for one in taken)
    return Row(
        query,
        kind.value,
        found=statistics.median(totals),
        ours=of_ours,
        bare=of_bare,
        searches=len(some),
        differ=list(dict.fromkeys(differ)),
    )


def _ours(reader: IndexReader, kind: DocumentType, query: str, ask: Ask) -> int:
    search = corrected if query == _TYPO else answer
    return search(reader, kind, ask).total


class _Bare:
    """Asks bare requests, and returns how many documents they found."""

    def __init__(self, client: Client, indexes: GenerationIndexes) -> None:
        self._client = client
        self._indexes = indexes

    def search(self, kind: DocumentType, query: Query, ask: Ask) -> int:
        """Search; a condition on large repositories is asked of their images before."""
        if kind is DocumentType.REPOSITORY and asks_images(query):
            query = answer_by_images(query, self._met)
        return self._total(self._ask(kind, bare_request(query, ask, limit=LIMIT)))

    def corrected(self, kind: DocumentType, query: Query, ask: Ask) -> int:
        """Search with a suggestion; if nothing is found, search for what is suggested."""
        del query
        found = self._ask(kind, bare_correction(ask.q, limit=LIMIT))
        suggested = found["suggest"]["right"]
        options = suggested[0]["options"] if suggested else []
        if self._total(found) or not options:
            return self._total(found)
        return self.search(kind, Word(options[0]["text"]), ask)

    def _met(self, asked: Query) -> Places:
        hits = self._ask(DocumentType.REPOSITORY, large_request())["hits"]["hits"]
        large = [place for hit in hits for place in hit["fields"]["place"]]
        found = self._ask(DocumentType.IMAGE, met_request(asked, large))
        places = (one["key"] for one in found["aggregations"]["met"]["buckets"])
        return frozenset((one[0], one[2]) for one in (each.partition("\n") for each in places))

    def _ask(self, kind: DocumentType, body: Body) -> Any:
        return self._client.search(self._indexes.alias(kind), body)

    @staticmethod
    def _total(answer: Any) -> int:
        total: int = answer["hits"]["total"]["value"]
        return total


def _verdicts(run: Run) -> list[targets.Verdict]:
    return targets.verdicts(
        {
            "documents": run.build.documents,
            "written, documents/s": run.build.documents / run.build.seconds,
            "the same, seconds": run.build.seconds,
            "the same, seconds of this process": run.build.processor_seconds,
            "size with all copies, MB": run.build.disk_bytes / 1e6,
            "an image changed until it is found: p50, ms": run.updates.p50,
            "the same: p95, ms": run.updates.p95,
            "worst class: p95, ms": max(row.ours.p95 for row in run.rows),
            targets.AGAINST_REQUEST: max(row.ratio for row in run.rows),
        }
    )


def print_run(run: Run) -> None:
    """Print each class beside its bare request, and the figures beside their targets."""
    title = (
        f"{run.build.documents:,} documents, OpenSearch {run.version}, nodes {run.nodes},"
        f" shards {run.shape.shards}, replicas {run.shape.replicas}"
    )
    table = Table(title=f"{title} (milliseconds)")
    for heading in ("query", "type"):
        table.add_column(heading, no_wrap=True)
    for heading in ("found", "p50", "p95", "bare: p50", "p95", "ratio of p95"):
        table.add_column(heading, justify="right")
    for row in run.rows:
        times = (row.ours.p50, row.ours.p95, row.bare.p50, row.bare.p95)
        cells = (f"{row.found:,.0f}", *(f"{one:.1f}" for one in times), f"{row.ratio:.1f} x")
        table.add_row(row.query, row.type, *cells)
    console = Console(width=110)
    console.print(table)
    console.print(targets.targets_table(_verdicts(run), title=title))


if __name__ == "__main__":
    main()
