"""A process of its own that writes batches to a generation until it is killed or done.

``python -m tests.indexer.engines.writing DIRECTORY GENERATION BATCHES ENGINE`` prints a line for
each batch that is committed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.engines import Engine, IndexReader
from indexer.model.document import Document, DocumentType
from indexer.model.query import Everything
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.conformance.generator import document

BATCH = 3


def batch(number: int) -> tuple[list[Document], list[str]]:
    """Return what batch ``number`` adds and removes: it also replaces and removes older ones."""
    new = [document(f"web-{number}-{n}", description=(f"v{number}",)) for n in range(BATCH)]
    new.append(document("counter", created=number))
    removed = [f"web-{number - 1}-0 registry.example"] if number else []
    return new, removed


def state(number: int) -> set[str]:
    """Return the ids that are there after batch ``number``."""
    ids: set[str] = set()
    for n in range(number + 1):
        new, removed = batch(n)
        ids = (ids - set(removed)) | {document.key.id for document in new}
    return ids


@contextmanager
def writing(engine: Engine, directory: Path, batches: int) -> "Iterator[subprocess.Popen[str]]":
    """Run a process that writes ``batches`` to the generation ``one``; kill it at the end."""
    command = [sys.executable, "-m", "tests.indexer.engines.writing"]
    arguments = [str(directory), "one", str(batches), engine.name]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def reading(engine: Engine) -> Iterator[IndexReader]:
    """Open the generation ``one`` for searching."""
    reader = engine.open_reader("one")
    try:
        yield reader
    finally:
        reader.close()


def ids(reader: IndexReader) -> list[str]:
    """Return the ids of all repositories' documents."""
    page = reader.search(Everything(), document_type=DocumentType.REPOSITORY, limit=100_000)
    return [hit.id for hit in page.hits]


def check_is_prefix(reader: IndexReader, at_least: int) -> int:
    """Check that the reader sees exactly the first so many batches; return the last one."""
    page = reader.search(Everything(), document_type=DocumentType.REPOSITORY, limit=100_000)
    found = {hit.id: hit.result for hit in page.hits}
    last = found["counter registry.example"]["created"]
    assert isinstance(last, int)
    assert last >= at_least
    assert len(page.hits) == page.total == len(found)
    assert set(found) == state(last)
    return last


def main() -> None:
    """Write the batches behind those that are there."""
    directory, generation, batches, engine = sys.argv[1:]
    writer = ALL_ENGINES[engine](Path(directory)).open_writer(generation)
    # Each batch adds one document more than the next one removes, and the first adds the counter.
    start = max(0, (writer.count(DocumentType.REPOSITORY) - 2) // (BATCH - 1))
    for number in range(start, start + int(batches)):
        writer.apply(DocumentType.REPOSITORY, *batch(number))
        print(number, flush=True)
    writer.close()


if __name__ == "__main__":
    main()
