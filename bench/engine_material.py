"""What all engines are measured with: the documents of a corpus, made once, and the queries."""

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
"""How many queries of each class are made to be kept."""


@dataclass(frozen=True, slots=True)
class Material:
    """Documents and queries in a folder, for the processes that measure.

    ``number`` is how many queries of each class are asked.
    """

    folder: Path
    number: int

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
        read = json.loads((self.folder / _ASKS).read_text("utf-8"))["asks"]
        return {name: [Ask(**ask) for ask in made[: self.number]] for name, made in read.items()}


@contextmanager
def material(size: str, *, number: int, folder: Path | None = None) -> Iterator[Material]:
    """Give the material of a corpus: what is in ``folder``, made there first where nothing is.

    Without a folder it is made for this once. ValueError when the folder holds that of another
    corpus, or fewer queries.
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
        if read["size"] != size or read["number"] < number:
            raise ValueError(f"{folder} holds {read['number']} queries of {read['size']}")
        yield Material(folder, number)


def prepare(folder: Path, size: Size | str, *, number: int) -> Material:
    """Make the documents of a corpus and ``number`` queries of every class."""
    with (folder / _DOCUMENTS).open("wb") as file:
        vocabulary = make_vocabulary(_kept(documents(size), file))
    made = asks(vocabulary, number=number)
    plain = {name: [asdict(ask) for ask in some] for name, some in made.items()}
    name = size.name if isinstance(size, Size) else size
    # Last, as it tells that all is there.
    (folder / _ASKS).write_text(json.dumps({"size": name, "number": number, "asks": plain}))
    return Material(folder, number)


def _kept(made: Iterable[Document], file: BinaryIO) -> Iterator[Document]:
    for document in made:
        pickle.dump(document, file)
        yield document
