"""An open Whoosh index: the segments of its newest commit."""

import pickle
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from whoosh.fields import Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.index import TOC, EmptyIndexError

from indexer.engines.local import sync
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.schema import INDEX_NAME
from indexer.engines.whoosh.segment import Segment
from indexer.errors import EngineError

_TOC = re.compile(rf"_{INDEX_NAME}_([0-9]+)\.toc")
"""A table of contents, the last file of a commit."""
_NO_FIELDS = Schema()
"""What is in a segment says its own file, and not a table of contents."""
_ATTEMPTS = 20
"""How often the newest commit may be overtaken by another one while it is being opened."""

_UNREADABLE = (
    # The file is missing, or the system cannot read it.
    OSError,
    # What a cut or foreign file looks like to Whoosh, which reads it with struct and pickle.
    struct.error,
    pickle.UnpicklingError,
    zlib.error,
    EOFError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OverflowError,
    TypeError,
    ValueError,
)


class engine_errors:  # noqa: N801  # used like a function, as context managers are
    """Turn what Whoosh raises for a missing, torn or foreign index into an ``EngineError``.

    That is one of Python's errors above, a class of Whoosh's own, or, for a posting list that does
    not begin like one, a bare ``Exception``; that very class then, and none of those below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        """Begin; the body is judged when it ends."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            return
        is_of_whoosh = kind is Exception or kind.__module__.partition(".")[0] == "whoosh"
        if is_of_whoosh or issubclass(kind, _UNREADABLE):
            message = f"search index {self._folder} cannot be used: {error!r}"
            raise EngineError(message) from error


class Storage(FileStorage):  # type: ignore[misc]  # Whoosh carries no types
    """Files of one folder; knows those it opened, as Whoosh drops them when one is unreadable."""

    def __init__(self, folder: Path) -> None:
        # Memory maps would make Whoosh copy every segment each time it opens one.
        super().__init__(str(folder), supports_mmap=False)
        self._opened: list[Any] = []

    def open_file(self, name: str, **options: Any) -> Any:
        """Open a file for reading."""
        self._opened.append(super().open_file(name, **options))
        return self._opened[-1]

    def rename_file(self, old: str, new: str, safe: bool = False) -> None:
        """Give a finished table of contents its name, durably: Whoosh leaves that to chance."""
        folder = Path(self.folder)
        sync(folder / old)
        super().rename_file(old, new, safe=safe)
        sync(folder)

    @contextmanager
    def closing_on_error(self) -> Iterator[None]:
        """Close, after an error, what was opened meanwhile and is still open."""
        self._opened.clear()
        is_whole = False
        try:
            yield
            is_whole = True
        finally:
            for file in self._opened:
                if not is_whole and not file.is_closed:
                    file.close()
            self._opened.clear()


@dataclass(frozen=True, slots=True)
class View:
    """A segment and which of its documents are there in one commit."""

    segment: Segment
    alive: int
    """A bitmap."""


class OpenIndex:
    """The newest commit of the index in ``folder``, as of the last refresh.

    Segments never change, so a refresh opens the new ones, closes those that are gone and takes
    the list of deleted documents of the others anew.
    """

    def __init__(self, folder: Path, cache: SegmentCache) -> None:
        self._folder = folder
        self._cache = cache
        self.storage = Storage(folder)
        self._generation = -1
        self.views: tuple[View, ...] = ()

    def refresh(self) -> bool:
        """Go to the newest commit; return whether there was a new one.

        :class:`indexer.errors.EngineError` when it cannot be read; the old one stays then.
        """
        with engine_errors(self._folder):
            for _ in range(_ATTEMPTS):
                newest = self._newest()
                if newest == self._generation:
                    return False
                try:
                    self._open(newest)
                except FileNotFoundError:
                    # A writer that commits removes what the commit before consisted of.
                    if self._newest() == newest:
                        raise
                else:
                    return True
        raise EngineError(f"search index {self._folder} changes too fast to be opened")

    def contents(self) -> TOC:
        """Return Whoosh's own table of contents of the commit that is open, to be changed."""
        return _contents(self.storage, self._generation)

    def count(self) -> int:
        """Return the number of documents."""
        return sum(view.alive.bit_count() for view in self.views)

    def close(self) -> None:
        """Close all files."""
        for view in self.views:
            view.segment.close()
            self._cache.forget(view.segment.id)
        self.views = ()
        self._generation = -1

    def _newest(self) -> int:
        """Return the number of the newest commit."""
        for _ in range(_ATTEMPTS):
            found = [_TOC.fullmatch(path.name) for path in self._folder.iterdir()]
            numbers = [int(match[1]) for match in found if match]
            if numbers:
                return max(numbers)
            # A listing is no snapshot: it may miss the new commit and the removed old one.
        raise EmptyIndexError(f"no index in {self._folder}")

    def _open(self, generation: int) -> None:
        kept = {view.segment.id: view.segment for view in self.views}
        views = []
        with self.storage.closing_on_error():
            for entry in _contents(self.storage, generation).segments:
                found = kept.pop(entry.segment_id(), None)
                found = found or Segment(self.storage, entry, self._cache)
                views.append(View(found, _alive(entry)))
        self.views = tuple(views)
        self._generation = generation
        for gone in kept.values():
            gone.close()
            self._cache.forget(gone.id)


def create_index(folder: Path) -> None:
    """Make an empty index in a folder of its own."""
    storage = Storage(folder).create()
    TOC(_NO_FIELDS, [], 0).write(storage, INDEX_NAME)


def _contents(storage: Storage, generation: int) -> TOC:
    return TOC.read(storage, INDEX_NAME, gen=generation, schema=_NO_FIELDS)


def _alive(entry: Any) -> int:
    size: int = entry.doc_count_all()
    return bitmaps.full(size) & ~bitmaps.from_documents(entry.deleted_docs(), size=size)
