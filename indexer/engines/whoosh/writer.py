"""Writing to a Whoosh index: one commit for each batch, durable when it returns.

A commit merges segments too, no more than it can in about a second, or than its batch makes worth
while. So a push never waits for the merge of a large index, and searches meet few segments.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from itertools import compress, starmap
from operator import itemgetter
from pathlib import Path
from typing import Any

from whoosh.index import FileIndex
from whoosh.writing import SegmentWriter

from indexer.engines.local import engine_errors, sync
from indexer.engines.protocol import EncodedDocument
from indexer.engines.whoosh import bitmap as bitmaps
from indexer.engines.whoosh.cache import SegmentCache
from indexer.engines.whoosh.codec import Codec, PostingPool
from indexer.engines.whoosh.index import OpenSegments, alive, checksum, segment_file
from indexer.engines.whoosh.rank import Matches
from indexer.engines.whoosh.schema import COLUMNS, INDEX_NAME, SCHEMA, encode
from indexer.engines.whoosh.segment import Segment
from indexer.errors import EngineError
from indexer.model import Document

FAN = 8
"""The least number of segments that become one in a commit."""
FILLED_FAN = 64
"""The same while a generation is filled: in the end all segments are merged anyway."""
MERGED_MIN, MERGED_SHARE = 1000, 10
"""A commit merges so many documents, or so many times those of its batch."""
_Row = Mapping[str, Any]
"""The fields of a document."""
_LOCK = f"{INDEX_NAME}_WRITELOCK"


class SegmentedWriter(OpenSegments):
    """Writes to the index in one folder."""

    def __init__(self, folder: Path) -> None:
        # It asks for the same thing seldom.
        super().__init__(folder, SegmentCache(0))
        self._filled: dict[str, _Row] = {}
        try:
            with engine_errors(folder):
                self._clean()
                for segment in self.parts:
                    path = folder / segment_file(segment.id)
                    if checksum(path) != segment.checksum:
                        raise ValueError(f"{path.name} has wrong bytes")
        except EngineError:
            self.close()
            raise

    def apply(self, documents: Sequence[Document], removed: Iterable[str]) -> None:
        """Add or replace ``documents`` and drop ``removed``; where both name an id, it is added.

        :class:`indexer.errors.EngineError` when a document cannot be stored or another writer is
        at work, and nothing is changed then; or when the disk fails: after that, either nothing or
        all of it may be there.
        """
        self.commit_filled()
        # Encoded first: an error later on is not to leave half of a batch.
        rows = {document.key.id: encode(document).content for document in documents}
        with engine_errors(self._folder), self._locked():
            gone = {*rows, *removed}
            if rows or any(gone & segment.places.keys() for segment in self.parts):
                self._commit(rows, gone)

    def fill(self, documents: Iterable[EncodedDocument]) -> None:
        """Keep the fields of ``documents`` for the next commit, which merges hardly ever."""
        self._filled.update((key.id, row) for key, row in documents)

    def commit_filled(self) -> None:
        """Write a segment of what was filled."""
        if self._filled:
            rows, self._filled = self._filled, {}
            with engine_errors(self._folder), self._locked():
                self._commit(rows, rows.keys(), fan=FILLED_FAN)

    def optimize(self) -> None:
        """Make one segment of all."""
        self.commit_filled()
        with engine_errors(self._folder), self._locked():
            if len(self.parts) > 1:
                self._commit({}, set(), merges_all=True)

    def _clean(self) -> None:
        """Go to the newest commit, and remove what a killed or failed writer left."""
        self.refresh()
        known = {_LOCK, f"_{INDEX_NAME}_{self.commit}.toc"}
        known |= {segment_file(segment.id) for segment in self.parts}
        for found in self._folder.iterdir():
            if found.name not in known and found.is_file():
                found.unlink(missing_ok=True)

    def _commit(
        self,
        rows: Mapping[str, _Row],
        gone: Set[str],
        *,
        fan: int = FAN,
        merges_all: bool = False,
    ) -> None:
        """Add ``rows``, the fields of documents by id, and drop the ids ``gone``.

        With fewer than ``fan`` segments none are merged.
        """
        segments = {segment.id: segment for segment in self.parts}
        with self.storage.closing_on_error():
            writer = _Writer(FileIndex(self.storage, SCHEMA, INDEX_NAME))
            for entry in writer.segments:
                places = segments[entry.segment_id()].places
                for found in gone & places.keys():
                    entry.delete_document(places[found])
            entries = {one.segment_id(): one for one in writer.segments if one.doc_count()}
            sizes = {segment: entry.doc_count() for segment, entry in entries.items()}
            merged = segments_to_merge(sizes, added=len(rows)) if len(sizes) >= fan else []
            if merges_all:
                merged = list(sizes)
            writer.add(rows, [(segments[one], alive(entries.pop(one))) for one in merged])
            writer.commit(mergetype=lambda *_: list(entries.values()))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.storage.lock(_LOCK)
        if not lock.acquire():
            raise EngineError(f"another writer is at work in {self._folder}")
        with ExitStack() as after:
            after.callback(lock.release)
            after.callback(self._clean)
            self.refresh()
            yield


class _Writer(SegmentWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Whoosh's writer: writes durably, with a checksum, and merges term by term."""

    def __init__(self, index: FileIndex) -> None:
        super().__init__(index, codec=Codec(), _lk=False)
        self.pool = PostingPool()

    def add(self, rows: Mapping[str, _Row], merged: Matches) -> None:
        """Add new documents, as ``encode`` makes them, and those of segments, in order of ids."""
        new = ((key, None, 0, rows[key]) for key in sorted(rows))
        sources = (new, *starmap(self._old, merged))
        for _, numbers, document, row in heapq.merge(*sources, key=itemgetter(0)):
            if numbers is None:
                self.pool.add(self.docnum, row)
            else:
                numbers[document] = self.docnum
            self.perdocwriter.start_doc(self.docnum)
            for field, column in COLUMNS.items():
                self.perdocwriter.add_column_value(field, column, row[field])
            self.perdocwriter.finish_doc()
            self.docnum += 1
            self._added = True

    def _old(
        self, segment: Segment, found: int
    ) -> Iterator[tuple[str, list[int | None], int, _Row]]:
        """Yield documents of a segment, after the place of their new numbers."""
        numbers: list[int | None] = [None] * segment.size
        self.pool.merge(segment.terms, numbers)
        rows = zip(*map(segment.column, COLUMNS), strict=True)
        flags = bitmaps.flags(found, size=segment.size)
        for document, row in compress(enumerate(rows), flags):
            yield segment.ids[document], numbers, document, dict(zip(COLUMNS, row, strict=True))

    def _finalize_segment(self) -> Any:
        segment = super()._finalize_segment()
        path = Path(self.storage.folder, segment_file(segment.segment_id()))
        sync(path)
        segment.checksum = checksum(path)
        return segment


def segments_to_merge(sizes: Mapping[str, int], *, added: int) -> list[str]:
    """Return the segments to make one of, beside ``added`` new documents.

    ``sizes`` are the numbers of documents by segment. Of the smallest, those are merged that a
    commit may merge. The largest of them is no larger than the others together: so a document is
    merged seldom, because its segment has at least twice the size afterwards.
    """
    limit = max(MERGED_MIN, MERGED_SHARE * added)
    ordered = sorted(sizes, key=sizes.__getitem__)
    chosen, together = 0, 0
    for number, segment in enumerate(ordered, start=1):
        if together + sizes[segment] > limit:
            break
        if number >= FAN and sizes[segment] <= together:
            chosen = number
        together += sizes[segment]
    return ordered[:chosen]
