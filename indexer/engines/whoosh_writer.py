"""Writing to a Whoosh index: one commit for each batch, durable when it returns."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from whoosh.filedb.filestore import FileStorage
from whoosh.index import LockError
from whoosh.reading import SegmentReader

from indexer.engines.generations import sync
from indexer.engines.whoosh_checksums import add_checksums, check_segments
from indexer.engines.whoosh_index import INDEX_NAME, OpenIndex, engine_errors
from indexer.engines.whoosh_merge import SegmentSize, segments_to_merge
from indexer.engines.whoosh_schema import codec, encode
from indexer.errors import EngineError
from indexer.model.document import Document

_MEMORY_MB = 64
"""What Whoosh may gather in memory before it sorts postings through temporary files."""


class IndexFolderWriter:
    """Writes to the index in one folder."""

    def __init__(self, folder: Path, index: OpenIndex) -> None:
        self._folder = folder
        self._index = index
        self._durable: set[str] = set()
        with engine_errors(folder):
            _remove_leftovers(folder)
        index.refresh()
        try:
            with engine_errors(folder):
                check_segments(folder, index.segment_ids)
        except EngineError:
            index.close()
            raise

    def apply(self, documents: Sequence[Document], removed: Iterable[str]) -> None:
        """Add or replace ``documents`` and drop ``removed``; where both name an id, it is added.

        :class:`indexer.errors.EngineError` when a document cannot be stored or another writer is
        at work, and nothing is changed then; or when the disk fails: after that, either nothing
        or all of it may be there.
        """
        # Encoded first: an error within Whoosh's writer would leave half a document in the batch.
        rows = {document.key.id: encode(document) for document in documents}
        self._index.refresh()
        numbers = self._numbers({*rows, *removed})
        if not rows and not numbers:
            return
        with engine_errors(self._folder):
            self._commit(rows.values(), numbers)
            self._make_durable()
        self._index.refresh()

    def count(self) -> int:
        """Return the number of documents."""
        return self._index.count()

    def close(self) -> None:
        """Close all files."""
        self._index.close()

    def _numbers(self, ids: set[str]) -> list[int]:
        """Return the numbers, in the whole index, of the documents that have one of ``ids``.

        Whoosh would search the index for each document it replaces; here that is a look-up.
        """
        numbers = []
        base = 0
        for view in self._index.views:
            places = view.segment.places
            found = (places[found_id] for found_id in ids if found_id in places)
            numbers += [base + number for number in found if view.alive >> number & 1]
            base += view.segment.size
        return numbers

    def _commit(self, rows: Iterable[dict[str, object]], numbers: Iterable[int]) -> None:
        try:
            writer = self._index.index().writer(limitmb=_MEMORY_MB, codec=codec())
        except LockError as error:
            raise EngineError(f"another writer is at work in {self._folder}") from error
        with writer:
            if [segment.segment_id() for segment in writer.segments] != self._index.segment_ids:
                raise EngineError(f"another writer changed {self._folder}")
            writer.mergetype = _merge
            for number in numbers:
                writer.delete_document(number)
            for row in rows:
                writer.add_document(**row)

    def _make_durable(self) -> None:
        """Have the new files written to the disk: Whoosh leaves that to chance."""
        names = {entry.name for entry in os.scandir(self._folder) if entry.is_file()}
        for name in names - self._durable:
            sync(self._folder / name)
        added = add_checksums(self._folder, names)
        sync(self._folder)
        self._durable = names | added


def _merge(writer: Any, segments: list[Any]) -> list[Any]:
    """Write some of ``segments`` into the new one and return the others (Whoosh's merge policy)."""
    # A merge reads whole segments, which is three times faster from copies in memory: Whoosh
    # makes those when it may use memory maps.
    storage = FileStorage(writer.storage.folder, supports_mmap=True)
    sizes = [SegmentSize(segment.doc_count_all(), segment.doc_count()) for segment in segments]
    merged = segments_to_merge(sizes)
    for place in sorted(merged):
        if sizes[place].alive:
            reader = SegmentReader(storage, writer.schema, segments[place])
            writer.add_reader(reader)
            reader.close()
    return [segment for place, segment in enumerate(segments) if place not in merged]


def _remove_leftovers(folder: Path) -> None:
    """Remove tables of contents that a killed writer did not finish; Whoosh clears the rest."""
    for leftover in folder.glob(f"_{INDEX_NAME}_*.toc.*"):
        leftover.unlink(missing_ok=True)
