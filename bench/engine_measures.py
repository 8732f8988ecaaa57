"""Measure one engine, or the references, in a process of its own.

``python -m bench.engine_measures`` reads its task from the input, and prints the figures as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from bench.engine_material import Material
from bench.engine_searches import answer, engine_timings
from bench.queries import CLASSES, TYPES, Ask
from bench.references import ClientFilter, FullText, Like, Reference, Tables
from bench.timings import Timing, time_calls
from indexer.engines import Engine, IndexReader, IndexWriter
from indexer.engines.opensearch import ClusterAddress, IndexShape, OpenSearchEngine
from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.indexing.batches import Batch
from indexer.model.document import Document, DocumentType, Text, TextField
from tests.end_to_end.measures import memory_megabytes, percentile
from tests.opensearch.cluster import CLUSTER


def _opensearch(directory: Path) -> OpenSearchEngine:
    """Return the engine in the cluster that the environment names; it has one node."""
    address = ClusterAddress((os.environ[CLUSTER],))
    return OpenSearchEngine(directory, address, shape=IndexShape(replicas=0))


LOCAL_ENGINES: Mapping[str, Callable[[Path], Engine]] = {
    "whoosh": WhooshEngine,
    "tantivy": TantivyEngine,
}
"""Those that keep the search index in a folder."""
ENGINES: Mapping[str, Callable[[Path], Engine]] = {**LOCAL_ENGINES, "opensearch": _opensearch}
REFERENCES = "references"
BATCH = 500
"""Documents that are read before they are written, so that reading is not measured."""
GENERATION = "measured"
UPDATES_LEAST = 20


@dataclass(frozen=True, slots=True)
class Build:
    """The cost of filling a generation, without making the documents."""

    documents: int
    seconds: float
    processor_seconds: float
    disk_bytes: int
    memory_mb: float
    """Peak resident memory, without that of a cluster."""


@dataclass(frozen=True, slots=True)
class Use:
    """The cost of using a generation: seconds of the start, milliseconds of updates."""

    start_seconds: float
    memory_mb: float
    """Resident memory after all searches."""
    update_p50: float
    update_p95: float
    update_max: float
    timings: Sequence[Timing]


def main(*, folder: str, number: int, name: str, step: str) -> None:
    """Do one step of measuring and print the figures."""
    material = Material(Path(folder), number)
    if name == REFERENCES:
        found = compare(material)
        plain: object = {one: [asdict(row) for row in rows] for one, rows in found.items()}
    else:
        engine = ENGINES[name](material.folder / name)
        plain = asdict(
            build(engine, material.documents()) if step == "build" else use(engine, material)
        )
    print(json.dumps(plain))  # noqa: T201 - what the process is for


def build(engine: Engine, made: Iterable[Document]) -> Build:
    """Fill a generation, with as many documents between commits as the indexer has."""
    engine.create(GENERATION)
    seconds, busy, count = 0.0, 0.0, 0
    documents = iter(made)
    with closing(engine.open_writer(GENERATION)) as writer:
        uncommitted = 0
        while batch := list(islice(documents, BATCH)):
            started, before = time.perf_counter(), time.process_time()
            for document in batch:
                writer.fill(document.key.type, [engine.encode(document)])
            uncommitted += len(batch)
            if uncommitted >= engine.batch_documents or len(batch) < BATCH:
                writer.commit_filled()
                uncommitted = 0
            seconds += time.perf_counter() - started
            busy += time.process_time() - before
            count += len(batch)
    disk = engine.size_bytes(GENERATION)
    return Build(count, seconds, busy, disk, memory_megabytes(os.getpid())[1])


def use(engine: Engine, material: Material) -> Use:
    """Search a generation, then change it."""
    asks = material.asks()
    started = time.perf_counter()
    with closing(engine.open_reader(GENERATION)) as reader:
        answer(reader, DocumentType.REPOSITORY, asks["common word"][0])
        start = time.perf_counter() - started
        timings = list(engine_timings(reader, asks))
        memory, _ = memory_megabytes(os.getpid())
        with closing(engine.open_writer(GENERATION)) as writer:
            count = reader.count(DocumentType.IMAGE)
            number = min(max(UPDATES_LEAST, material.number // 2), count // 10)
            chosen = some_images(material.documents(), count, number=number)
            taken = list(updates(writer, reader, chosen))
    p50, p95, longest = (1_000 * percentile(taken, each) for each in (50, 95, 100))
    return Use(start, memory, p50, p95, longest, timings)


def updates(
    writer: IndexWriter, reader: IndexReader, chosen: Iterable[tuple[Document, Document]]
) -> Iterator[float]:
    """Give one image after another a new word; yield the seconds until a search finds the word.

    Each image is written with its repository, as the indexer does.
    """
    for number, (image, repository) in enumerate(chosen):
        word = f"updated{number}"
        texts = (Text(TextField.DESCRIPTION, word), *image.texts)
        batch = Batch()
        for document in (replace(image, texts=texts), repository):
            batch.documents[document.key.type].append(document)
        started = time.perf_counter()
        batch.apply(writer)
        reader.refresh()
        page = answer(reader, DocumentType.IMAGE, Ask(word))
        yield time.perf_counter() - started
        if [hit.id for hit in page.hits] != [image.key.id]:
            sys.exit(f"{image.key.id}: not found by {word!r} after its update")


def some_images(
    documents: Iterable[Document], count: int, *, number: int
) -> Iterator[tuple[Document, Document]]:
    """Yield ``number`` of ``count`` images, each with the document of its repository."""
    step = count // number
    chosen: list[Document] = []
    seen = 0
    for document in documents:
        if document.key.type is DocumentType.REPOSITORY:
            # A repository comes after its images.
            yield from ((image, document) for image in chosen)
            chosen.clear()
        elif document.key.type is DocumentType.IMAGE:
            if seen % step == 0 and seen < step * number:
                chosen.append(document)
            seen += 1


def compare(material: Material) -> dict[str, list[Timing]]:
    """Ask the references all queries that they can answer."""
    tables = Tables(material.documents())
    references: Sequence[Reference] = (
        Like(tables),
        FullText(tables),
        ClientFilter(material.documents()),
    )
    asks = material.asks()
    return {
        reference.name: [
            time_calls(query, kind, asks[query], partial(reference.find, kind, query))
            for kind in TYPES
            for query in CLASSES
            if query in reference.classes
        ]
        for reference in references
    }


if __name__ == "__main__":
    main(**json.load(sys.stdin))
