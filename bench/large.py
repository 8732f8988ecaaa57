"""What a push costs against the images of its repository: ``python -m bench.large``.

For each number of images a service runs over a store with one repository of so many. Images are
pushed to it, one after the other. Processor time is that of all processes of the service, from the
notification until nothing is stale any more, with one search at the end. Nobody searches meanwhile,
as that would be counted too. So the time to be found is measured with other pushes. Those come in a
row: each as soon as the one before is found.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.corpus.corpus import Corpus
from bench.corpus.fill import fill
from bench.corpus.plan import Plan, Role
from bench.corpus.sizes import TAGS_PER_DIGEST
from bench.engine_measures import ENGINES
from bench.search_service import REGISTRY, REGISTRY_HOST, rebuild, service_over
from bench.search_updates import PATIENCE_SECONDS, Pushing, serve_pushes
from bench.targets import PRIMARY
from indexer.store import StoreSearchState
from tests.end_to_end.measures import percentile, processor_seconds
from tests.end_to_end.service import Service

IMAGES = (100, 1_000, 10_000, 20_000)
PUSHES = 5
_LOOKED_EVERY_SECONDS = 0.05
_AT_REST = 0.1


@dataclass(frozen=True, slots=True)
class Costs:
    """What pushes to a repository of so many images cost, in seconds; medians.

    ``first`` is the processor time of the first push after a start, ``one`` that of a push alone,
    and ``in_a_row`` that of each of some in a row. ``found`` is the time from a push to a search
    that finds it, ``longest`` the longest of these.
    """

    engine: str
    images: int
    first: float
    one: float
    in_a_row: float
    found: float
    longest: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--images", type=int, action="append", help="one number only, or some")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="one only, or some")
    parser.add_argument("--pushes", type=int, default=PUSHES, help="of each sort")
    parser.add_argument("--stores", type=Path, metavar="DIR", help="stores, kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    engines = tuple(dict.fromkeys(given.engine or ENGINES))
    with _folder(given.stores) as stores:
        found = [
            measure(engine, number, pushes=given.pushes, stores=stores)
            for number in given.images or IMAGES
            for engine in engines
        ]
    Console(width=120).print(table(found))
    if given.json:
        given.json.write_text(json.dumps(list(map(asdict, found)), indent=2) + "\n")


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="bench-large-") as name:
        yield Path(name)


def plan_of(images: int) -> tuple[Corpus, Plan]:
    """Return a corpus of one repository with so many images, as large repositories are."""
    corpus = Corpus(PRIMARY)
    largest = max(
        (one for one in corpus.repositories if one.role is not Role.ARTIFACT),
        key=lambda one: one.builds,
    )
    plan = replace(largest, builds=images, tags=round(images * TAGS_PER_DIGEST))
    corpus.repositories = (plan,)
    return corpus, plan


def measure(engine: str, images: int, *, pushes: int, stores: Path) -> Costs:
    """Measure one engine with one number of images; ``stores`` has stores, or gets them."""
    corpus, plan = plan_of(images)
    store = stores / str(images)
    if not store.exists():
        fill(
            corpus,
            store,
            registry=REGISTRY,
            url=f"http://{REGISTRY_HOST}",
            registry_host=REGISTRY_HOST,
        )
    with (
        serve_pushes() as registry,
        tempfile.TemporaryDirectory(prefix="bench-large-") as folder,
        service_over(PRIMARY, Path(folder), engine=engine, registry=registry.url, store=store) as (
            service
        ),
    ):
        rebuild(service)
        # Not measured, and a busy machine may take its time.
        service.start(PATIENCE_SECONDS)
        return _measure(service, registry, engine, images, plan, pushes=pushes)


def _measure(
    service: Service, registry: Pushing, engine: str, images: int, plan: Plan, *, pushes: int
) -> Costs:
    with closing(StoreSearchState(service.data)) as state:
        _wait_until_idle(state)

        def cost(word: str, push: Callable[[str], object]) -> float:
            before = spent_seconds(service)
            push(word)
            _wait_until_idle(state)
            if not service.finds(f"tag:{word}", "repository"):
                sys.exit(f"{plan.name} is not found by tag:{word}, and nothing is stale")
            return spent_seconds(service) - before

        notify = partial(registry.notify, service, plan.name)
        first = cost("first", notify)
        # An engine may still merge what a rebuild has left.
        _wait_until_at_rest(service)
        alone = [cost(f"one{number}", notify) for number in range(pushes)]
        found: list[float] = []

        def push_in_a_row(word: str) -> None:
            found.extend(
                registry.push(service, plan.name, f"{word}{number}") for number in range(pushes)
            )
            registry.notify(service, plan.name, word)

        row = cost("row", push_in_a_row) / (pushes + 1)
    return Costs(
        engine, images, first, percentile(alone, 50), row, percentile(found, 50), max(found)
    )


def _wait_until_idle(state: StoreSearchState) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with state.begin_request():
            if not state.freshness().is_waiting:
                return
        time.sleep(_LOOKED_EVERY_SECONDS)
    raise TimeoutError(f"documents were stale for {PATIENCE_SECONDS} s")


def _wait_until_at_rest(service: Service) -> None:
    """Wait until the service uses less than a tenth of a processor."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        before = spent_seconds(service)
        time.sleep(1)
        if spent_seconds(service) - before < _AT_REST:
            return
    raise TimeoutError(f"the service was busy for {PATIENCE_SECONDS} s")


def spent_seconds(service: Service) -> float:
    """Return the processor time of all processes of a service, and of those they waited for."""
    return sum(processor_seconds(pid, with_ended=True) for pid in service.processes())


def table(found: Sequence[Costs]) -> Table:
    """Return the figures as a table."""
    made = Table(title="a push against the images of its repository, seconds")
    made.add_column("engine")
    headings = ("images", "processor: first", "alone", "in a row", "found: median", "longest")
    for heading in headings:
        made.add_column(heading, justify="right")
    for one in found:
        seconds = (one.first, one.one, one.in_a_row, one.found, one.longest)
        made.add_row(one.engine, f"{one.images:,}", *(f"{each:.3f}" for each in seconds))
    return made


if __name__ == "__main__":
    main()
