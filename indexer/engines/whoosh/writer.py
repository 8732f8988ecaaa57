"""Writing to a Whoosh index: one commit for each batch, durable when it returns.

Merges run in a thread beside that, so that no batch waits for one; each takes effect in a short
commit of its own.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any

from whoosh.index import TOC

from indexer.engines.whoosh.index import OpenIndex, engine_errors
from indexer.engines.whoosh.merge import Merge, StoppedError
from indexer.engines.whoosh.policy import SegmentSize, segments_to_merge
from indexer.engines.whoosh.schema import INDEX_NAME, Row, encode
from indexer.engines.whoosh.segment_file import (
    checksum,
    columns_of,
    segment_path,
    terms_of,
    write_segment,
)
from indexer.errors import EngineError
from indexer.model import Document


class IndexFolderWriter:
    """Writes to the index in one folder."""

    def __init__(self, folder: Path, index: OpenIndex) -> None:
        self._folder = folder
        self._index = index
        self._commits = Lock()
        """Held by the thread that looks at the newest commit to make the next one."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merging")
        self._merging: Future[None] | None = None
        """What the thread does, or failed to do."""
        self._stop = Event()
        index.refresh()
        try:
            with engine_errors(folder):
                self._check()
        except EngineError:
            index.close()
            raise

    def apply(self, documents: Sequence[Document], removed: Iterable[str]) -> None:
        """Add or replace ``documents`` and drop ``removed``; where both name an id, it is added.

        :class:`indexer.errors.EngineError` when a document cannot be stored or another writer is
        at work, or a merge failed since the last call, and nothing is changed then; or when the
        disk fails: after that, either nothing or all of it may be there.
        """
        # Encoded first: an error later on is not to leave half of a batch.
        rows = {document.key.id: encode(document) for document in documents}
        with self._commits, engine_errors(self._folder):
            self._tell_failure()
            with self._locked():
                self._index.refresh()
                gone = self._places({*rows, *removed})
                if rows or gone:
                    self._commit(gone, self._written(list(rows.values())))
            self._begin_merging()

    def count(self) -> int:
        """Return the number of documents."""
        return self._index.count()

    def is_merging(self) -> bool:
        """Tell whether a merge runs."""
        merging = self._merging
        return merging is not None and not merging.done()

    def close(self) -> None:
        """Give up the merge that runs, and close all files."""
        self._stop.set()
        self._thread.shutdown()
        self._index.close()

    def _check(self) -> None:
        """Compare the segments with their checksums, and remove what a killed writer left."""
        known = {self._folder / f"_{INDEX_NAME}_{self._index.contents().generation}.toc"}
        for view in self._index.views:
            path = segment_path(self._folder, view.segment.id)
            if checksum(path) != view.segment.checksum:
                raise ValueError(f"{path.name} has wrong bytes")
            known.add(path)
        for pattern in (f"_{INDEX_NAME}_*.toc*", f"{INDEX_NAME}_*.seg"):
            for leftover in set(self._folder.glob(pattern)) - known:
                leftover.unlink(missing_ok=True)

    def _places(self, ids: set[str]) -> dict[str, list[int]]:
        """Return, by segment, the documents that have one of ``ids``."""
        places = {}
        for view in self._index.views:
            known = view.segment.places
            found = (known[found_id] for found_id in ids if found_id in known)
            if there := [document for document in found if view.alive >> document & 1]:
                places[view.segment.id] = there
        return places

    def _written(self, rows: Sequence[Row]) -> list[Any]:
        if not rows:
            return []
        return [write_segment(self._folder, len(rows), columns_of(rows), terms_of(rows))]

    def _commit(
        self,
        gone: Mapping[str, Iterable[int]],
        added: Iterable[Any],
        merged: Container[str] = (),
    ) -> None:
        """Delete documents, add segments, and let go of those that are merged or empty."""
        contents = self._index.contents()
        dropped, kept = [], []
        for entry in [*contents.segments, *added]:
            for document in gone.get(entry.segment_id(), ()):
                entry.delete_document(document)
            if entry.segment_id() in merged or not entry.doc_count():
                dropped.append(entry.segment_id())
            else:
                kept.append(entry)
        generation = contents.generation
        TOC(contents.schema, kept, generation + 1).write(self._index.storage, INDEX_NAME)
        (self._folder / f"_{INDEX_NAME}_{generation}.toc").unlink()
        for segment_id in dropped:
            segment_path(self._folder, segment_id).unlink()
        self._index.refresh()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._index.storage.lock(f"{INDEX_NAME}_WRITELOCK")
        if not lock.acquire():
            raise EngineError(f"another writer is at work in {self._folder}")
        try:
            yield
        finally:
            lock.release()

    # Merging

    def _tell_failure(self) -> None:
        if self._merging is not None and self._merging.done():
            failed, self._merging = self._merging, None
            failed.result()

    def _begin_merging(self) -> None:
        if self._merging is None and (chosen := self._chosen()):
            self._merging = self._thread.submit(self._merge, chosen)

    def _chosen(self) -> Merge | None:
        """Return the merge that should be next, if any."""
        views = self._index.views
        sizes = [SegmentSize(view.segment.size, view.alive.bit_count()) for view in views]
        places = sorted(segments_to_merge(sizes))
        if not places:
            return None
        entries = self._index.contents().segments
        return Merge(self._folder, [views[n] for n in places], [entries[n] for n in places])

    def _merge(self, merge: Merge | None) -> None:
        """Merge until there is nothing to merge, or all is closed; what the thread does."""
        with suppress(StoppedError), engine_errors(self._folder):
            while merge is not None:
                merge = self._merged(merge)

    def _merged(self, merge: Merge) -> Merge | None:
        """Write a segment and have it take the place of others; return the merge that is next."""
        entry = merge.write(self._stop)
        with self._commits, self._locked():
            self._index.refresh()
            alive = {view.segment.id: view.alive for view in self._index.views}
            gone = {entry.segment_id(): list(merge.gone_since(alive))}
            self._commit(gone, [entry], merge.segment_ids)
            following = self._chosen()
            if following is None:
                # Still within the lock: the next batch is to begin what it makes necessary.
                self._merging = None
        return following
