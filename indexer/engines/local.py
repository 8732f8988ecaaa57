"""Generations as folders of files, the same for every embedded engine.

A generation is a folder with a file about it, beside an index for each type of document. That file
is written last, so an unfinished generation is recognized.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from typing_extensions import override

from indexer.engines.protocol import WRITTEN_IN_ORDER, EncodedDocument, IndexWriter
from indexer.engines.ranking import Address
from indexer.engines.reader import IndexOfType, TypedReader
from indexer.errors import EngineError, RegsearchError
from indexer.model import Document, DocumentType

_ABOUT = "generation.json"
_PANIC = "PanicException"
"""The name of a panic of tantivy in Python: a ``BaseException`` that no module exports."""


class GenerationFolders:
    """The generations of an engine in ``directory``, without their readers and writers.

    ``about`` identifies the engine and the schema of a generation. No other engine can read it.
    ``create_index`` makes the empty index of one type of document in a new folder.
    """

    def __init__(
        self, directory: Path, about: Mapping[str, object], create_index: Callable[[Path], object]
    ) -> None:
        self._directory = directory
        self._about = dict(about)
        self._create_index = create_index

    def create(self, generation: str) -> None:
        """Make an empty generation; one of that name is removed first."""
        self.drop(generation)
        folder = self._folder(generation)
        with engine_errors(folder):
            for kind in DocumentType:
                (folder / kind).mkdir(parents=True)
                self._create_index(folder / kind)
            (folder / _ABOUT).write_text(json.dumps(self._about))
            for written in (folder / _ABOUT, folder, self._directory):
                sync(written)

    def checked(self, generation: str) -> Path:
        """Return a generation's folder; :class:`EngineError` if missing, torn or foreign."""
        folder = self._folder(generation)
        with engine_errors(folder):
            found = json.loads((folder / _ABOUT).read_text())
        if found != self._about:
            raise EngineError(f"search index {folder} is of another schema: {found}")
        return folder

    def generations(self) -> list[str]:
        """Return the names of all generations that exist, whole or not, in order.

        They include those of other engines with folders here. So the present engine can remove the
        generations of one that is no longer installed. A hidden folder is no generation: it
        belongs to another program, such as a file system.
        """
        if not self._directory.is_dir():
            return []
        folders = (path.name for path in self._directory.iterdir() if path.is_dir())
        return sorted(name for name in folders if not name.startswith("."))

    def drop(self, generation: str) -> None:
        """Remove a generation; a missing one is no error."""
        folder = self._folder(generation)
        with engine_errors(folder):
            if folder.is_dir():
                # This file goes first: after a kill, the rest does not look like a generation.
                (folder / _ABOUT).unlink(missing_ok=True)
                shutil.rmtree(folder)

    def size_bytes(self, generation: str) -> int:
        """Return the size of a generation in bytes; 0 for a missing one."""
        size = 0
        for folder, _, files in os.walk(self._folder(generation)):
            for name in files:
                # A writer may remove merged files meanwhile.
                with suppress(FileNotFoundError):
                    size += Path(folder, name).stat().st_size
        return size

    def _folder(self, generation: str) -> Path:
        if not generation or generation.startswith(".") or os.sep in generation:
            raise EngineError(f"not the name of a generation: {generation!r}")
        return self._directory / generation


class _Index(Protocol):
    def close(self) -> None:
        """Release all files and locks."""


class FolderWriter(_Index, Protocol):
    """Changes the index of one type of document, in a folder."""

    def apply(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        """Add or replace ``documents`` and drop the ids ``removed``, in one durable commit."""

    def fill(self, documents: Iterable[EncodedDocument]) -> None:
        """Add or replace ``documents`` while a generation is filled; see the protocol."""

    def commit_filled(self) -> None:
        """Make durable, and have found, what was filled."""

    def optimize(self) -> None:
        """Commit, and make later searches as fast as can be; see the protocol."""

    def count(self) -> int:
        """Return the number of documents."""


One = TypeVar("One", bound=_Index)
OneWriter = TypeVar("OneWriter", bound=FolderWriter)


class _Generation(Generic[One]):
    """The open indexes of a generation."""

    def __init__(self, folder: Path, open_index: Callable[[Path], One]) -> None:
        self._folder = folder
        self._indexes = dict[DocumentType, One]()
        try:
            for kind in DocumentType:
                self._indexes[kind] = open_index(folder / kind)
        except EngineError:
            self.close()
            raise

    def close(self) -> None:
        """Release all files and locks."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()


class GenerationReader(_Generation[IndexOfType[Address]], TypedReader[Address]):
    """Searches a generation in a folder."""

    @override
    def _errors(self) -> AbstractContextManager[None]:
        return engine_errors(self._folder)


class GenerationWriter(_Generation[OneWriter], IndexWriter):
    """Changes a generation in a folder; what cannot be stored is named in the error."""

    @override
    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        self._indexes[document_type].apply(documents, removed)

    @override
    def fill(self, document_type: DocumentType, documents: Iterable[EncodedDocument]) -> None:
        self._indexes[document_type].fill(documents)

    @override
    def commit_filled(self) -> None:
        for document_type in WRITTEN_IN_ORDER:
            self._indexes[document_type].commit_filled()

    @override
    def optimize(self) -> None:
        for document_type in WRITTEN_IN_ORDER:
            self._indexes[document_type].optimize()

    @override
    def count(self, document_type: DocumentType) -> int:
        return self._indexes[document_type].count()


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Turn any error of a library into :class:`EngineError`; the folder may be torn or foreign.

    A library may raise any class of error for wrong bytes. Errors of our own stay as they are.
    """
    try:
        yield
    except RegsearchError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        raise EngineError(f"search index {folder} cannot be used: {error!r}") from error
