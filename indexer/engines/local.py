"""Generations as folders of files, the same for every engine that is embedded.

A generation is a folder with a file that says what it is, beside an index for each type of
document. The file is written last, so a generation whose making was cut short is known.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from indexer.errors import EngineError
from indexer.model import Document, DocumentType

_ABOUT = "generation.json"
_UNREADABLE = (OSError, ValueError, TypeError, RecursionError)
"""What a missing, torn or foreign file looks like."""


class GenerationFolders:
    """What an engine does with its generations in ``directory``, but for reading and writing them.

    ``about`` says what made a generation; nothing else can read it.
    """

    def __init__(self, directory: Path, about: Mapping[str, object]) -> None:
        self._directory = directory
        self._about = dict(about)

    @contextmanager
    def creating(self, generation: str) -> Iterator[Path]:
        """Make a generation: yield its new folder, and say that it is whole when all went well."""
        self.drop(generation)
        folder = self._folder(generation)
        with _engine_errors(folder):
            folder.mkdir(parents=True)
        yield folder
        with _engine_errors(folder):
            unfinished = folder / f"{_ABOUT}.new"
            unfinished.write_text(json.dumps(self._about))
            sync(unfinished)
            unfinished.replace(folder / _ABOUT)
            sync(folder)
            sync(self._directory)

    def checked(self, generation: str) -> Path:
        """Return a generation's folder; :class:`EngineError` if missing, torn or foreign."""
        folder = self._folder(generation)
        with _engine_errors(folder):
            found = json.loads((folder / _ABOUT).read_text())
        if found != self._about:
            raise EngineError(f"search index {folder} is of another schema: {found}")
        return folder

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not, in order.

        Those of other engines that keep folders here are among them. So whoever is used now can
        remove what an engine made that is not installed any more. A hidden folder is none, and is
        left to whoever made it, such as a file system.
        """
        if not self._directory.is_dir():
            return []
        folders = (path.name for path in self._directory.iterdir() if path.is_dir())
        return sorted(name for name in folders if not name.startswith("."))

    def drop(self, generation: str) -> None:
        """Remove a generation; one that is not there is no error."""
        folder = self._folder(generation)
        with _engine_errors(folder):
            if folder.is_dir():
                # Without this file, what a kill leaves behind is not taken for a whole generation.
                (folder / _ABOUT).unlink(missing_ok=True)
                shutil.rmtree(folder)

    def size_bytes(self, generation: str) -> int:
        """Return how much room a generation takes; 0 for one that is not there."""
        size = 0
        for folder, _, files in os.walk(self._folder(generation)):
            for name in files:
                # A writer removes what it merged.
                with suppress(FileNotFoundError):
                    size += Path(folder, name).stat().st_size
        return size

    def _folder(self, generation: str) -> Path:
        if not generation or generation.startswith(".") or os.sep in generation:
            raise EngineError(f"not the name of a generation: {generation!r}")
        return self._directory / generation


class FolderWriter(Protocol):
    """Changes the index of one type of document, in a folder."""

    def apply(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit."""

    def count(self) -> int:
        """Return how many documents there are."""

    def close(self) -> None:
        """Let go of all files and locks."""


OneWriter = TypeVar("OneWriter", bound=FolderWriter)


class GenerationWriter(Generic[OneWriter]):
    """Changes a generation in a folder; see :class:`indexer.engines.protocol.IndexWriter`."""

    def __init__(self, folder: Path, open_one: Callable[[Path], OneWriter]) -> None:
        self._writers: dict[DocumentType, OneWriter] = {}
        try:
            for kind in DocumentType:
                self._writers[kind] = open_one(folder / kind)
        except EngineError:
            self.close()
            raise

    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit.

        An id in both is added. :class:`indexer.errors.EngineError` when a document cannot be
        stored (it is named) or the index cannot be written.
        """
        self._writers[document_type].apply(documents, removed)

    def count(self, document_type: DocumentType) -> int:
        """Return how many documents of that type there are."""
        return self._writers[document_type].count()

    def close(self) -> None:
        """Let go of all files and locks."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def sync(path: Path) -> None:
    """Have a file, or the entries of a folder, written to the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _engine_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise EngineError(f"search index {folder} cannot be used: {error!r}") from error
