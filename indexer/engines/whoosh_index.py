"""An open Whoosh index: the segments of its newest commit."""

import pickle
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import FileFormatError
from whoosh.index import TOC, EmptyIndexError, FileIndex, IndexVersionError
from whoosh.index import IndexError as IndexFormatError
from whoosh.reading import SegmentReader

from indexer.engines import whoosh_bitmap as bitmaps
from indexer.engines.whoosh_cache import SegmentCache
from indexer.engines.whoosh_schema import schema
from indexer.engines.whoosh_segment import Segment
from indexer.errors import EngineError

INDEX_NAME = "MAIN"
_TOC = re.compile(rf"_{INDEX_NAME}_([0-9]+)\.toc")
"""A table of contents, the last file of a commit."""
_ATTEMPTS = 20
"""How often the newest commit may be overtaken by another one while it is being opened."""

UNREADABLE = (
    # The file is missing, or the system cannot read it.
    OSError,
    EmptyIndexError,
    IndexVersionError,
    IndexFormatError,
    FileFormatError,
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


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Turn what Whoosh raises for a missing, torn or foreign index into an ``EngineError``."""
    try:
        yield
    except UNREADABLE as error:
        raise EngineError(f"search index {folder} cannot be used: {error!r}") from error


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
        # Memory maps would make Whoosh copy every segment each time it opens one.
        self._storage = FileStorage(str(folder), supports_mmap=False)
        self._generation = -1
        self._schema = schema()
        self.views: tuple[View, ...] = ()

    @property
    def segment_ids(self) -> list[str]:
        """The segments in the order in which Whoosh numbers their documents."""
        return [view.segment.id for view in self.views]

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

    def index(self) -> FileIndex:
        """Return Whoosh's own object for this index."""
        return FileIndex(self._storage, schema=self._schema, indexname=INDEX_NAME)

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
        toc = TOC.read(self._storage, INDEX_NAME, gen=generation, schema=self._schema)
        kept = {view.segment.id: view.segment for view in self.views}
        opened: list[Segment] = []
        views = []
        try:
            for segment in toc.segments:
                found = kept.pop(segment.segment_id(), None)
                if found is None:
                    found = self._segment(segment)
                    opened.append(found)
                views.append(View(found, _alive(segment)))
        except BaseException:
            for found in opened:
                found.close()
            raise
        self.views = tuple(views)
        self._generation = generation
        for gone in kept.values():
            gone.close()
            self._cache.forget(gone.id)

    def _segment(self, segment: Any) -> Segment:
        return Segment(SegmentReader(self._storage, self._schema, segment), self._cache)


def _alive(segment: Any) -> int:
    size: int = segment.doc_count_all()
    return bitmaps.full(size) & ~bitmaps.from_documents(segment.deleted_docs(), size=size)
