"""Searches of callers who may see some of the repositories, beside those of one who sees all.

``python -m bench.search --rights`` fills a search index of 10,000 repositories with each engine. It
asks each query of each class for each caller, in turns. So all meet the same load of the machine.
All of a search is measured, from its text to the JSON of its page, in one process and without HTTP.
"""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from bench.corpus.sizes import GITLAB_GROUP, Size
from bench.engine_material import Material
from bench.queries import CLASSES, SEED, TYPES, Ask
from indexer.clock import SystemClock
from indexer.engines import Engine
from indexer.extract import EXTRACT_VERSION
from indexer.model import (
    LIMIT_MAX,
    Document,
    DocumentType,
    Everything,
    Position,
    Rights,
    Sort,
    document_place,
    make_rights,
)
from indexer.settings import RegistrySettings, Settings
from indexer.store import LiveIndex, Store
from search_api.processes import make_engines
from search_api.search import (
    ALL_SIGHT,
    VIEWER,
    Order,
    Owner,
    SearchRequest,
    SearchService,
    Sight,
    make_web_service,
    search_bytes,
)
from tests.end_to_end.measures import percentile

MANY = Size("many", 10_000, 60_000, 50_000, GITLAB_GROUP, (6, 13))
"""Many small repositories: about 23,000 documents."""
SEEN = (1_000, 9_000)
"""How many repositories each caller may see, any ones. The second one has pages as full as all."""
RATIO = 1.3
"""The most that the 95th percentile may grow."""
GENERATION = "measured"
_BATCH = 500
ALL = "all classes"


@dataclass(frozen=True, slots=True)
class RightsRow:
    """Searches of a class: milliseconds of the processor, without rights and for each caller.

    ``waited`` are the 95th percentiles by the clock, beside all else that runs.
    """

    engine: str
    query: str
    type: str
    p50: Sequence[float]
    p95: Sequence[float]
    waited: Sequence[float]
    searches: int

    @property
    def ratios(self) -> list[float]:
        """How many times the 95th percentile of each caller is the one without rights."""
        return [one / self.p95[0] for one in self.p95[1:]]


Times = Sequence[list[float]]
"""Milliseconds without rights, and for each caller."""


class _Viewer(Owner):
    """Who asks next."""

    def __init__(self) -> None:
        super().__init__()
        self.sees = ALL_SIGHT

    async def sight(self) -> Sight:
        """Return what they see."""
        return self.sees


def measure_rights(
    made: Material, folder: Path, *, engine: str, seen: Sequence[int] = SEEN
) -> list[RightsRow]:
    """Fill a search index in ``folder``, or take that which is there, and search it.

    ``seen`` is how many repositories each caller may see.
    """
    settings = Settings(
        data_dir=folder,
        engine=engine,
        search_processes=0,
        registry=(RegistrySettings(url="http://127.0.0.1:9"),),
    )
    chosen = make_engines(settings).chosen
    if not folder.exists():
        folder.mkdir(parents=True)
        _fill(chosen, made)
    with closing(Store(folder)) as store:
        live = LiveIndex(
            GENERATION, chosen.name, chosen.schema_version, EXTRACT_VERSION, complete=True
        )
        store.search_index.set_live(live)
    found, random = _repositories(chosen), Random(SEED)  # noqa: S311 - the same each time
    rights = [_rights(random.sample(found, number)) for number in seen]
    return asyncio.run(_measure(settings, rights, made.asks()))


def _rights(places: Iterable[tuple[str, str]]) -> Rights:
    names = defaultdict[str, list[str]](list)
    for registry, repository in places:
        names[registry].append(repository)
    return make_rights([], names)


def _fill(engine: Engine, made: Material) -> None:
    engine.create(GENERATION)
    with closing(engine.open_writer(GENERATION)) as writer:
        batches: dict[DocumentType, list[Document]] = {kind: [] for kind in DocumentType}
        for document in made.documents():
            batch = batches[document.key.type]
            batch.append(document)
            if len(batch) == _BATCH:
                writer.apply(document.key.type, batch, [])
                batch.clear()
        for kind, batch in batches.items():
            writer.apply(kind, batch, [])
        writer.optimize()


