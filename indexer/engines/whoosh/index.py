"""An open Whoosh index: the segments of its newest commit."""

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.compound import SubFile
from whoosh.filedb.filestore import FileStorage, OverlayStorage, RamStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import TOC, EmptyIndexError

from indexer.engines.local import engine_errors, sync
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.schema import INDEX_NAME, SCHEMA
from indexer.engines.whoosh.segment import Segment
from indexer.errors import EngineError

_TOC = re.compile(rf"_{INDEX_NAME}_([0-9]+)\.toc")
"""A table of contents, the last file of a commit."""
SEGMENT = W3Segment.COMPOUND_EXT
"""How the file of a segment ends."""
_ATTEMPTS = 20
"""How often the newest commit may be overtaken by another one while it is being opened."""
_READ_BYTES = 4096
_CHECKED_BYTES = 1 << 20


class _File(StructFile):  # type: ignore[misc]  # Whoosh carries no types
    """Reads parts of a file by their place, some bytes ahead.

    Whoosh itself seeks for each, in two layers, and copies its memory maps when it opens them.
    """

    def __init__(self, raw: Any, start: int, length: int | None, **options: Any) -> None:
        super().__init__(raw if length is None else SubFile(raw, start, length), **options)
        self._raw, self._start = raw, start
        self._kept, self._kept_at = b"", 0

    def subset(self, offset: int, length: int, name: str | None = None) -> "_File":
        """Return a part as a file."""
        return _File(self._raw, self._start + offset, length, name=name)

    def get(self, position: int, length: int) -> bytes:
        """Read ``length`` bytes from a place."""
        begin = position - self._kept_at
        if begin < 0 or begin + length > len(self._kept):
            wanted = max(length, _READ_BYTES)
            self._kept = os.pread(self._raw.fileno(), wanted, self._start + position)
            self._kept_at, begin = position, 0
        return self._kept[begin : begin + length]


class Storage(OverlayStorage):  # type: ignore[misc]
    """Files of one folder; the parts of a segment are in memory until its file is written.

    It knows the files it opened, as Whoosh drops them when one is unreadable.
    """

    supports_mmap = False

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        super().__init__(RamStorage(), FileStorage(self.folder))
        self._opened: list[Any] = []

    def open_file(self, name: str, **options: Any) -> Any:
        """Open a file for reading."""
        if self.a.file_exists(name):
            return self.a.open_file(name)
        raw = Path(self.folder, name).open("rb")  # noqa: SIM115 - the reader closes it
        self._opened.append(_File(raw, 0, None, name=name))
        return self._opened[-1]

    def create_file(self, name: str, **options: Any) -> Any:
        """Open a file for writing."""
        if not name.endswith(SEGMENT) and ".toc" not in name:
            return self.a.create_file(name)
        self._opened.append(self.b.create_file(name, **options))
        return self._opened[-1]

    def delete_file(self, name: str) -> None:
        """Remove a file."""
        (self.a if self.a.file_exists(name) else self.b).delete_file(name)

    def rename_file(self, old: str, new: str, safe: bool = False) -> None:
        """Give a finished table of contents its name, durably: Whoosh leaves that to chance."""
        folder = Path(self.folder)
        sync(folder / old)
        self.b.rename_file(old, new, safe=safe)
        sync(folder)

    def temp_storage(self, name: str | None = None) -> RamStorage:
        """Return a place for what is on its way to a part."""
        return RamStorage()

    def forget_parts(self) -> None:
        """Let go of the parts of a segment that was not finished."""
        self.a.clean()

    @contextmanager
    def closing_on_error(self) -> Iterator[None]:
        """Close, after an error, what was opened meanwhile and is still open."""
        self._opened.clear()
        try:
            yield
        except BaseException:
            for file in self._opened:
                if not file.is_closed:
                    # What a full disk did not take is written once more, in vain.
                    with suppress(OSError):
                        file.close()
            raise
        finally:
            self._opened.clear()


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment and which of its documents are there in one commit."""

    segment: Segment
    alive: int
    """A bitmap."""


class OpenSegments:
    """The newest commit of the index in ``folder``, as of the last refresh.

    Segments never change, so a refresh opens the new ones, closes those that are gone and takes
    the list of deleted documents of the others anew.
    """

    def __init__(self, folder: Path, cache: SegmentCache) -> None:
        self._folder = folder
        self._cache = cache
        self.storage = Storage(folder)
        self._generation = -1
        self.views: tuple[SegmentView, ...] = ()
        self.refresh()

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

    def entries(self) -> list[Any]:
        """Return what the commit that is open says of each segment."""
        found: list[Any] = _contents(self.storage, self._generation).segments
        return found

    def files(self) -> set[Path]:
        """Return the files that the commit consists of."""
        names = [f"_{INDEX_NAME}_{self._generation}.toc"]
        names += [segment_file(view.segment.id) for view in self.views]
        return {self._folder / name for name in names}

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
                views.append(SegmentView(found, _alive(entry)))
        self.views = tuple(views)
        self._generation = generation
        for gone in kept.values():
            gone.close()
            self._cache.forget(gone.id)


def create_index(folder: Path) -> None:
    """Make an empty index in a folder of its own."""
    TOC.create(Storage(folder), SCHEMA, INDEX_NAME)


def segment_file(segment_id: str) -> str:
    """Return the name of the file of a segment."""
    return f"{segment_id}{SEGMENT}"


def checksum(path: Path) -> int:
    """Return the checksum of a file, because Whoosh would not notice wrong bytes."""
    found = 0
    with path.open("rb") as file:
        for block in iter(partial(file.read, _CHECKED_BYTES), b""):
            found = zlib.crc32(block, found)
    return found


def _contents(storage: Storage, generation: int) -> TOC:
    return TOC.read(storage, INDEX_NAME, gen=generation, schema=SCHEMA)


def _alive(entry: Any) -> int:
    size: int = entry.doc_count_all()
    return bitmaps.full(size) & ~bitmaps.from_documents(entry.deleted_docs(), size=size)
