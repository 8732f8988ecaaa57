"""An open Whoosh index: the segments of its newest commit."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.compound import SubFile
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import TOC

from indexer.engines.local import engine_errors, sync
from indexer.engines.protocol import go_on
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.schema import INDEX_NAME, SCHEMA
from indexer.engines.whoosh.segment import Segment

_CHECKED_BYTES = 1 << 20
_ATTEMPTS = 20
"""How often the newest commit may be overtaken by another one while it is being opened."""


class _File(StructFile):  # type: ignore[misc]  # Whoosh carries no types
    """Reads what is at a place of a file, or of a part of one, in one step.

    Whoosh itself seeks and reads in two layers, or copies its memory maps when it opens them.
    """

    def __init__(self, raw: Any, start: int = 0, length: int | None = None, **options: Any) -> None:
        super().__init__(raw if length is None else SubFile(raw, start, length), **options)
        self._raw, self._start = raw, start

    def subset(self, offset: int, length: int, name: str | None = None) -> "_File":
        """Return a part as a file."""
        return _File(self._raw, self._start + offset, length, name=name)

    def get(self, position: int, length: int) -> bytes:
        """Read ``length`` bytes from a place."""
        self._raw.seek(self._start + position)
        found: bytes = self._raw.read(length)
        return found


class Storage(FileStorage):  # type: ignore[misc]
    """The files of a folder. It knows those it opened: Whoosh drops them if one is unreadable."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), supports_mmap=False)
        self._opened = ExitStack()

    def open_file(self, name: str, **options: Any) -> Any:
        """Open a file for reading."""
        return _File(self._opened.enter_context(Path(self.folder, name).open("rb")), name=name)

    def create_file(self, name: str, **options: Any) -> Any:
        """Open a file for writing."""
        made = super().create_file(name, **options)
        self._opened.enter_context(made.file)
        return made

    def rename_file(self, old: str, new: str, safe: bool = False) -> None:
        """Give a finished table of contents its name, durably: Whoosh leaves that to chance."""
        folder = Path(self.folder)
        sync(folder / old)
        super().rename_file(old, new, safe=safe)
        sync(folder)

    def temp_storage(self, name: str | None = None) -> "Storage":
        """Return the place for parts of a segment: beside it."""
        return self

    def destroy(self) -> None:
        """Do nothing: Whoosh would remove all that is in the place for parts."""

    @contextmanager
    def closing_on_error(self) -> Iterator[None]:
        """Close, after an error, what was opened meanwhile and is still open."""
        with ExitStack() as self._opened:
            yield
            # Whoever asked for them closes them.
            self._opened.pop_all()


class OpenSegments:
    """The newest commit of the index in ``folder``, as of the last refresh.

    Segments never change, so a refresh opens the new ones, closes those that are gone and takes
    the list of deleted documents of the others anew.
    """

    def __init__(
        self, folder: Path, cache: SegmentCache, check: Callable[[], None] = go_on
    ) -> None:
        self._folder = folder
        self._cache = cache
        self._check = check
        self.storage = Storage(folder)
        self.commit: int | None = None
        """Its number."""
        self.parts: tuple[Segment, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Go to the newest commit; return whether it is another one.

        :class:`indexer.errors.EngineError` when it cannot be read; the old one stays then.
        """
        with engine_errors(self._folder):
            for _ in range(_ATTEMPTS - 1):
                # A writer that commits removes what the commit before consisted of. A listing is
                # no snapshot: it may miss both.
                with suppress(FileNotFoundError):
                    return self._open_newest()
            return self._open_newest()

    def count(self) -> int:
        """Return the number of documents."""
        return sum(segment.alive.bit_count() for segment in self.parts)

    def close(self) -> None:
        """Close all files."""
        for segment in self.parts:
            segment.close()
        self.parts = ()
        self.commit = None

    def _open_newest(self) -> bool:
        generation = TOC._latest_generation(self.storage, INDEX_NAME)  # noqa: SLF001 - no other way
        if generation == self.commit:
            return False
        kept = {segment.id: segment for segment in self.parts}
        with self.storage.closing_on_error():
            entries = TOC.read(self.storage, INDEX_NAME, generation, SCHEMA).segments
            segments = [
                kept.pop(entry.segment_id())
                if entry.segment_id() in kept
                else Segment(self.storage, entry, self._cache, self._check)
                for entry in entries
            ]
        for segment, entry in zip(segments, entries, strict=True):
            segment.alive = alive(entry)
        self.parts = tuple(segments)
        self.commit = generation
        for gone in kept.values():
            gone.close()
        return True


def create_index(folder: Path) -> None:
    """Make an empty index in a folder of its own."""
    TOC.create(Storage(folder), SCHEMA, INDEX_NAME)


def segment_file(segment_id: str) -> str:
    """Return the name of the file of a segment."""
    return f"{segment_id}{W3Segment.COMPOUND_EXT}"


def checksum(path: Path) -> int:
    """Return the checksum of a file, because Whoosh would not notice wrong bytes."""
    found = 0
    with path.open("rb") as file:
        # In blocks: all of a map would count as memory of the process.
        while block := file.read(_CHECKED_BYTES):
            found = zlib.crc32(block, found)
    return found


def alive(entry: Any) -> int:
    """Return the documents that a table of contents says are there, as a bitmap."""
    size: int = entry.doc_count_all()
    return ((1 << size) - 1) & ~bitmaps.from_documents(entry.deleted_docs(), size=size)