def _repositories(engine: Engine) -> list[tuple[str, str]]:
    """Return the registry and the name of each repository, in order."""
    found: list[tuple[str, str]] = []
    after: Position | None = None
    with closing(engine.open_reader(GENERATION)) as reader:
        while True:
            page = reader.search(
                Everything(),
                document_type=DocumentType.REPOSITORY,
                limit=LIMIT_MAX,
                after=after,
                sort=Sort.NAME,
            )
            found += [document_place(hit.id) for hit in page.hits]
            if not page.has_more:
                return found
            after = page.hits[-1].position


async def _measure(
    settings: Settings, rights: Sequence[Rights], asks: Mapping[str, Sequence[Ask]]
) -> list[RightsRow]:
    viewer, service = _Viewer(), make_web_service(settings, clock=SystemClock())
    VIEWER.set(viewer)
    sights = [ALL_SIGHT, *map(Sight, rights)]
    rows: list[RightsRow] = []
    all_used, all_waited = _times(sights), _times(sights)
    # What searches of any class keep is made before.
    for number in (1, None):
        for kind, query in product(TYPES, CLASSES):
            used, waited = _times(sights), _times(sights)
            for turn, ask in enumerate(asks[query][:number]):
                for who in (*range(turn % len(sights), len(sights)), *range(turn % len(sights))):
                    viewer.sees = sights[who]
                    took, busy = await _timed(service, _request(ask, kind))
                    waited[who].append(took)
                    used[who].append(busy)
            if number is None:
                rows.append(_row(settings.engine, query, kind.value, used, waited))
                for known, new in ((all_used, used), (all_waited, waited)):
                    for times, more in zip(known, new, strict=True):
                        times.extend(more)
    await service.close()
    return [*rows, _row(settings.engine, ALL, "", all_used, all_waited)]


def _times(sights: Sequence[Sight]) -> Times:
    return [[] for _ in sights]


def _request(ask: Ask, kind: DocumentType) -> SearchRequest:
    """Return what the API makes of a query."""
    facets = ask.parameters.get("facets", "")
    return SearchRequest(
        Order(kind, Sort(ask.parameters.get("sort", Sort.RELEVANCE)), is_reversed=False),
        limit=25,
        text=ask.q,
        facets=tuple(facets.split(",")) if facets else (),
        with_texts=True,
    )


async def _timed(service: SearchService, request: SearchRequest) -> tuple[float, float]:
    """Search; return the milliseconds that passed, and those of the processor."""
    started, before = time.perf_counter(), time.process_time()
    await service.call(search_bytes, request)
    used = time.process_time() - before
    return 1_000 * (time.perf_counter() - started), 1_000 * used


def _row(engine: str, query: str, kind: str, used: Times, waited: Times) -> RightsRow:
    def at(times: Times, percent: int) -> list[float]:
        return [percentile(one, percent) for one in times]

    return RightsRow(
        engine,
        query,
        kind,
        p50=at(used, 50),
        p95=at(used, 95),
        waited=at(waited, 95),
        searches=len(used[0]),
    )


def print_rights(rows: Sequence[RightsRow]) -> None:
    """Print the classes with their ratios, and the load of the machine."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    seen = ", ".join(f"{one:,}" for one in SEEN)
    table = Table(
        title=f"milliseconds without rights, and with rights to {seen} of"
        f" {MANY.repositories:,} repositories (load {load})"
    )
    for heading in ("engine", "query", "type"):
        table.add_column(heading, no_wrap=True)
    for heading in ("p50", "p95", "times", "p95 waited", "number"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in rows:
        times = [" / ".join(f"{each:.1f}" for each in some) for some in (one.p50, one.p95)]
        ratios = " / ".join(f"{each:.2f}" for each in one.ratios)
        waited = " / ".join(f"{each:.0f}" for each in one.waited)
        table.add_row(one.engine, one.query, one.type, *times, ratios, waited, f"{one.searches}")
    console = Console(width=120)
    console.print(table)
    worst = max(rows, key=lambda one: one.ratios[0])
    console.print(
        f"the worst is {worst.query} of type {worst.type} with {worst.engine}:"
        f" {worst.ratios[0]:.2f} x (at most {RATIO} x)"
    )
