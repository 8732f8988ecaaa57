"""The material for all engines: the documents of a corpus, made once, and the queries."""

import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from bench.corpus.documents import documents
from bench.corpus.sizes import Size
from bench.queries import Ask, asks, make_vocabulary
from indexer.model.document import Document

_DOCUMENTS = "documents"
_ASKS = "asks.json"
MADE = 200
"""The number of kept queries of each class."""


@dataclass(frozen=True, slots=True)
class Material:
    """Documents and queries in a folder, for the processes that measure.

    ``number`` is the number of asked queries of each class.
    """

    folder: Path
    number: int

    def documents(self) -> Iterator[Document]:
        """Read the documents one by one, so that a builder need not hold them all."""
        with (self.folder / _DOCUMENTS).open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)  # noqa: S301 - the benchmark wrote it itself
                except EOFError:
                    return

    def asks(self) -> Mapping[str, Sequence[Ask]]:
        """Read the queries of every class."""
        read = json.loads((self.folder / _ASKS).read_text("utf-8"))["asks"]
        return {name: [Ask(**ask) for ask in made[: self.number]] for name, made in read.items()}


@contextmanager
def material(size: Size | str, *, number: int, folder: Path | None = None) -> Iterator[Material]:
    """Give the material of a corpus from ``folder``; it is made there if there is none.

    Without a folder it is temporary. ValueError if the folder has material of another corpus, or
    fewer queries.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="bench-material-") as name:
            yield prepare(Path(name), size, number=number)
    elif not (folder / _ASKS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, size, number=max(MADE, number))
        yield Material(folder, number)
    else:
        read = json.loads((folder / _ASKS).read_text("utf-8"))
        if read["size"] != _name(size) or read["number"] < number:
            raise ValueError(f"{folder} holds {read['number']} queries of {read['size']}")
        yield Material(folder, number)


def prepare(folder: Path, size: Size | str, *, number: int) -> Material:
    """Make the documents of a corpus and ``number`` queries of every class."""
    with (folder / _DOCUMENTS).open("wb") as file:
        vocabulary = make_vocabulary(_kept(documents(size), file))
    made = asks(vocabulary, number=number)
    plain = {name: [asdict(ask) for ask in some] for name, some in made.items()}
    name = _name(size)
    # Last, because this file marks the material as whole.
    (folder / _ASKS).write_text(json.dumps({"size": name, "number": number, "asks": plain}))
    return Material(folder, number)


def _kept(made: Iterable[Document], file: BinaryIO) -> Iterator[Document]:
    for document in made:
        pickle.dump(document, file)
        yield document


def _name(size: Size | str) -> str:
    return size.name if isinstance(size, Size) else size
