"""What all engines are measured with: the documents of a corpus, made once, and the queries."""

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from bench.corpus.documents import documents
from bench.corpus.sizes import Size
from bench.queries import Ask, asks, vocabulary_of
from indexer.model.document import Document

_DOCUMENTS = "documents"
_ASKS = "asks.json"


@dataclass(frozen=True, slots=True)
class Material:
    """Documents and queries in a folder, for the processes that measure."""

    folder: Path

    def documents(self) -> Iterator[Document]:
        """Read the documents, one after the other: a builder is not to hold them all."""
        with (self.folder / _DOCUMENTS).open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)  # noqa: S301 - the benchmark wrote it itself
                except EOFError:
                    return

    def asks(self) -> Mapping[str, Sequence[Ask]]:
        """Read the queries of every class."""
        read = json.loads((self.folder / _ASKS).read_text("utf-8"))
        return {name: [Ask(**ask) for ask in made] for name, made in read.items()}


def prepare(folder: Path, size: Size | str, *, number: int) -> Material:
    """Make the documents of a corpus and ``number`` queries of every class."""
    with (folder / _DOCUMENTS).open("wb") as file:
        vocabulary = vocabulary_of(_kept(documents(size), file))
    made = asks(vocabulary, number=number)
    plain = {name: [asdict(ask) for ask in some] for name, some in made.items()}
    (folder / _ASKS).write_text(json.dumps(plain), "utf-8")
    return Material(folder)


def _kept(made: Iterable[Document], file: BinaryIO) -> Iterator[Document]:
    for document in made:
        pickle.dump(document, file)
        yield document
