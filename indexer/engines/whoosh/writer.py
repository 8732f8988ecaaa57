"""Writing to a Whoosh index: one commit for each batch, durable when it returns.

A commit merges segments too, no more than it can in about a second, or than its batch makes worth
while. So a push never waits for the merge of a large index, and a rebuild leaves few segments.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, compress, islice, takewhile
from pathlib import Path
from typing import Any

from whoosh.index import FileIndex
from whoosh.reading import SegmentReader
from whoosh.writing import SegmentWriter

from indexer.engines.local import engine_errors, sync
from indexer.engines.whoosh.codec import Codec, PostingPool, Postings
from indexer.engines.whoosh.index import OpenSegments, checksum, segment_file
from indexer.engines.whoosh.schema import COLUMNS, INDEX_NAME, SCHEMA, encode
from indexer.errors import EngineError
from indexer.model import Document

FAN = 8
"""So many segments of a similar size become one."""
MERGED_MIN, MERGED_SHARE = 1000, 10
"""A commit merges so many documents, or so many times those of its batch."""
_WORN = 5
"""A segment is written anew when one in so many of its documents is deleted."""


class SegmentedWriter:
    """Writes to the index in one folder."""

    def __init__(self, folder: Path, index: OpenSegments) -> None:
        self._folder = folder
        self._index = index
        try:
            with engine_errors(folder):
                self._check()
        except EngineError:
            index.close()
            raise

    def apply(self, documents: Sequence[Document], removed: Iterable[str]) -> None:
        """Add or replace ``documents`` and drop ``removed``; where both name an id, it is added.

        :class:`indexer.errors.EngineError` when a document cannot be stored or another writer is
        at work, and nothing is changed then; or when the disk fails: after that, either nothing or
        all of it may be there.
        """
        # Encoded first: an error later on is not to leave half of a batch.
        rows = {document.key.id: encode(document) for document in documents}
        with engine_errors(self._folder), self._locked():
            self._index.refresh()
            gone = self._gone({*rows, *removed})
            if rows or gone:
                self._commit(gone, list(rows.values()))

    def count(self) -> int:
        """Return the number of documents."""
        return self._index.count()

    def close(self) -> None:
        """Close all files."""
        self._index.close()

    def _check(self) -> None:
        """Compare the segments with their checksums, and remove what a killed writer left."""
        for entry in self._index.entries():
            path = self._folder / segment_file(entry.segment_id())
            if checksum(path) != entry.checksum:
                raise ValueError(f"{path.name} has wrong bytes")
        known = {*self._index.files(), self._folder / _LOCK}
        for leftover in set(self._folder.iterdir()) - known:
            if leftover.is_file():
                leftover.unlink(missing_ok=True)

    def _gone(self, ids: set[str]) -> dict[str, list[int]]:
        """Return, by segment, the documents that have one of ``ids``."""
        places = {}
        for view in self._index.views:
            known = view.segment.places
            found = (known[found_id] for found_id in ids if found_id in known)
            if there := [document for document in found if view.alive >> document & 1]:
                places[view.segment.id] = there
        return places

    def _commit(self, gone: dict[str, list[int]], rows: Sequence[dict[str, Any]]) -> None:
        storage = self._index.storage
        with storage.closing_on_error():
            writer = _Writer(FileIndex(storage, SCHEMA, INDEX_NAME))
            for segment in writer.segments:
                for document in gone.get(segment.segment_id(), ()):
                    segment.delete_document(document)
            for row in rows:
                writer.add_document(**row)
            writer.commit(mergetype=merge)
        self._index.refresh()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._index.storage.lock(_LOCK)
        if not lock.acquire():
            raise EngineError(f"another writer is at work in {self._folder}")
        try:
            yield
        finally:
            self._index.storage.forget_parts()
            lock.release()


_LOCK = f"{INDEX_NAME}_WRITELOCK"


class _Writer(SegmentWriter):  # type: ignore[misc]  # Whoosh carries no types
    """Whoosh's writer: writes durably, with a checksum, and merges term by term."""

    def __init__(self, index: FileIndex) -> None:
        super().__init__(index, codec=Codec(), _lk=False)
        self.pool = PostingPool(SCHEMA)

    def add_document(self, **fields: Any) -> None:
        """Add what ``encode`` made of a document."""
        for field in fields.keys() - COLUMNS.keys():
            self.pool.add(field, self.docnum, fields[field])
        self._add_columns({field: fields[field] for field in COLUMNS})

    def add_reader(self, reader: SegmentReader) -> None:
        """Add the documents of a segment, without those deleted."""
        numbers: list[int | None] = []
        columns = [reader.column_reader(field, translate=False) for field in COLUMNS]
        rows = zip(*columns, strict=True)
        for document, row in enumerate(rows):
            is_gone = reader.is_deleted(document)
            numbers.append(None if is_gone else self.docnum)
            if not is_gone:
                self._add_columns(dict(zip(COLUMNS, row, strict=True)))
        terms = self.codec.terms_reader(reader.storage(), reader.segment())
        for field in terms.indexed_field_names():
            for term, postings in terms.starting(field):
                if kept := _renumbered(postings, numbers):
                    self.pool.extend(field, term, kept)

    def _add_columns(self, row: Mapping[str, bytes | int]) -> None:
        self.perdocwriter.start_doc(self.docnum)
        for field, value in row.items():
            self.perdocwriter.add_column_value(field, COLUMNS[field], value)
        self.perdocwriter.finish_doc()
        self.docnum += 1
        self._added = True

    def _finalize_segment(self) -> Any:
        path = Path(self.storage.folder, segment_file(self.newsegment.segment_id()))
        try:
            segment = super()._finalize_segment()
            sync(path)
            segment.checksum = checksum(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return segment


def merge(writer: _Writer, segments: Sequence[Any]) -> list[Any]:
    """Add to ``writer`` the segments that are to be merged; return the others that have documents.

    It is what Whoosh calls a merge policy.
    """
    kept = [segment for segment in segments if segment.doc_count()]
    for segment in segments_to_merge(kept, added=writer.docnum):
        reader = SegmentReader(writer.storage, SCHEMA, segment)
        try:
            writer.add_reader(reader)
        finally:
            reader.close()
        kept.remove(segment)
    return kept


def segments_to_merge(segments: Sequence[Any], *, added: int) -> list[Any]:
    """Return the segments to make one of, beside ``added`` new documents, smallest first.

    Those of the lowest tier that holds ``FAN`` or more, with the smaller ones, which cost next to
    nothing beside them; or else a worn segment. Never more than a commit may merge, and no tier of
    which that is a small part: its documents would be merged again and again.
    """
    limit = max(MERGED_MIN, MERGED_SHARE * added)
    ordered = sorted(segments, key=lambda segment: segment.doc_count())
    sizes = accumulate(segment.doc_count() for segment in ordered)
    fitting = ordered[: sum(1 for _ in takewhile(limit.__ge__, sizes))]
    tiers = Counter(map(_tier, ordered))
    for tier, count in sorted(tiers.items()):
        chosen = [segment for segment in fitting if _tier(segment) <= tier]
        if count >= FAN and sum(_tier(segment) == tier for segment in chosen) >= FAN // 2:
            return chosen
    worn = (segment for segment in ordered if _is_worn(segment) and segment.doc_count() <= limit)
    return list(islice(worn, 1))


def _tier(segment: Any) -> int:
    """Return the power of ``FAN`` that a size is in; segments of one tier are of similar size."""
    tier, rest = 0, segment.doc_count()
    while rest >= FAN:
        tier, rest = tier + 1, rest // FAN
    return tier


def _is_worn(segment: Any) -> bool:
    """Tell whether so much is deleted that writing it anew pays."""
    worn: bool = segment.deleted_count() * _WORN >= segment.doc_count_all()
    return worn


def _renumbered(postings: Postings, numbers: Sequence[int | None]) -> Postings | None:
    """Return postings with new numbers; None when no document is left."""
    found = [numbers[document] for document in postings.documents]
    kept = [number for number in found if number is not None]
    if len(kept) == len(found):
        return Postings(kept, postings.weights)
    alive = [number is not None for number in found]
    return Postings(kept, list(compress(postings.weights, alive))) if kept else None
