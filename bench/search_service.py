"""The real service over a corpus: filled or copied, indexed, started, each with its cost."""

import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.corpus.corpus import Corpus
from bench.corpus.fill import fill
from bench.corpus.sizes import SIZES
from bench.engine_measures import ENGINES
from bench.engine_searches import engine_timings
from bench.queries import Ask
from bench.targets import OPENSEARCH
from bench.timings import Timing
from indexer.engines import Engine
from indexer.store import Journal, Store
from tests.end_to_end.service import Service
from tests.opensearch.cluster import CLUSTER

REGISTRY = "default"
REGISTRY_HOST = "127.0.0.1:9"
INDEX_SECONDS = 7_200
START_SECONDS = 60
INDEX_DIRECTORY = "search-index"


@dataclass(frozen=True, slots=True)
class Built:
    """The cost of making a search index; ``seconds`` is the whole ``regsearch rebuild``."""

    documents: int
    seconds: float
    processor_seconds: float
    index_bytes: int
    store_bytes: int


@contextmanager
def service_over(
    size: str, folder: Path, *, engine: str, registry: str, store: Path | None
) -> Iterator[Service]:
    """Give the service with a corpus in its store, not started; ``registry`` is its URL.

    The store is a copy of that in the data directory ``store``; without it, a new one is filled.
    """
    service = Service(folder)
    settings = folder / "regsearch.toml"
    of_cluster = (
        f'opensearch_url = "{os.environ[CLUSTER]}"\nopensearch_replicas = 0\n'
        if engine == OPENSEARCH
        else ""
    )
    settings.write_text(
        f'engine = "{engine}"\n{of_cluster}[[registry]]\nurl = "{registry}"\n'
        f'registry_host = "{REGISTRY_HOST}"\ncrawl_interval = "0s"\n',
        "utf-8",
    )
    service.configure(REGSEARCH_CONFIG=str(settings))
    service.data.mkdir()
    if store is None:
        fill(
            Corpus(SIZES[size]),
            service.data,
            registry=REGISTRY,
            url=f"http://{REGISTRY_HOST}",
            registry_host=REGISTRY_HOST,
        )
    else:
        copy(store, service.data)
    begin_journal(service.data)
    try:
        yield service
    except AssertionError:
        sys.stderr.write(service.log_text())
        raise
    finally:
        service.close()


def copy(store: Path, data: Path) -> None:
    """Copy the store of a data directory that no process uses, without its search index."""
    for file in store.glob("store.db*"):
        shutil.copyfile(file, data / file.name)
    # Otherwise the measured searches would share the disk with these writes.
    os.sync()


def begin_journal(data: Path) -> None:
    """Make a journal that knows no newer store. Without one, a crawl would run meanwhile."""
    with closing(Store(data)) as store, closing(Journal(data)) as journal:
        journal.set_reached(store.journal_position())


def rebuild(service: Service) -> Built:
    """Make the search index from the store with ``regsearch rebuild``, without a service."""
    started, before = time.perf_counter(), processor_seconds()
    built = service.command("rebuild", seconds=INDEX_SECONDS)
    seconds, busy = time.perf_counter() - started, processor_seconds() - before
    if built.returncode:
        sys.exit(f"regsearch rebuild: {built.stderr}")
    engine, generation = _live(service.data)
    return Built(
        documents=0,
        seconds=seconds,
        processor_seconds=busy,
        index_bytes=engine.size_bytes(generation),
        store_bytes=sum(path.stat().st_size for path in service.data.glob("store.db*")),
    )


def processor_seconds() -> float:
    """Return the processor time of ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(service: Service) -> float:
    """Start the service; return the seconds until it has answered a search."""
    started = time.perf_counter()
    service.begin()
    service.wait_until(service.is_answering, START_SECONDS, "a search is answered", every=0.01)
    seconds = time.perf_counter() - started
    # What follows is measured with all processes.
    service.wait_until(service.is_ready, START_SECONDS, "GET /readyz answers 200")
    answer = service.search("", limit=1)
    if not answer.results:
        sys.exit("the service answers with nothing found after its start")
    return seconds


def count_documents(service: Service) -> int:
    """Return the number of documents in the search index."""
    counts: dict[str, int] = service.get("/api/v1/status").json()["search_index"]["documents"]
    return sum(counts.values())


def engine_alone(data: Path, asks: Mapping[str, Sequence[Ask]]) -> list[Timing]:
    """Search the live search index of a data directory in this process."""
    engine, generation = _live(data)
    with closing(engine.open_reader(generation)) as reader:
        return list(engine_timings(reader, asks))


def _live(data: Path) -> tuple[Engine, str]:
    with closing(Store(data, read_only=True)) as store:
        live = store.search_index.live()
    assert live is not None  # noqa: S101 - it was just made
    return ENGINES[live.engine](data / INDEX_DIRECTORY), live.generation
