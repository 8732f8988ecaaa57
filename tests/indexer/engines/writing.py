"""A process of its own that writes batches to a generation until it is killed or done.

``python -m tests.indexer.engines.writing DIRECTORY GENERATION BATCHES [ENGINE]`` prints a line for
each batch that is committed.
"""

import sys
from pathlib import Path

from indexer.model.document import Document, DocumentType
from tests.indexer.engines.conformance.engines import ENGINES
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


def main() -> None:
    """Write the batches behind those that are there."""
    directory, generation, batches, *engine = sys.argv[1:]
    writer = ENGINES[engine[0] if engine else "whoosh"](Path(directory)).open_writer(generation)
    # Each batch adds one document more than the next one removes, and the first adds the counter.
    start = max(0, (writer.count(DocumentType.REPOSITORY) - 2) // (BATCH - 1))
    for number in range(start, start + int(batches)):
        writer.apply(DocumentType.REPOSITORY, *batch(number))
        print(number, flush=True)
    writer.close()


if __name__ == "__main__":
    main()
